# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember the named network namespace of each interface, to find the interface when its options change.

An interface in the host's own namespace has no such file.
"""

from __future__ import annotations

from pathlib import Path

from .._model.errors import InputError
from .._model.names import parse_netns
from .endpoints import DIRECTORY


def _path(interface: str, directory: str) -> str:
    return str(Path(directory, f"{interface}.netns"))


def load_last_netns(interface: str, directory: str = DIRECTORY) -> str:
    """Read the name of the namespace: empty for the host's own, or if the file cannot be read."""
    try:
        return parse_netns(Path(_path(interface, directory)).read_text(encoding="ascii").strip(), "netns")
    except (OSError, ValueError, InputError):
        return ""


def record_last_netns(interface: str, netns: str, directory: str = DIRECTORY) -> None:
    """Write the name of the namespace, if it has changed. Raises InputError and OSError."""
    if netns == load_last_netns(interface, directory):
        return
    from .files import atomic_write, ensure_directory, remove_file

    path = _path(interface, directory)
    if netns:
        ensure_directory(directory, 0o700)
        atomic_write(path, f"{netns}\n".encode(), 0o600)
    else:
        remove_file(path)
