# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and change the running state of this host: the kernel that the engine uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .reader import HostReader

if TYPE_CHECKING:
    from .._model.operations import Operation


class HostKernel(HostReader):
    """The kernel of this host, to read and to change. What changes it is loaded when it is first needed."""

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        """Do the operations in order. Stops with KernelError at a refusal."""
        from . import changes

        changes.change_host(self, interface, operations)

    def rehearse(self) -> None:
        """Load and open what changes are made through, and change nothing. Raises KernelError."""
        from . import changes

        changes.rehearse(self)
