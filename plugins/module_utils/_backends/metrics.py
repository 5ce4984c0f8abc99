# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up the metrics of a host: ``_metrics``, without Ansible."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NamedTuple

from .._host.executable import is_executable_current
from .._host.metrics_setup import is_metrics_current, written_metrics
from .._host.programs import run_program
from .._host.setup import refuse_impossible
from .._host.zipapp import build_executable
from .._metrics.memory import forget_memory
from .._metrics.program import CHECK, run_metrics
from .._metrics.settings import parse_metrics_settings
from .._model.metrics import PROGRAM, MetricsSetup
from .._netlink.errors import KernelError
from .._store.files import atomic_write

_CHECK_SECONDS = 120


class MetricsResult(NamedTuple):
    """``diffs``: the path of each file that changes, with its text before and after."""

    changed: bool
    diffs: list[tuple[str, str, str]]


def ensure_metrics(wanted: MetricsSetup, check_mode: bool, root: str = "/") -> MetricsResult:
    """Write the program, its settings and its units, and let the program show that it can do its work.

    The units come last, so no timer relies on a program that failed. Raises InputError, KernelError and OSError.
    """
    refuse_impossible((), root, wanted)
    settings = parse_metrics_settings(wanted.settings)
    top = Path(root)
    diffs = [
        (f"/{name}", before, text)
        for name, text in wanted.files.items()
        for before in [_read_text(top / name)]
        if before != text
    ]
    if is_metrics_current(wanted, root):
        return MetricsResult(False, [])
    if check_mode:
        return MetricsResult(True, diffs)
    directory = top / wanted.directory.lstrip("/")
    directory.mkdir(0o755, parents=True, exist_ok=True)
    for watched in settings.interfaces:
        forget_memory(watched.interface)
    # Of another directory: node_exporter would go on with the last values for ever.
    outdated = [path for path in written_metrics(top) if path.parent != directory]
    service, timer, stored = wanted.files
    _write_files(top, {stored: wanted.settings})
    for path in outdated:
        path.unlink(missing_ok=True)
    _write_program(top / PROGRAM, wanted.version)
    _prove_program(top / PROGRAM)
    _write_files(top, {service: wanted.service, timer: wanted.timer})
    return MetricsResult(True, diffs)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _write_files(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        if _read_text(path) != text:
            path.parent.mkdir(0o700 if name.startswith("var/lib") else 0o755, parents=True, exist_ok=True)
            atomic_write(str(path), text.encode(), 0o644)


def _write_program(path: Path, version: str) -> None:
    if path.exists() and is_executable_current(path.read_bytes(), version) and os.access(path, os.X_OK):
        return
    path.parent.mkdir(0o755, parents=True, exist_ok=True)
    atomic_write(str(path), build_executable(run_metrics, version), 0o755)


def _prove_program(path: Path) -> None:
    """Raises KernelError with what the program says against it."""
    doing = f"check the program {path}"
    done = run_program([str(path), CHECK], doing, seconds=_CHECK_SECONDS)
    if done.code:
        raise KernelError(errno.EIO, doing, done.complaint)
