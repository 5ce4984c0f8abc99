# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interface that is found in another network namespace than it shall be: how it leaves, and what arrives."""

from __future__ import annotations

from dataclasses import replace

from .._model.operations import MoveLink, Operation, SetDevice
from .._model.state import RunningState
from .diff import plan_operations
from .target import absent


def plan_leaving(state: RunningState, netns: str) -> list[Operation]:
    """The operations, in the namespace of ``state``, that move the link to ``netns`` and leave nothing behind.

    The kernel drops the addresses and the routes. The mark of a full tunnel goes with its rules.
    """
    behind = replace(state, exists=False)
    cleanup = plan_operations(behind, absent(behind), {})
    unmark = [] if _lasting_mark(state) == state.device.fwmark else [SetDevice(fwmark=0)]
    return [*cleanup, *unmark, MoveLink(state.interface, netns)]


def _lasting_mark(state: RunningState) -> int:
    mark = state.device.fwmark
    return 0 if any(rule.fwmark == mark for rule in state.rules) else mark


def arrived(moved: RunningState, there: RunningState) -> RunningState:
    """The namespace ``there``, which had no such link, once it has the one that ``moved`` had."""
    return replace(
        there,
        exists=True,
        device=replace(moved.device, fwmark=_lasting_mark(moved)),
        mtu=moved.mtu,
        alias=moved.alias,
        sockets_elsewhere=moved.sockets_elsewhere,
    )
