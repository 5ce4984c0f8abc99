# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember what an interface's own nftables table, and the rules of others, were when they were last read, so that the
next run need not start nft.

A record is true for one generation of the rules in one network namespace, and says so. It is lost at a reboot.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from .lock import DIRECTORY

_TABLE, _OBSTACLES = "nftables", "obstacles"


# A moment of a network namespace: which one, and the generation of its rules. They are the same while that is.
Stamp = tuple[str, int]


class TableRecord(NamedTuple):
    """An interface's own table as nft listed it. ``stamp``: when that was, None if it cannot be told. ``digest``: that
    of the body which makes just this table, empty if it is not known."""

    listing: str
    stamp: Stamp | None = None
    digest: str = ""


def load_table(interface: str, directory: str = DIRECTORY) -> TableRecord | None:
    """The record, None if there is none or it cannot be read."""
    try:
        listing, (namespace, generation), digest = _load(interface, _TABLE, directory)
        return TableRecord(str(listing), (str(namespace), int(generation)), str(digest))
    except (OSError, TypeError, ValueError):
        return None


def record_table(interface: str, record: TableRecord, directory: str = DIRECTORY) -> None:
    """Write the record. Raises InputError and OSError."""
    _record(interface, _TABLE, record, directory)


def load_obstacles(interface: str, stamp: Stamp, question: list[Any], directory: str = DIRECTORY) -> list[str] | None:
    """What was found in the rules of others at that moment, in words. None if it is not known for this question."""
    try:
        then, asked, found = _load(interface, _OBSTACLES, directory)
        return list(map(str, found)) if (tuple(then), asked) == (stamp, question) else None
    except (OSError, TypeError, ValueError):
        return None


def record_obstacles(
    interface: str, stamp: Stamp, question: list[Any], found: list[str], directory: str = DIRECTORY
) -> None:
    """Write what was found. Raises InputError and OSError."""
    _record(interface, _OBSTACLES, (stamp, question, found), directory)


def forget_rules(interface: str, directory: str = DIRECTORY) -> None:
    """Remove both records of an interface that is no more. Raises InputError and OSError."""
    from .files import remove_file

    for kind in (_TABLE, _OBSTACLES):
        remove_file(_path(interface, kind, directory))


def _load(interface: str, kind: str, directory: str) -> Any:
    return json.loads(Path(_path(interface, kind, directory)).read_text(encoding="utf-8"))


def _record(interface: str, kind: str, record: object, directory: str) -> None:
    from .files import atomic_write, ensure_directory

    ensure_directory(directory, 0o700)
    atomic_write(_path(interface, kind, directory), json.dumps(record).encode(), 0o600)


def _path(interface: str, kind: str, directory: str) -> str:
    return str(Path(directory, f"{interface}.{kind}.json"))
