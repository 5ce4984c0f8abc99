# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember when a run has last found or made an interface as planned. The time of the file says it."""

from __future__ import annotations

from pathlib import Path

from .endpoints import DIRECTORY


def record_converged(interface: str, directory: str = DIRECTORY) -> None:
    """Raises InputError and OSError."""
    from .files import ensure_directory

    ensure_directory(directory, 0o700)
    _converged_file(interface, directory).touch(0o600)


def load_converged(interface: str, directory: str = DIRECTORY) -> int | None:
    """In seconds since 1970, None if that is not known."""
    try:
        return int(_converged_file(interface, directory).stat().st_mtime)
    except OSError:
        return None


def forget_converged(interface: str, directory: str = DIRECTORY) -> None:
    """Raises OSError."""
    _converged_file(interface, directory).unlink(missing_ok=True)


def _converged_file(interface: str, directory: str) -> Path:
    return Path(directory, f"{interface}.converged")
