# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and change the running state of this host: the kernel that the engine uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._model.own_table import NO_TABLE, OwnTable
from .._netlink.namespace import netns_exists
from . import netfilter
from .reader import HostReader, open_sockets

if TYPE_CHECKING:
    from .._model.operations import Operation
    from .._model.state import RunningState
    from .._netlink.netlink import Netlink
    from .._store.table_record import TableRecord


class HostKernel(HostReader):
    """Reads and changes the kernel of this host. The code for changes is imported when first needed."""

    _table: TableRecord | None = None

    def read_own_table(self, netlink: Netlink, interface: str) -> OwnTable:
        self._table = None
        if not netfilter.has_own_table(netlink, interface):
            return NO_TABLE
        from .own_table import read_table

        self._table = read_table(netlink, interface, own_netns=not self.netns)
        return OwnTable(self._table.listing)

    def has_own_table(self, interface: str) -> bool:
        """Whether the interface's own table exists. Runs no program. Raises KernelError."""
        if not netns_exists(self.netns):
            return False
        with open_sockets(self.netns) as sockets:
            return bool(sockets.netfilter and netfilter.has_own_table(sockets.netfilter, interface))

    def list_table(self, interface: str, body: str) -> OwnTable:
        """Return the interface's own table with this body, as it would be read. Raises InputError and KernelError."""
        from .own_table import find_table

        return find_table(interface, body, self._table)

    def remember_table(self, interface: str, wanted: OwnTable) -> None:
        """Record the table that was read last, if it is the wanted one. The next run then need not run nft for it."""
        if self._table and wanted.body and self._table.listing == wanted.listing:
            from .own_table import remember_table

            remember_table(interface, wanted.body, self._table)

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        """Apply the operations in order. Raises KernelError at the first refusal."""
        from . import changes

        changes.change_host(self, interface, operations)

    def rehearse(self, state: RunningState) -> None:
        """Check that what a restore of the state needs loads and opens. Changes nothing. Raises KernelError."""
        from . import changes

        changes.rehearse(self, state)
