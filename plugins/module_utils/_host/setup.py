# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find which parts of the setup a host lacks: packages, network namespaces, services and timers. Nothing is changed,
except that ``create_namespace`` creates one."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .._model.errors import InputError
from .._model.metrics import NO_METRICS, TIMER_UNIT, MetricsSetup
from .._netlink.errors import KernelError
from .._store.keyfile import old_path
from .._store.private_key import default_path
from .metrics_setup import is_metrics_current
from .programs import find_program, run_program

PROGRAMS = ("wg-quick", "ip", "nft", "ping")
LIBRARIES = ("nacl", "pyroute2")

# Parts of the setup of an interface. The role has a file of tasks for each.
SYSTEMD, OPENRC, RERESOLVE = "systemd", "openrc", "reresolve"
METRICS = "metrics"  # one for the whole host, told for its first interface
ROTATED = "rotated"  # a key rotation has left the old key

PROGRAM = "usr/local/libexec/cryptokey-wireguard-reresolve"
UNITS = "etc/systemd/system"
TIMER = "cryptokey-wireguard-reresolve@"
ADOPT = "ExecStart=/bin/sh -c 'test -e /sys/class/net/%i || exec /usr/bin/wg-quick up %i'"


class Setup(NamedTuple):
    """The setup of one interface, as the controller describes it.

    ``drop_in`` is the content of the service's drop-in for namespaces, ``timer`` that of the timer that resolves names,
    and ``program`` the SHA-256 of its program followed by its service. Each is empty if it should not exist.
    """

    interface: str
    drop_in: str = ""
    timer: str = ""
    program: str = ""

    @classmethod
    def read(cls, interface: str, texts: Mapping[str, Any]) -> Setup:
        return cls(interface, *(str(texts.get(name) or "") for name in ("drop_in", "timer", "program")))


def lacks_packages() -> bool:
    """Whether a program or a library is missing. The libraries are found without loading them, which takes long."""
    libraries = all(importlib.util.find_spec(name) for name in LIBRARIES)
    return not (libraries and all(find_program(name) for name in PROGRAMS))


def create_namespace(name: str) -> None:
    """Create a network namespace as ip-netns(8) does, with its loopback interface up. Raises KernelError."""
    for arguments in (["netns", "add", name], ["-n", name, "link", "set", "dev", "lo", "up"]):
        done = run_program(["ip", *arguments], f"create the network namespace {name}")
        if done.code:
            raise KernelError(errno.EIO, f"create the network namespace {name}", done.complaint)


def refuse_impossible(setups: Iterable[Setup], root: str = "/", metrics: MetricsSetup = NO_METRICS) -> None:
    """Refuse namespaces and timers if the host does not run systemd. Raises InputError."""
    if runs_systemd(Path(root)):
        return
    if metrics.timer:
        problem = "the metrics need systemd, which does not run on this host"
        raise InputError("wireguard_metrics", True, problem, "turn it off for this host")
    for setup in setups:
        if setup.drop_in:
            problem = "network namespaces need systemd, which does not run on this host"
            remedy = "remove wireguard_netns and wireguard_birth_netns, or use the modules interface and config"
            raise InputError("interfaces", setup.interface, problem, remedy)
        if setup.timer:
            problem = "wireguard_reresolve needs systemd, which does not run on this host"
            raise InputError("interfaces", setup.interface, problem, "turn it off for this host")


def find_missing(setups: Sequence[Setup], root: str = "/", metrics: MetricsSetup = NO_METRICS) -> dict[str, list[str]]:
    """Map each interface to the parts of its setup that are missing or outdated.

    systemd is asked once for all units. Raises KernelError.
    """
    top = Path(root)
    missing = {setup.interface: list(_missing_files(setup, top)) for setup in setups}
    if not runs_systemd(top):
        return missing
    units = {
        unit: (setup.interface, part)
        for setup in setups
        for part, unit in ((SYSTEMD, service_of(setup.interface)), (RERESOLVE, timer_of(setup.interface)))
        if part not in missing[setup.interface] and (part == SYSTEMD or setup.timer)
    }
    if metrics.timer and setups:
        first = setups[0].interface
        if is_metrics_current(metrics, root):
            units[TIMER_UNIT] = first, METRICS
        else:
            missing[first].append(METRICS)
    for unit in _idle(list(units)):
        interface, part = units[unit]
        missing[interface].append(part)
    return missing


def has_timer(interface: str, root: str = "/") -> bool:
    return os.path.lexists(Path(root, UNITS, timer_of(interface)))


def service_of(interface: str) -> str:
    return f"wg-quick@{interface}.service"


def drop_ins_of(interface: str, root: Path) -> tuple[Path, Path]:
    """Return the paths of the drop-in that adopts a running interface, and of the one for namespaces."""
    folder = root / UNITS / f"{service_of(interface)}.d"
    return folder / "50-cryptokey-adopt.conf", folder / "60-cryptokey-netns.conf"


def timer_of(interface: str) -> str:
    return f"{TIMER}{interface}.timer"


def runs_systemd(root: Path) -> bool:
    """Whether the host runs systemd, as in sd_booted(3)."""
    return (root / "run/systemd/system").is_dir()


def _missing_files(setup: Setup, root: Path) -> Iterable[str]:
    name = setup.interface
    if runs_systemd(root):
        adopting, apart = drop_ins_of(name, root)
        if not (ADOPT in _text(adopting).splitlines() and _says(apart, setup.drop_in)):
            yield SYSTEMD
        timer, service = root / UNITS / timer_of(name), root / UNITS / f"{TIMER}.service"
        if setup.timer and not (_says(timer, setup.timer) and _digest(root / PROGRAM, service) == setup.program):
            yield RERESOLVE
    elif (root / "etc/runlevels").is_dir() and not os.path.lexists(root / f"etc/runlevels/default/wg-quick.{name}"):
        yield OPENRC
    if os.path.lexists(root / old_path(default_path(name)).lstrip("/")):
        yield ROTATED


def _text(path: Path) -> str:
    """Return the content of the file; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _says(path: Path, text: str) -> bool:
    """Whether the file has just this text, apart from newlines at the end."""
    return _text(path).rstrip("\n") == text.rstrip("\n")


def _digest(*paths: Path) -> str:
    return hashlib.sha256("".join(map(_text, paths)).encode()).hexdigest()


def _idle(units: Sequence[str]) -> list[str]:
    """List the units that are not enabled or not active."""
    return [
        unit
        for unit, state in zip(units, unit_states(units))
        if not (state.get("UnitFileState", "").startswith("enabled") and state.get("ActiveState") == "active")
    ]


def unit_states(units: Sequence[str]) -> list[dict[str, str]]:
    """Return the UnitFileState and ActiveState of each unit, from ``systemctl show``. Raises KernelError."""
    if not units:
        return []
    doing = "ask systemd for the state of units"
    done = run_program(["systemctl", "show", "--property=UnitFileState,ActiveState", "--", *units], doing)
    states = [dict(line.split("=", 1) for line in each.splitlines()) for each in done.output.split("\n\n")]
    if done.code or len(states) != len(units):
        raise KernelError(errno.EIO, doing, done.complaint)
    return states
