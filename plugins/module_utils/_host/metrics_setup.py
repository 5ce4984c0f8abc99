# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find which of the files for the metrics of a host are missing or outdated."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .._model.metrics import PROGRAM, SERVICE, SETTINGS, TIMER, WRITTEN, MetricsSetup
from .executable import is_executable_current


def is_metrics_current(wanted: MetricsSetup, root: str = "/") -> bool:
    """Whether all files are there as they should be. Whether the timer runs is for systemd to say."""
    top = Path(root)
    try:
        texts = all((top / name).read_bytes() == text.encode() for name, text in wanted.files.items())
        program = top / PROGRAM
        return (
            texts
            and is_executable_current(program.read_bytes(), wanted.version)
            and os.access(program, os.X_OK)
            and (top / wanted.directory.lstrip("/")).is_dir()
        )
    except OSError:
        return False


def has_metrics(root: str = "/") -> bool:
    """Whether any of the files is there."""
    return any(os.path.lexists(path) for path in metrics_files(Path(root)))


def metrics_files(root: Path) -> Iterator[Path]:
    """The files of the setup, in the order in which they are removed."""
    return (root / name for name in (TIMER, SERVICE, PROGRAM, SETTINGS))


def written_metrics(root: Path) -> Iterator[Path]:
    """The file for node_exporter, whose directory is in the settings."""
    with suppress(KeyError, OSError, TypeError, ValueError):
        directory = str(json.loads((root / SETTINGS).read_text(encoding="utf-8"))["directory"])
        yield root / directory.lstrip("/") / WRITTEN
