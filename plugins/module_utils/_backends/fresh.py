# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which nothing is installed yet, as check mode finds it."""

from __future__ import annotations

from collections.abc import Container, Iterable

from .._converge.target import assume_ethernet
from .._host.reader import find_taken_address
from .._model.parts import ALL_PARTS, Part
from .._model.prefix import InterfaceAddress
from .._model.state import RunningState, fresh_state


class FreshKernel:
    """A host without the interface, with only the kernel's three rules."""

    def __init__(self, netns: str) -> None:
        self._netns = netns

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        return fresh_state(interface, self._netns)

    def path_mtu(self, hosts: Iterable[str]) -> int:
        return assume_ethernet(hosts)

    def has_routes(self, table: int) -> bool:
        return False

    def taken_address(
        self, interface: str, addresses: Iterable[InterfaceAddress]
    ) -> tuple[InterfaceAddress, str] | None:
        return find_taken_address(self._netns, interface, addresses)

    def apply(self, interface: str, operations: object) -> None:
        raise NotImplementedError("check mode applies nothing")
