# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files from which an interface comes up at boot: read and parsed only when that is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._model.errors import InputError
from .._wgquick.file import DIRECTORY

if TYPE_CHECKING:
    from .._model.interface import DesiredInterface
    from .._wgquick.file import WgQuickFile


class StartupFiles:
    """The wg-quick file, and the file of the interface's own nftables table beside it."""

    def __init__(self, interface: str, directory: str = DIRECTORY) -> None:
        self._interface = interface
        self._config = Path(directory, f"{interface}.conf")
        self._table = Path(directory, f"{interface}.nft")

    @cached_property
    def identity(self) -> str:
        """What changes whenever one of the files is replaced or written to."""
        return repr([_status(path) for path in (self._config, self._table)])

    @cached_property
    def config(self) -> WgQuickFile:
        """Raises InputError and OSError."""
        from .._wgquick.parse import decode
        from .._wgquick.parse_own import parse_own

        return parse_own(decode(_read(self._config)), str(self._config))

    @property
    def names(self) -> dict[str, str]:
        """What people call the peers, by their keys as text. Raises InputError and OSError."""
        return {str(peer.public_key): peer.name for peer in self.config.peers if peer.name}

    def desired(self, options: Mapping[str, Any]) -> DesiredInterface:
        """What the files ask for. ``options``: what they do not say. Raises InputError and OSError."""
        from .._host.tables import resolve_table
        from .startup import desired_of, parse_table_file

        body = ""
        if self._table.exists():
            text = _read(self._table).decode("utf-8", "surrogateescape")
            body = parse_table_file(text, self._interface, str(self._table))
        desired = desired_of(self.config, self._interface, options, body)
        return replace(desired, table=resolve_table(desired.table))


def _read(path: Path) -> bytes:
    """Anything but a regular file, such as a pipe, could keep the metrics of all interfaces waiting."""
    if not path.is_file() and path.exists():
        raise InputError("startup file", str(path), "not a regular file", "remove it, and run Ansible again")
    return path.read_bytes()


def _status(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
