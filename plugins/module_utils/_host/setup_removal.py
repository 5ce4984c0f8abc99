# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the service and the timer of an interface."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from .._netlink.errors import KernelError
from .programs import run_program
from .setup import PROGRAM, TIMER, UNITS, drop_ins_of, runs_systemd, service_of, timer_of, unit_states


def remove_setup(interface: str, check_mode: bool, root: str = "/") -> bool:
    """Stop and disable the service, and remove its drop-ins and the timer. Return whether there was any of it.

    The drop-ins, which say how to stop the service, are removed after it was stopped. Raises KernelError and OSError.
    """
    top = Path(root)
    used = [unit for unit in (timer_of(interface), service_of(interface)) if runs_systemd(top) and _is_used(unit)]
    files = [file for file in _files_of(interface, top) if os.path.lexists(file)]
    if not check_mode and (used or files):
        _stop(used)
        _remove(files)
        if runs_systemd(top):
            _systemctl("daemon-reload")
    return bool(used or files)


def remove_timer(interface: str, check_mode: bool, root: str = "/") -> bool:
    """The same for the timer that resolves names alone."""
    files = [file for file in _timer_files(interface, Path(root)) if os.path.lexists(file)]
    if files and not check_mode:
        systemd = runs_systemd(Path(root))
        _stop([timer_of(interface)] if systemd and _is_used(timer_of(interface)) else [])
        _remove(files)
        if systemd:
            _systemctl("daemon-reload")
    return bool(files)


def _files_of(interface: str, root: Path) -> Iterator[Path]:
    yield from drop_ins_of(interface, root)
    yield root / f"etc/runlevels/default/wg-quick.{interface}"
    yield root / f"etc/init.d/wg-quick.{interface}"
    yield from _timer_files(interface, root)


def _timer_files(interface: str, root: Path) -> Iterator[Path]:
    """The timer; with the last one, the service and the program of all timers too."""
    timer = root / UNITS / timer_of(interface)
    yield timer
    if {*timer.parent.glob(f"{TIMER}*.timer")} <= {timer}:
        yield root / UNITS / f"{TIMER}.service"
        yield root / PROGRAM


def _is_used(unit: str) -> bool:
    (state,) = unit_states([unit])
    return state.get("UnitFileState", "").startswith("enabled") or state.get("ActiveState", "") not in ("", "inactive")


def _stop(units: Iterable[str]) -> None:
    for unit in units:
        _systemctl("disable", "--now", "--", unit)


def _systemctl(*arguments: str) -> None:
    doing = f"run systemctl {' '.join(arguments)}"
    done = run_program(["systemctl", *arguments], doing, seconds=120)
    if done.code:
        raise KernelError(errno.EIO, doing, done.complaint)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()
        # The directory of drop-ins, unless it has others.
        if file.parent.suffix == ".d":
            with suppress(OSError):
                file.parent.rmdir()
