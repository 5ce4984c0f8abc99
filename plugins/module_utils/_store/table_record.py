# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember what an interface's own nftables table was when it was last read, so that the next run need not start nft.

The record is true for one generation of the rules in one network namespace, and says so. It is lost at a reboot.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from .lock import DIRECTORY


class Stamp(NamedTuple):
    """A moment of a network namespace: its rules are the same while ``generation`` is."""

    namespace: str
    generation: int


class TableRecord(NamedTuple):
    """``listing``: what nft printed at that moment. ``digest``: that of the body which makes just this table."""

    stamp: Stamp
    listing: str
    digest: str


def _path(interface: str, directory: str) -> str:
    return str(Path(directory, f"{interface}.nftables.json"))


def load_table(interface: str, directory: str = DIRECTORY) -> TableRecord | None:
    """The record, None if there is none or it cannot be read."""
    try:
        stamp, listing, digest = json.loads(Path(_path(interface, directory)).read_text(encoding="utf-8"))
        return TableRecord(Stamp(*stamp), str(listing), str(digest))
    except (OSError, TypeError, ValueError):
        return None


def record_table(interface: str, record: TableRecord, directory: str = DIRECTORY) -> None:
    """Write the record. Raises InputError and OSError."""
    from .files import atomic_write, ensure_directory

    ensure_directory(directory, 0o700)
    atomic_write(_path(interface, directory), json.dumps(record).encode(), 0o600)
