# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll back a change that was not confirmed in time, where its watchdog has not done so."""

from __future__ import annotations

from .._model.errors import InputError
from .._provisional.marker import record_path
from .._provisional.pending import UnconfirmedError
from .._provisional.record import find_change
from .._provisional.rollback import roll_back
from .._store.lock import interface_lock

# After its time, a watchdog needs a moment to start and for its work: on a slow host half a minute.
_GRACE_SECONDS = 30.0


def roll_back_overdue(interface: str, check_mode: bool, warnings: list[str]) -> None:
    """Roll back a change after its timeout. Raises UnconfirmedError before that, InputError and OSError.

    This does the work of a watchdog that was killed, or that could not restore everything.
    """
    change = find_change(interface)
    if change is None:
        return
    if check_mode or change.seconds_left > -_GRACE_SECONDS:
        raise UnconfirmedError(change)
    with interface_lock(interface):
        change = find_change(interface)
        if change is None:
            return
        rolled = roll_back(change)
    if rolled.left:
        problem = f"the state before its last change cannot be fully restored: {rolled.report.problem}"
        remedy = f"fix this and run again. To keep the running state instead, remove {record_path(interface)}"
        raise InputError("interface", interface, problem, remedy)
    but = f", but not completely: {rolled.report.problem}" if rolled.report.problem else ""
    warnings.append(f"{interface}: the last change was not confirmed in time, and was rolled back only now{but}")
