# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollback of provisional changes on the real kernel: by a process, by a timer of systemd, by hand, and in parts."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.record import find_change, find_report
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import DIRECTORY as PROGRAMS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import DIRECTORY
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import comparable, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.names import openresolv
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run
from ansible_collections.cryptokey.wireguard.tests.kernel.provisional import (
    PATIENT,
    SECONDS,
    Machine,
    Side,
    leftovers,
    settled,
    wait_until,
)


def test_what_is_not_confirmed_is_rolled_back_by_a_process_of_its_own(side: Side) -> None:
    """Peers, keys, port, mark, MTU, addresses and routes; the host is cut off meanwhile."""
    before = comparable(side.host.read())
    (stranger,) = strangers(1)
    spoilt = {"addresses": ["10.77.0.1/24"], "listen_port": 51999, "fwmark": 0, "mtu": 1300, "peers": [stranger]}
    result = side.run(**spoilt, confirm="always", confirm_timeout=SECONDS)
    assert (result["changed"], result["provisional"]) == (True, True)
    assert Path(f"{DIRECTORY}/wg0.unconfirmed").stat().st_mode & 0o777 == 0o600
    settled("wg0")
    assert comparable(side.host.read()) == before
    report = find_report("wg0")
    assert report
    assert (report.change, report.problem) == (result["change"], "")
    wait_until(lambda: leftovers() == [], 5)
    side.host.ping("10.9.0.2")


def test_with_systemd_it_is_a_timer(machine: Machine) -> None:
    before = machine.read()
    result = machine.run(peers=strangers(1), confirm="always", confirm_timeout=SECONDS)
    assert f"cryptokey-wireguard-rollback-{result['change']}.timer" in run("systemctl", "list-timers", "--no-pager")
    assert machine.read() != before
    settled("wgown")
    assert machine.read() == before
    report = find_report("wgown")
    assert report
    assert (len(report.changes), report.problem) == (2, "")
    wait_until(lambda: leftovers() == [], 5)

    def log() -> str:
        return run("journalctl", "--no-pager", "-t", "cryptokey-wireguard")

    wait_until(lambda: "the state before the change is restored" in log())
    assert f"the change {result['change']} was not confirmed in time" in log()


def test_name_servers_that_cannot_be_set_keep_nothing_else_from_coming_back(machine: Machine) -> None:
    """And they come back once they can be, without anybody."""
    with openresolv():
        program = Path(str(shutil.which("resolvconf")))
        machine.run(peers=strangers(3), dns=["10.66.0.53"])
        before = machine.read()
        machine.run(peers=strangers(1), dns=["10.66.0.54"], mtu=1300, confirm="always", confirm_timeout=SECONDS)
        aside = program.rename(f"{program}.aside")
        try:
            program.write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
            program.chmod(0o755)
            wait_until(lambda: find_report("wgown") is not None)
            report = find_report("wgown")
            assert report
            assert "name servers: " in report.problem
            assert "it is broken" in report.problem
            assert machine.read() == before
            assert find_change("wgown")
            with pytest.raises(
                RuntimeError, match=r"its rollback is not finished|the state before its last change cannot"
            ):
                machine.run(peers=strangers(3))
            with pytest.raises(RuntimeError, match="not all of the previous state is restored: name servers"):
                machine.confirm(state="rolled_back")
        finally:
            aside.rename(program)
        wait_until(lambda: find_change("wgown") is None, 100)
        assert run("resolvconf", "-l", "wgown").split()[-2:] == ["nameserver", "10.66.0.53"]
        assert machine.run(peers=strangers(3), dns=["10.66.0.53"])["changes"] == []
        run("resolvconf", "-d", "wgown", "-f")


def test_a_timer_that_is_disarmed_is_gone(machine: Machine) -> None:
    result = machine.run(mtu=1300, peers=strangers(3), confirm="always", confirm_timeout=PATIENT)
    unit = f"cryptokey-wireguard-rollback-{result['change']}.timer"
    assert machine.confirm(change=result["change"])["changed"]
    wait_until(lambda: subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode != 0, 10)
    assert (machine.read().mtu, leftovers()) == (1300, [])


def test_a_good_change_is_confirmed(side: Side) -> None:
    wanted = {"mtu": 1300, "peers": side.peer(allowed_ips=["10.9.0.2/32", "10.10.0.0/16"])}
    result = side.run(**wanted, confirm="always", confirm_timeout=PATIENT)
    confirmed = side.confirm(change=result["change"])
    assert (confirmed["changed"], confirmed["tunnels"], leftovers()) == (True, ["right"], [])
    assert side.run(**wanted)["changed"] is False


def test_a_second_run_is_told_at_once_and_nothing_stacks(side: Side) -> None:
    result = side.run(mtu=1300, confirm="always", confirm_timeout=PATIENT)
    begin = time.monotonic()
    for check_mode in (True, False):
        with pytest.raises(RuntimeError, match="its last change is not confirmed yet, and is rolled back in"):
            side.run(alias="later", check_mode=check_mode)
    assert time.monotonic() - begin < PATIENT / 2
    reported = side.confirm(state="reported")
    assert (reported["changed"], reported["pending"]["change"]) == (False, result["change"])
    side.confirm(state="rolled_back")
    assert side.run(alias="later")["changes"] == ["set alias 'later'"]


def test_the_private_key_is_kept_by_its_file(side: Side) -> None:
    side.run(mtu=1300, confirm="always", confirm_timeout=PATIENT)
    text = Path(f"{DIRECTORY}/wg0.unconfirmed").read_text()
    assert side.host.private_key.reveal_base64() not in text
    assert side.confirm(state="rolled_back")["rolled_back"]["changes"] == ["set mtu 1400"]


def test_check_mode_arms_nothing(side: Side) -> None:
    result = side.run(mtu=1300, check_mode=True, confirm="always")
    assert (result["changed"], result["provisional"], find_change("wg0"), leftovers()) == (True, False, None, [])


def test_where_the_watchdog_cannot_be_armed_nothing_is_changed(side: Side) -> None:
    before = comparable(side.host.read())
    Path(DIRECTORY).mkdir(0o700, parents=True, exist_ok=True)
    run("mount", "--bind", DIRECTORY, DIRECTORY)
    try:
        run("mount", "-o", "remount,ro,bind", DIRECTORY)
        with pytest.raises(RuntimeError, match=r"watchdog.*cannot be started.*Read-only.*Nothing was changed"):
            side.run(mtu=1300, confirm="always")
    finally:
        run("umount", DIRECTORY)
    assert (comparable(side.host.read()), find_change("wg0"), leftovers()) == (before, None, [])


def test_what_is_left_of_a_boot_before_is_destroyed(side: Side) -> None:
    path = Path(f"{DIRECTORY}/wg0.unconfirmed")
    side.run(mtu=1300, confirm="always", confirm_timeout=PATIENT)
    for program in Path(PROGRAMS).glob("*.zip"):  # as a reboot does
        program.unlink()
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({**plain, "boot": "another"}))
    assert "warnings" not in side.run(mtu=1300)
    assert not path.exists()
