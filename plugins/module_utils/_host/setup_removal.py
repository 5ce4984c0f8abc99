# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the service and the timer of an interface, and the metrics of a host."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .._model.metrics import SETTINGS, TIMER_UNIT, render_metrics_settings
from .._netlink.errors import KernelError
from .._store.files import atomic_write
from .metrics_setup import has_metrics, metrics_files, written_metrics
from .programs import run_program
from .setup import PROGRAM, TIMER, UNITS, drop_ins_of, has_timer, runs_systemd, service_of, timer_of, unit_states


def remove_setup(interface: str, check_mode: bool, root: str = "/") -> bool:
    """Stop and disable the service, and remove its drop-ins and the timer. Return whether any of these existed.

    The drop-ins define how to stop the service, so they are removed after that. Raises KernelError and OSError.
    """
    top = Path(root)
    units = (timer_of(interface), service_of(interface))
    return _take_down(units, _files_of(interface, top), check_mode, runs_systemd(top))


def remove_timer(interface: str, check_mode: bool, root: str = "/") -> bool:
    """Remove only the timer that resolves names, as ``remove_setup`` does, if its file exists."""
    if not has_timer(interface, root):
        return False
    top = Path(root)
    return _take_down((timer_of(interface),), _timer_files(interface, top), check_mode, runs_systemd(top))


def remove_metrics(check_mode: bool, root: str = "/") -> bool:
    """The same for the program of the metrics, with its timer, its settings and what it has written."""
    top = Path(root)
    if not has_metrics(root):
        return False
    written = written_metrics(top)
    return _take_down((TIMER_UNIT,), [*metrics_files(top), *written], check_mode, runs_systemd(top))


def leave_metrics(interfaces: Sequence[str], check_mode: bool, root: str = "/") -> bool:
    """Take these interfaces out of the settings of the metrics, and with the last one all of the metrics."""
    path = Path(root, SETTINGS)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        rest = [each for each in settings["interfaces"] if each["interface"] not in interfaces]
        if not rest:
            return remove_metrics(check_mode, root)
        is_changed = len(rest) != len(settings["interfaces"])
    except (KeyError, OSError, TypeError, ValueError):
        return remove_metrics(check_mode, root)
    if is_changed and not check_mode:
        atomic_write(str(path), render_metrics_settings({**settings, "interfaces": rest}).encode(), 0o644)
    return is_changed


def _take_down(units: Sequence[str], paths: Iterable[Path], check_mode: bool, systemd: bool) -> bool:
    used = [unit for unit, state in zip(units, unit_states(units)) if _is_used(state)] if systemd else []
    files = [path for path in paths if os.path.lexists(path)]
    if not check_mode and (used or files):
        for unit in used:
            _systemctl("disable", "--now", "--", unit)
        _remove(files)
        if systemd:
            _systemctl("daemon-reload")
    return bool(used or files)


def _files_of(interface: str, root: Path) -> Iterator[Path]:
    yield from drop_ins_of(interface, root)
    yield root / f"etc/runlevels/default/wg-quick.{interface}"
    yield root / f"etc/init.d/wg-quick.{interface}"
    yield from _timer_files(interface, root)


def _timer_files(interface: str, root: Path) -> Iterator[Path]:
    """List the timer's file; with the last timer, also the service and the program of all timers."""
    timer = root / UNITS / timer_of(interface)
    yield timer
    if {*timer.parent.glob(f"{TIMER}*.timer")} <= {timer}:
        yield root / UNITS / f"{TIMER}.service"
        yield root / PROGRAM


def _is_used(state: Mapping[str, str]) -> bool:
    return state.get("UnitFileState", "").startswith("enabled") or state.get("ActiveState", "") not in ("", "inactive")


def _systemctl(*arguments: str) -> None:
    doing = f"run systemctl {' '.join(arguments)}"
    done = run_program(["systemctl", *arguments], doing, seconds=120)
    if done.code:
        raise KernelError(errno.EIO, doing, done.complaint)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()
        # The directory of drop-ins, unless it has other files.
        if file.parent.suffix == ".d":
            with suppress(OSError):
                file.parent.rmdir()
