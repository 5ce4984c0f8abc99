# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, change and write records, without losing what another run has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from .member_record import Records
from .text import parse_records, render_records

Change = Callable[[Records], Records]


class Update(NamedTuple):
    """What became of a network's records: they and their text, ``place`` being where that is kept, for people."""

    records: Records
    place: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def diff(self) -> dict[str, str]:
        """Return the difference as Ansible shows it."""
        return {
            "before_header": self.place,
            "before": self.before,
            "after_header": self.place,
            "after": self.after,
        }


class Store(Protocol):
    def update(self, network: str, change: Change, write: bool) -> Update:
        """Changes the network's records, or without ``write`` says what would become of them.

        With ``write``, no other run changes them between the reading and the writing. ``change`` may be called more
        than once; what it raises leaves the records as they are. Raises RegistryError.
        """

    def is_writable(self, network: str) -> bool:
        """Whether there is no reason to think that writing would fail."""


def change_text(text: str | None, place: str, change: Change) -> Update:
    """The update of a text, None where there is none yet. Raises RegistryError."""
    known = parse_records(text, place)
    records = change(known)
    # A text that says the same in other words stays as its author wrote it.
    after = (text or "") if records == known else render_records(records)
    return Update(records, place, text or "", after)
