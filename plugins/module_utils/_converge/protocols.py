# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocols of the engine: a host's kernel, and the guard of a provisional change."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Protocol

from .._model.interface import PeerNames
from .._model.operations import Operation
from .._model.own_table import OwnTable
from .._model.parts import ALL_PARTS, Part
from .._model.prefix import InterfaceAddress
from .._model.state import RunningState


class Reader(Protocol):
    """Reads the running state of one host. Raises OSError."""

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        """Read the state. Parts that are not requested are left empty, and errors in them are ignored."""


class Kernel(Reader, Protocol):
    """Reads and changes the running state. Raises OSError."""

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        """Apply the operations in order. Stop at the first that fails."""

    def path_mtu(self, hosts: Iterable[str]) -> int:
        """Return the largest MTU of the paths to these hosts, in bytes."""

    def has_routes(self, table: int) -> bool:
        """Whether the routing table has a route."""

    def has_own_table(self, interface: str) -> bool:
        """Whether the interface's own table exists. Does not run nft."""

    def list_table(self, interface: str, body: str) -> OwnTable:
        """Return the interface's own table with this body, in the form that ``read`` returns. Changes nothing."""

    def taken_address(
        self, interface: str, addresses: Iterable[InterfaceAddress]
    ) -> tuple[InterfaceAddress, str] | None:
        """Find the first of the addresses that another interface has, and the name of that interface."""


class Guard(Protocol):
    """Restores the state before a change, unless the change is confirmed in time."""

    def arm(self, before: RunningState, after: RunningState, names: PeerNames) -> None:
        """Prepare the rollback.

        The engine calls this before the first change. It changes nothing if this raises OSError or InputError.
        """

    def disarm(self) -> None:
        """Cancel the rollback, after the previous state was restored. Raises OSError or InputError."""

    def revive(self, before: RunningState, operations: Sequence[Operation]) -> None:
        """Start sessions again after the attempt to restore the interface with these operations."""
