# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisional changes on the real kernel: what cuts a host off comes undone by itself, and what is good stays."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._endpoints import load_endpoints
from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel import host as kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._keyfile import DIRECTORY
from ansible_collections.cryptokey.wireguard.plugins.module_utils._lock import DIRECTORY as PROGRAMS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._unconfirmed import find, find_report
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    comparable,
    key_of,
    strangers,
    tunnel,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints, run_confirm, run_module

SECONDS = 10
# For what somebody has to do in time, however slow the machine is.
PATIENT = 300
PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Side(NamedTuple):
    """The left host, whose wg0 the module changes, and what it is given at first."""

    host: Host
    other: Host
    folder: Path
    options: dict[str, Any]

    def run(self, **options: Any) -> Any:
        return run_module(self.host, self.folder, **{"interface": "wg0", **self.options, **options})

    def confirm(self, **options: Any) -> Any:
        return run_confirm(self.host, self.folder, interface="wg0", **options)

    def peer(self, **options: Any) -> list[dict[str, Any]]:
        """The one peer, otherwise."""
        (peer,) = self.options["peers"]
        return [{**peer, **options}]


@pytest.fixture
def side(pair: tuple[Host, Host], tmp_path: Path) -> Iterator[Side]:
    """Both ends up, with a session, and a ping has gone through."""
    forget_endpoints()
    left, right = pair
    ours, theirs = tunnel(left, right)
    right.converge(**theirs)
    side = Side(left, right, tmp_path, {"listen_port": 51820, "fwmark": "0x7", "mtu": 1400, **ours})
    side.run()
    left.ping("10.9.0.2")
    yield side
    wait_until(lambda: find("wg0") is None)
    forget_endpoints()


def wait_until(come: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < end
        time.sleep(0.2)


def leftovers() -> list[str]:
    """What is left of a change that is over: records with secrets, and programs."""
    return [str(path) for path in (*Path(DIRECTORY).glob("*unconfirmed*"), *Path(PROGRAMS).glob("*.zip"))]


def wrong_key(side: Side) -> dict[str, Any]:
    (stranger,) = strangers(1)
    return {"peers": side.peer(public_key=stranger["public_key"])}


BREAKS: dict[str, Callable[[Side], dict[str, Any]]] = {
    "wrong endpoint, preshared key and keepalive": lambda side: {
        "peers": side.peer(endpoint="192.0.2.77:51820", preshared_key=PRESHARED_KEY, persistent_keepalive=0)
    },
    "wrong key of the peer": wrong_key,
    "allowed_ips that steal the way to the peer itself": lambda side: {
        "peers": side.peer(allowed_ips=["10.9.0.2/32", "192.0.2.2/32"])
    },
    "other addresses, port, mark and MTU": lambda side: {
        "addresses": ["10.77.0.1/24"],
        "listen_port": 51999,
        "fwmark": 0,
        "mtu": 1300,
    },
    "down": lambda side: {"up": False},
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_change_that_nobody_confirms_is_undone_by_a_process_of_its_own(side: Side, name: str) -> None:
    before = comparable(side.host.read())
    learned = comparable(side.other.read())
    result = side.run(**BREAKS[name](side), confirm="always", confirm_timeout=SECONDS)
    assert (result["changed"], result["provisional"]) == (True, True)
    assert comparable(side.host.read()) != before
    assert Path(f"{DIRECTORY}/wg0.unconfirmed").stat().st_mode & 0o777 == 0o600
    wait_until(lambda: find("wg0") is None)
    assert comparable(side.host.read()) == before
    report = find_report("wg0")
    assert report
    assert (report.change, report.problem) == (result["change"], "")
    assert report.operations
    wait_until(lambda: leftovers() == [], 5)
    # The old session, or a new one where the peer had gone.
    side.host.ping("10.9.0.2")
    side.other.ping("10.9.0.1")
    assert comparable(side.other.read()) == learned


def test_another_private_key_is_undone(side: Side, tmp_path: Path) -> None:
    before = comparable(side.host.read())
    other = tmp_path / "other.key"
    other.touch(0o600)
    other.write_text(key_of("other").reveal_base64())
    side.run(private_key_file=str(other), confirm="always", confirm_timeout=SECONDS)
    assert comparable(side.host.read()) != before
    wait_until(lambda: find("wg0") is None)
    assert comparable(side.host.read()) == before
    side.host.ping("10.9.0.2")


def test_the_private_key_is_kept_by_its_file(side: Side) -> None:
    side.run(mtu=1300, confirm="always", confirm_timeout=PATIENT)
    text = Path(f"{DIRECTORY}/wg0.unconfirmed").read_text()
    assert side.host.private_key.reveal_base64() not in text
    assert side.confirm(state="rolled_back")["rolled_back"]["operations"] == ["set mtu 1400"]


def test_a_firewall_on_the_new_port(side: Side) -> None:
    """The peer calls us at the port that we had, and its firewall drops what comes from the new one."""
    before = comparable(side.host.read())
    rules = "table ip lab { chain guard { type filter hook input priority 0; udp sport 51999 drop; }; }"
    side.other.run("nft", rules)
    result = side.run(listen_port=51999, confirm="always", confirm_timeout=40)
    with pytest.raises(RuntimeError, match="nothing came through the tunnel from right since the change"):
        side.confirm(change=result["change"])
    answer = side.confirm(change=result["change"], state="rolled_back")
    assert answer["rolled_back"]["operations"] == ["set listen_port 51820"]
    assert comparable(side.host.read()) == before
    side.host.ping("10.9.0.2")


def test_endpoints_that_were_learned_come_back(pair: tuple[Host, Host], tmp_path: Path) -> None:
    """The right host knows where the left one is from its packets alone, and can call it again after the rollback."""
    forget_endpoints()
    left, right = pair
    ours, theirs = tunnel(left, right)
    ours["peers"][0]["persistent_keepalive"] = 0
    run_module(right, tmp_path, interface="wg0", **theirs)
    left.converge(**ours)
    left.ping("10.9.0.2")
    endpoint = right.peer(left).endpoint
    assert endpoint
    run_module(right, tmp_path, interface="wg0", **{**theirs, "peers": []}, confirm="always", confirm_timeout=SECONDS)
    assert right.read().device.peers == {}
    wait_until(lambda: find("wg0") is None)
    assert right.peer(left).endpoint == endpoint
    right.ping("10.9.0.1")
    forget_endpoints()


def test_an_interface_that_was_not_there_goes_again(pair: tuple[Host, Host], tmp_path: Path) -> None:
    forget_endpoints()
    left, right = pair
    ours, _theirs = tunnel(left, right)
    before = left.read()
    run_module(left, tmp_path, interface="wg0", **ours, confirm="always", confirm_timeout=SECONDS)
    assert left.read().exists
    wait_until(lambda: find("wg0") is None)
    assert left.read() == before
    assert load_endpoints("wg0") == {}


def test_an_interface_as_somebody_left_it(pair: tuple[Host, Host], tmp_path: Path) -> None:
    """Without a key or a port, down, with a peer that was never anywhere."""
    left, right = pair
    left.run("ip", "link", "add", "wg0", "type", "wireguard")
    left.run("wg", "set", "wg0", "peer", str(right.public_key), "allowed-ips", "10.9.0.2/32")
    before = comparable(left.read())
    assert (before.device.private_key, before.device.listen_port, before.up) == (None, 0, False)
    ours, _theirs = tunnel(left, right)
    run_module(left, tmp_path, interface="wg0", **ours, confirm="always", confirm_timeout=SECONDS)
    wait_until(lambda: find("wg0") is None)
    assert comparable(left.read()) == before
    forget_endpoints()


def test_a_good_change_is_confirmed_and_stays(side: Side) -> None:
    wanted = {"mtu": 1300, "peers": side.peer(allowed_ips=["10.9.0.2/32", "10.10.0.0/16"])}
    result = side.run(**wanted, confirm="always", confirm_timeout=40)
    assert load_endpoints("wg0")
    after = comparable(side.host.read())
    confirmed = side.confirm(change=result["change"])
    assert (confirmed["changed"], confirmed["tunnels"]) == (True, ["right"])
    assert leftovers() == []
    time.sleep(41)
    assert comparable(side.host.read()) == after
    assert side.run(**wanted)["changed"] is False
    with pytest.raises(RuntimeError, match="there is no unconfirmed change"):
        side.confirm()


def test_what_is_applied_is_remembered_once_it_is_confirmed(side: Side) -> None:
    remembered = load_endpoints("wg0")
    moved = {"peers": side.peer(endpoint="192.0.2.2:51999")}
    side.run(**moved, confirm="always", confirm_timeout=SECONDS)
    assert load_endpoints("wg0") == remembered
    side.confirm(state="rolled_back")
    assert load_endpoints("wg0") == remembered
    side.other.converge(**{**tunnel(side.host, side.other)[1], "listen_port": 51999})
    side.run(**moved, confirm="always", confirm_timeout=PATIENT)
    side.confirm()
    assert load_endpoints("wg0") == {side.other.public_key: "192.0.2.2:51999"}


def test_a_second_run_waits_and_nothing_stacks(side: Side) -> None:
    side.run(mtu=1300, confirm="always", confirm_timeout=SECONDS)
    foretold = side.run(alias="later", check_mode=True)
    side.run(mtu=1300, confirm="always", confirm_timeout=SECONDS)
    done = side.run(alias="later")
    for result in (foretold, done):
        assert result["operations"] == ["set alias 'later'"]
        # From ansible-core 2.19 on, what a module says is not a mere text.
        assert re.search(r"waited \d+ s for that, and it was rolled back", str(result["warnings"][0]))


def test_check_mode_arms_nothing(side: Side) -> None:
    result = side.run(mtu=1300, check_mode=True, confirm="always")
    assert (result["changed"], result["provisional"], find("wg0"), leftovers()) == (True, False, None, [])


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
    assert (comparable(side.host.read()), find("wg0"), leftovers()) == (before, None, [])


def test_what_is_left_of_a_boot_before_is_destroyed(side: Side) -> None:
    path = Path(f"{DIRECTORY}/wg0.unconfirmed")
    side.run(mtu=1300, confirm="always", confirm_timeout=PATIENT)
    for program in Path(PROGRAMS).glob("*.zip"):  # as a reboot does
        program.unlink()
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({**plain, "boot": "another"}))
    assert "warnings" not in side.run(mtu=1300)
    assert not path.exists()


@pytest.mark.parametrize(
    ("client", "server", "provisional"),
    [("10.9.0.2", "10.9.0.1", True), ("10.9.0.77", "192.0.2.1", True), ("192.0.2.2", "192.0.2.1", False)],
)
def test_whether_the_connection_runs_over_it_is_found_out(
    side: Side, monkeypatch: pytest.MonkeyPatch, client: str, server: str, provisional: bool
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", f"{client} 50000 {server} 22")
    result = side.run(mtu=1300, confirm="auto", confirm_timeout=SECONDS)
    assert result["provisional"] is provisional
    if provisional:
        side.confirm(state="rolled_back")


def test_a_new_route_that_would_steal_the_connection(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.2 50000 192.0.2.1 22")
    before = comparable(side.host.read())
    stolen = {"peers": side.peer(allowed_ips=["10.9.0.2/32", "192.0.2.2/32"])}
    assert side.run(**stolen, confirm="auto", confirm_timeout=SECONDS)["provisional"] is True
    wait_until(lambda: find("wg0") is None)
    assert comparable(side.host.read()) == before


def own(name: str = "wgown") -> RunningState:
    """An interface of this machine itself."""
    state = kernel.Host().read(name)
    return comparable(replace(state, device=replace(state.device, peers=dict(state.device.peers.items()))))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Runs ``interface`` for an interface of this machine itself, where systemd sees it."""
    forget_endpoints()
    key_file = tmp_path / "own.key"
    key_file.touch(0o600)
    key_file.write_text(key_of("own").reveal_base64())
    given = {"interface": "wgown", "private_key_file": str(key_file), "addresses": ["10.66.0.1/24"], "table": "off"}

    def run_here(**options: Any) -> Any:
        module = "ansible_collections.cryptokey.wireguard.plugins.modules.interface"
        arguments = tmp_path / "own.json"
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {**given, **options}}))
        done = subprocess.run(
            [sys.executable, "-m", module, str(arguments)], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    run_here(peers=strangers(3))
    yield run_here
    subprocess.run(["ip", "link", "delete", "wgown"], check=False)
    forget_endpoints()


def test_with_systemd_it_is_a_timer(machine: Callable[..., Any]) -> None:
    before = own()
    result = machine(peers=strangers(1), confirm="always", confirm_timeout=15)
    timers = run("systemctl", "list-timers", "--no-pager")
    unit = f"cryptokey-wireguard-rollback-{result['change']}"
    assert f"{unit}.timer" in timers
    assert own() != before
    wait_until(lambda: find("wgown") is None)
    assert own() == before
    report = find_report("wgown")
    assert report
    assert len(report.operations) == 2
    wait_until(lambda: leftovers() == [], 5)
    log = run("journalctl", "--no-pager", "-t", "cryptokey-wireguard")
    assert f"the change {result['change']} was not confirmed in time" in log
    assert "what was before the change is back" in log


def test_a_timer_that_is_disarmed_is_gone(machine: Callable[..., Any], tmp_path: Path) -> None:
    result = machine(mtu=1300, confirm="always", confirm_timeout=PATIENT)
    unit = f"cryptokey-wireguard-rollback-{result['change']}.timer"
    arguments = tmp_path / "confirm.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"interface": "wgown", "change": result["change"]}}))
    module = "ansible_collections.cryptokey.wireguard.plugins.modules.confirm"
    run(sys.executable, "-m", module, str(arguments))
    wait_until(lambda: subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode != 0, 10)
    assert (own().mtu, leftovers()) == (1300, [])
