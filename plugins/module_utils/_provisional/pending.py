# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a change on top of an unconfirmed one.

Every run checks this, and few find an unconfirmed change: the record's code is loaded only if there is one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .._model.errors import InputError
from .marker import is_recorded

if TYPE_CHECKING:
    from .record import Unconfirmed


class UnconfirmedError(InputError):
    """Another change of the interface is not confirmed yet, or is being rolled back. ``pending`` describes it for the
    task, which waits for its end."""

    def __init__(self, change: Unconfirmed) -> None:
        left = change.seconds_left
        if left > 0:
            problem = f"its last change is not confirmed yet, and is rolled back in {left:.0f} s, at {change.date}"
            remedy = "wait for that, or confirm the change with cryptokey.wireguard.confirm"
        else:
            problem = "its last change was not confirmed in time, and its rollback is not finished"
            remedy = "run again in a minute; 'journalctl -t cryptokey-wireguard' on the host shows the reason"
        super().__init__("interface", change.interface, problem, remedy)
        self.pending = describe_pending(change)


def describe_pending(change: Unconfirmed) -> dict[str, Any]:
    """A change that waits, for the result of a module. Times are ages, as clocks differ."""
    return {
        "change": change.change,
        "deadline": change.date,
        "seconds_left": round(change.seconds_left),
        "seconds_ago": max(0, round(time.time() - change.armed_at)),
    }


def refuse_unconfirmed(interface: str) -> None:
    """Raises UnconfirmedError if the interface has an unconfirmed change: its rollback would undo a newer one, too.

    The caller has the lock of the interface, or looks again under it.
    """
    if not is_recorded(interface):
        return
    from .record import find_change

    change = find_change(interface)
    if change:
        raise UnconfirmedError(change)
