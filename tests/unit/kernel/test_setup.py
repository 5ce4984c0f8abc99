# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host lacks of its setup, and the texts with which the controller has it compare its files."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import programs, setup
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.setup import (
    ADOPT,
    LIBRARIES,
    PROGRAM,
    PROGRAMS,
    TIMER,
    UNITS,
    Setup,
    find_missing,
    has_timer,
    lacks_packages,
    refuse_impossible,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.unit_files import ROLE, setup_of

NAME = "wg-test"
DROP_IN = "[Service]\nExecStop=\n"
ENTRY: dict[str, Any] = {"options": {"interface": NAME}, "reresolve": 60}


def asked(name: str = NAME, **entry: Any) -> Setup:
    """As the controller describes the setup of an entry of the plan."""
    return Setup.read(name, setup_of({"options": {"interface": name, **entry.pop("options", {})}, **entry}))


class Host:
    """A host whose files are below ``root``. ``states`` are what systemctl prints of units, by their names."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.states: dict[str, str] = {}
        self.program = root / "bin/systemctl"
        monkeypatch.setenv("PATH", str(self.program.parent))
        monkeypatch.setattr(programs, "_SYSTEM_PATH", "")
        self.write("etc/systemd/system/keep", "")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def boot(self) -> None:
        (self.root / "run/systemd/system").mkdir(parents=True)

    def enable(self, *units: str, state: str = "UnitFileState=enabled\nActiveState=active") -> None:
        self.states.update(dict.fromkeys(units, state))

    def serve(self, name: str = NAME, drop_in: str = "") -> None:
        """Set up the service as the role does."""
        folder = f"{UNITS}/wg-quick@{name}.service.d"
        self.write(f"{folder}/50-cryptokey-adopt.conf", (ROLE / "files/50-cryptokey-adopt.conf").read_text())
        if drop_in:
            self.write(f"{folder}/60-cryptokey-netns.conf", drop_in)
        self.enable(f"wg-quick@{name}.service")

    def resolve(self, seconds: int = 60) -> None:
        """Set up the timer as the role does."""
        self.write(PROGRAM, (ROLE / "files/reresolve.sh").read_text())
        self.write(f"{UNITS}/{TIMER}.service", (ROLE / "files/reresolve.service").read_text())
        self.write(f"{UNITS}/{TIMER}{NAME}.timer", setup_of({**ENTRY, "reresolve": seconds})["timer"])
        self.enable(f"{TIMER}{NAME}.timer")

    def lacks(self, *setups: Setup) -> dict[str, list[str]]:
        """What is found, each unit being asked for once, all of them in one call."""
        self.program.parent.mkdir(exist_ok=True)
        cases = "\n".join(f"    '{unit}') echo '{state}' ;;" for unit, state in self.states.items())
        self.program.write_text(
            "#!/bin/sh\n"
            f"echo call >>{self.root}/calls\n"
            '[ "$1 $2 $3" = "show --property=UnitFileState,ActiveState --" ] || exit 9\n'
            "shift 3\n"
            'for unit; do\n    [ "$first" ] && echo; first=no\n    case $unit in\n'
            f"{cases}\n    *) printf 'UnitFileState=\\nActiveState=inactive\\n' ;;\n    esac\ndone\n"
        )
        self.program.chmod(0o755)
        (self.root / "calls").unlink(missing_ok=True)
        found = find_missing(setups or [asked()], str(self.root))
        assert not (self.root / "calls").exists() or (self.root / "calls").read_text() == "call\n"
        return found


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


@pytest.mark.parametrize("missing", [None, *PROGRAMS, *LIBRARIES])
def test_missing_programs_and_libraries_are_noticed(host: Host, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for name in set(PROGRAMS) - {missing}:
        host.write(f"bin/{name}", "#!/bin/sh\n")
        (host.root / "bin" / name).chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else object())
    assert lacks_packages() is (missing is not None)


def test_an_old_key_is_noticed(host: Host) -> None:
    for name in ("wg0.key", "wg0.key.next", "wg1.key", "wg1.key.old"):
        host.write(f"etc/wireguard/private/{name}", "")
    assert host.lacks(asked("wg0"), asked("wg1")) == {"wg0": [], "wg1": ["rotated"]}


def test_each_interface_has_its_own_service(host: Host) -> None:
    host.boot()
    assert host.lacks(asked("wg0"), asked("wg1")) == {"wg0": ["systemd"], "wg1": ["systemd"]}
    host.serve("wg0")
    assert host.lacks(asked("wg0"), asked("wg1")) == {"wg0": [], "wg1": ["systemd"]}
    host.serve("wg1", DROP_IN)
    assert host.lacks(asked("wg0"), asked("wg1")) == {"wg0": [], "wg1": ["systemd"]}
    assert host.lacks(asked("wg0"), Setup("wg1", DROP_IN)) == {"wg0": [], "wg1": []}


@pytest.mark.parametrize(
    "state",
    [
        "UnitFileState=disabled\nActiveState=active",
        "UnitFileState=enabled\nActiveState=failed",
        "UnitFileState=\nActiveState=inactive",
    ],
)
def test_a_service_that_is_not_enabled_or_not_active_is_set_up(host: Host, state: str) -> None:
    host.boot()
    host.serve()
    host.enable(f"wg-quick@{NAME}.service", state=state)
    assert host.lacks() == {NAME: ["systemd"]}


def test_systemd_that_does_not_answer_is_an_error(host: Host) -> None:
    host.boot()
    host.serve()
    with pytest.raises(KernelError, match="systemctl cannot be started"):
        find_missing([asked()], str(host.root))


def test_the_service_of_openrc(host: Host) -> None:
    host.write("etc/runlevels/default/keep", "")
    assert host.lacks() == {NAME: ["openrc"]}
    (host.root / f"etc/runlevels/default/wg-quick.{NAME}").symlink_to("/etc/init.d/nowhere")
    assert host.lacks() == {NAME: []}


def test_without_either_of_them_there_is_nothing_to_set_up(host: Host) -> None:
    assert host.lacks() == {NAME: []}


def test_a_timer_that_is_there_is_not_set_up_again(host: Host) -> None:
    host.boot()
    host.serve()
    host.resolve()
    assert host.lacks(asked(reresolve=60)) == {NAME: []}
    host.enable(f"{TIMER}{NAME}.timer", state="UnitFileState=enabled\nActiveState=inactive")
    assert host.lacks(asked(reresolve=60)) == {NAME: ["reresolve"]}


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(PROGRAM, id="program"),
        pytest.param(f"{UNITS}/{TIMER}.service", id="service"),
        pytest.param(f"{UNITS}/{TIMER}{NAME}.timer", id="timer"),
    ],
)
def test_a_timer_with_an_old_or_missing_part_is_set_up(host: Host, spoil: str, missing: bool) -> None:
    host.boot()
    host.serve()
    host.resolve()
    (host.root / spoil).unlink()
    if not missing:
        host.write(spoil, "# older\n")
    assert host.lacks(asked(reresolve=60)) == {NAME: ["reresolve"]}


def test_a_timer_of_another_interval_is_set_up_and_one_that_should_not_be_there_is_found(host: Host) -> None:
    host.boot()
    host.serve()
    host.resolve(120)
    assert host.lacks(asked(reresolve=60)) == {NAME: ["reresolve"]}
    assert host.lacks(asked()) == {NAME: []}
    assert (has_timer(NAME, str(host.root)), has_timer("wg0", str(host.root))) == (True, False)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"options": {"netns": "vpn"}}, "network namespaces need systemd"),
        ({"options": {"birth_netns": "vpn"}}, "network namespaces need systemd"),
        ({"reresolve": 60}, "wireguard_reresolve needs systemd"),
    ],
)
def test_what_needs_systemd_is_refused_without_it(host: Host, entry: dict[str, Any], message: str) -> None:
    refuse_impossible([asked()], str(host.root))
    with pytest.raises(InputError, match=message):
        refuse_impossible([asked(), asked("wg1", **entry)], str(host.root))
    host.boot()
    refuse_impossible([asked("wg1", **entry)], str(host.root))


def test_a_namespace_is_created_with_its_loopback(host: Host) -> None:
    host.write("bin/ip", f'#!/bin/sh\necho "$*" >>{host.root}/calls\n')
    (host.root / "bin/ip").chmod(0o755)
    setup.create_namespace("vpn")
    assert (host.root / "calls").read_text().splitlines() == ["netns add vpn", "-n vpn link set dev lo up"]
    shutil.rmtree(host.root / "bin")
    with pytest.raises(KernelError, match="create the network namespace vpn: ip cannot be started"):
        setup.create_namespace("vpn")


def test_paths_and_the_line_that_adopts_are_those_of_the_roles_files() -> None:
    assert ADOPT in (ROLE / "files/50-cryptokey-adopt.conf").read_text().splitlines()
    (program,) = re.findall(r"^network_reresolve_program: (.*)$", (ROLE / "vars/main.yml").read_text(), re.MULTILINE)
    (units,) = re.findall(r"^network_reresolve_units: (.*)$", (ROLE / "vars/main.yml").read_text(), re.MULTILINE)
    assert (program, units) == (f"/{PROGRAM}", f"/{UNITS}/{TIMER}")
    assert f"ExecStart={program} %i\n" in (ROLE / "files/reresolve.service").read_text()
