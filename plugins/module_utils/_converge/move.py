# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move an interface from one network namespace to another: the operations, and the state after the move."""

from __future__ import annotations

from dataclasses import replace

from .._model.operations import MoveLink, Operation, SetDevice
from .._model.state import RunningState
from .diff import diff_states
from .target import derive_absence


def diff_move(state: RunningState, netns: str) -> list[Operation]:
    """List the operations, in the namespace of ``state``, that move the link to ``netns`` and leave nothing behind.

    The kernel drops the addresses and the routes. The mark of a full tunnel is removed with its rules.
    """
    behind = replace(state, exists=False)
    cleanup = diff_states(behind, derive_absence(behind), {})
    unmark = [] if _lasting_mark(state) == state.device.fwmark else [SetDevice(fwmark=0)]
    return [*cleanup, *unmark, MoveLink(state.interface, netns)]


def _lasting_mark(state: RunningState) -> int:
    mark = state.device.fwmark
    return 0 if any(rule.fwmark == mark for rule in state.rules) else mark


def state_after_move(moved: RunningState, there: RunningState) -> RunningState:
    """Return the state of the new namespace after the move: ``there``, with the link of ``moved``."""
    return replace(
        there,
        exists=True,
        device=replace(moved.device, fwmark=_lasting_mark(moved)),
        mtu=moved.mtu,
        alias=moved.alias,
        sockets_elsewhere=moved.sockets_elsewhere,
    )
