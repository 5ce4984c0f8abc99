# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move an interface from one network namespace to another."""

from __future__ import annotations

from dataclasses import replace

from .._model.operations import MoveLink, Operation, SetDevice, SetNftables
from .._model.own_table import NO_TABLE
from .._model.state import RunningState
from .compare import lasting_mark
from .diff import diff_states
from .target import derive_absence


def diff_move(state: RunningState, netns: str) -> list[Operation]:
    """List the operations, in the namespace of ``state``, that move the link to ``netns`` and clean up after it.

    The kernel removes the addresses and the routes. The mark of a full tunnel is removed with its rules. The
    interface's own table stays until the link is gone: see ``diff_left_behind``.
    """
    behind = replace(state, exists=False, own_table=NO_TABLE)
    cleanup = diff_states(behind, derive_absence(behind), {})
    unmark = [] if lasting_mark(state) == state.device.fwmark else [SetDevice(fwmark=0)]
    return [*cleanup, *unmark, MoveLink(state.interface, netns)]


def diff_left_behind(state: RunningState) -> list[Operation]:
    """List the operations that remain in the namespace of ``state`` after the link was moved away."""
    return [SetNftables(state.interface, NO_TABLE)] if state.own_table else []
