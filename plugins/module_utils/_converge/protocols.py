# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine asks of a host's kernel, and of the guard of a provisional change."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Protocol

from .._model.operations import Operation
from .._model.parts import ALL_PARTS, Part
from .._model.prefix import InterfaceAddress
from .._model.state import RunningState
from .diff import Names


class Kernel(Protocol):
    """The running state of one host: what reads it and what changes it. Both raise OSError."""

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        """The parts that are not asked for are empty, and what cannot be read of them does not matter."""

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        """Do the operations in their order, until one fails."""

    def path_mtu(self, hosts: Iterable[str]) -> int:
        """Return the smallest MTU on the ways to these hosts."""

    def has_routes(self, table: int) -> bool:
        """Whether the routing table has a route."""

    def taken_address(
        self, interface: str, addresses: Iterable[InterfaceAddress]
    ) -> tuple[InterfaceAddress, str] | None:
        """The first of the addresses that another interface has, and the name of that one."""


class Guard(Protocol):
    """Whoever puts the state before back, unless somebody confirms the one after."""

    def arm(self, before: RunningState, after: RunningState, names: Names) -> None:
        """Called when all is decided and nothing is changed yet. Raises OSError or InputError, and nothing then is."""

    def disarm(self) -> None:
        """Called when the state before is there again. Raises OSError or InputError."""
