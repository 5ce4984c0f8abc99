# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and timers go with their files, in an order in which systemd can still stop them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import programs
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup import PROGRAM, TIMER, UNITS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup_removal import remove_setup, remove_timer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError

NAME = "wg-test"
SERVICE, TIMED = f"wg-quick@{NAME}.service", f"{TIMER}{NAME}.timer"
DROP_INS = [f"{UNITS}/{SERVICE}.d/50-cryptokey-adopt.conf", f"{UNITS}/{SERVICE}.d/60-cryptokey-netns.conf"]
COMMON = [f"{UNITS}/{TIMER}.service", PROGRAM]
OPENRC = [f"etc/runlevels/default/wg-quick.{NAME}", f"etc/init.d/wg-quick.{NAME}"]


class Host:
    """``used`` are the units that systemd knows as enabled and active."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.calls = root / "calls"
        monkeypatch.setenv("PATH", f"{root}/bin:/usr/bin:/bin")
        monkeypatch.setattr(programs, "_SYSTEM_PATH", "")

    def boot(self, *used: str, fails: str = "nothing") -> None:
        """``fails``: the first argument of the call that fails."""
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.write("bin/systemctl")
        states = "".join(f"'{unit}') echo UnitFileState=enabled; echo ActiveState=active ;;\n" for unit in used)
        # What is there when it is called says whether drop-ins outlive the service.
        self.root.joinpath("bin/systemctl").write_text(
            '#!/bin/sh\nif [ "$1" = show ]; then shift 3; for unit; do\n[ "$first" ] && echo; first=no\n'
            f"case $unit in\n{states}*) echo UnitFileState=; echo ActiveState=inactive ;;\nesac; done; exit; fi\n"
            f'echo "$* $(test -e {self.root}/{DROP_INS[0]} && echo with drop-in)" >>{self.calls}\n'
            f'[ "$1" != {fails} ] || {{ echo "it did not work" >&2; exit 1; }}\n'
        )
        self.root.joinpath("bin/systemctl").chmod(0o755)

    def write(self, *names: str) -> None:
        for name in names:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).touch()

    def called(self) -> list[str]:
        return [line.strip() for line in self.calls.read_text().splitlines()] if self.calls.exists() else []

    def files(self) -> set[str]:
        names = {str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file()}
        return names - {"bin/systemctl", "calls"}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_check_then_removed_then_nothing(host: Host) -> None:
    host.boot(SERVICE, TIMED)
    everything = {*DROP_INS, *COMMON, f"{UNITS}/{TIMED}"}
    host.write(*everything, "etc/passwd")
    assert remove_setup(NAME, True, str(host.root)) is True
    assert (host.called(), host.files()) == ([], {*everything, "etc/passwd"})

    assert remove_setup(NAME, False, str(host.root)) is True
    assert host.called() == [
        f"disable --now -- {TIMED} with drop-in",
        f"disable --now -- {SERVICE} with drop-in",
        "daemon-reload",
    ]
    assert host.files() == {"etc/passwd"}
    assert not (host.root / f"{UNITS}/{SERVICE}.d").exists()


def test_where_nothing_is_set_up_nothing_is_done(host: Host) -> None:
    host.boot()
    host.write("etc/passwd")
    assert remove_setup(NAME, False, str(host.root)) is False
    assert (host.called(), host.files()) == ([], {"etc/passwd"})


def test_drop_ins_of_others_and_what_other_timers_need_stays(host: Host) -> None:
    host.boot(SERVICE)
    other = [f"{UNITS}/{SERVICE}.d/10-own.conf", f"{UNITS}/{TIMER}wg9.timer"]
    host.write(*DROP_INS, *COMMON, f"{UNITS}/{TIMED}", *other)
    assert remove_setup(NAME, False, str(host.root)) is True
    assert host.files() == {*other, *COMMON}


def test_a_service_that_cannot_be_stopped_keeps_its_files(host: Host) -> None:
    host.boot(SERVICE, fails="disable")
    host.write(*DROP_INS)
    with pytest.raises(KernelError, match=f"run systemctl disable --now -- {SERVICE}: it did not work"):
        remove_setup(NAME, False, str(host.root))
    assert host.files() == {*DROP_INS}


def test_without_systemd_there_are_only_files(host: Host) -> None:
    host.write(*OPENRC)
    assert remove_setup(NAME, False, str(host.root)) is True
    assert host.files() == set()


def test_the_timer_goes_alone(host: Host) -> None:
    host.boot(SERVICE, TIMED)
    host.write(*DROP_INS, *COMMON, f"{UNITS}/{TIMED}")
    assert remove_timer(NAME, True, str(host.root)) is True
    assert host.called() == []
    assert remove_timer(NAME, False, str(host.root)) is True
    assert host.called() == [f"disable --now -- {TIMED} with drop-in", "daemon-reload with drop-in"]
    assert host.files() == {*DROP_INS}
    assert remove_timer(NAME, False, str(host.root)) is False
