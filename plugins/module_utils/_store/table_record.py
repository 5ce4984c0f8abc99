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

_TABLE, _FIREWALL = "nftables", "firewall"


class Stamp(NamedTuple):
    """A moment of a network namespace: its rules are the same while ``generation`` is."""

    namespace: str
    generation: int


class TableRecord(NamedTuple):
    """``listing``: what nft printed at that moment. ``digest``: that of the body which makes just this table."""

    stamp: Stamp
    listing: str
    digest: str


class FirewallRecord(NamedTuple):
    """``question``: what was looked for in the rules of others at that moment. ``found``: what was found, in words."""

    stamp: Stamp
    question: list[Any]
    found: list[str]


def load_table(interface: str, directory: str = DIRECTORY) -> TableRecord | None:
    """The record, None if there is none or it cannot be read."""
    try:
        stamp, listing, digest = _load(interface, _TABLE, directory)
        return TableRecord(Stamp(*stamp), str(listing), str(digest))
    except (OSError, TypeError, ValueError):
        return None


def record_table(interface: str, record: TableRecord, directory: str = DIRECTORY) -> None:
    """Write the record. Raises InputError and OSError."""
    _record(interface, _TABLE, record, directory)


def load_firewall(interface: str, directory: str = DIRECTORY) -> FirewallRecord | None:
    """The record, None if there is none or it cannot be read."""
    try:
        stamp, question, found = _load(interface, _FIREWALL, directory)
        return FirewallRecord(Stamp(*stamp), list(question), list(map(str, found)))
    except (OSError, TypeError, ValueError):
        return None


def record_firewall(interface: str, record: FirewallRecord, directory: str = DIRECTORY) -> None:
    """Write the record. Raises InputError and OSError."""
    _record(interface, _FIREWALL, record, directory)


def _load(interface: str, kind: str, directory: str) -> Any:
    return json.loads(Path(directory, f"{interface}.{kind}.json").read_text(encoding="utf-8"))


def _record(interface: str, kind: str, record: object, directory: str) -> None:
    from .files import atomic_write, ensure_directory

    ensure_directory(directory, 0o700)
    atomic_write(str(Path(directory, f"{interface}.{kind}.json")), json.dumps(record).encode(), 0o600)
