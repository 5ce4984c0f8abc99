# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a running state that are read and restored each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from .dns import NO_DNS
from .own_table import NO_TABLE
from .state import RunningState


class Part(Enum):
    """In the order in which they are restored. The value is what messages call a part.

    The last two depend on programs other than the kernel, so nothing waits for them.
    """

    INTERFACE = "interface"  # with its keys, peers, addresses, routes and rules
    NETFILTER = "netfilter table"  # of a full tunnel, and the interface's own table
    DNS = "name servers"


ALL_PARTS = tuple(Part)


def tell_parts(problems: Mapping[Part, str]) -> str:
    """Describe the problems of parts in one line."""
    return "; ".join(f"{part.value}: {problem}" for part, problem in problems.items())


def only(state: RunningState, part: Part) -> RunningState:
    """The state with the other parts empty, so that two such states differ in that part alone."""
    if part is Part.NETFILTER:
        return RunningState(state.interface, netfilter=state.netfilter, own_table=state.own_table, netns=state.netns)
    if part is Part.DNS:
        return RunningState(state.interface, dns=state.dns, netns=state.netns)
    return replace(state, netfilter={}, own_table=NO_TABLE, dns=NO_DNS)
