# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the running state with the target. This first half of the engine changes nothing.

Most runs end here, so this module imports nothing that applies, verifies or restores a change.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from .._model.dns import check_dns
from .._model.errors import InputError
from .._model.state import RunningState
from .._options.parser import check_mtu, refuse_own_key
from .target import derive_target

if TYPE_CHECKING:
    from .._model.interface import DesiredInterface
    from .circumstances import Circumstances
    from .protocols import Kernel

STRANGE_SOCKETS = "the interface's sockets are in another or a deleted network namespace, and cannot be moved"


class Origin(NamedTuple):
    """The namespace that the interface is moved from, and the state there before the move."""

    kernel: Kernel
    state: RunningState


class Comparison(NamedTuple):
    """The running state (``before``) and the target (``after``).

    ``origin``: the namespace that the interface is moved from. ``before`` is then the state after the move.
    """

    before: RunningState
    after: RunningState
    origin: Origin | None = None

    @property
    def is_equal(self) -> bool:
        """Whether there is nothing to do."""
        return self.origin is None and self.before == self.after


def compare(
    desired: DesiredInterface, kernel: Kernel, circumstances: Circumstances, elsewhere: Kernel | None = None
) -> Comparison:
    """Read the running state and derive the target.

    ``elsewhere``: another namespace, from which the interface should be moved. Raises InputError if the desired state
    is refused, and KernelError if the running state cannot be read.
    """
    before = kernel.read(desired.interface)
    origin = Origin(elsewhere, elsewhere.read(desired.interface)) if elsewhere and not before.exists else None
    if origin:
        before = state_after_move(origin.state, before)
    if before.sockets_elsewhere:
        option, value = ("birth_netns", desired.birth_netns or None)
        raise InputError(option, value, STRANGE_SOCKETS, "remove the interface with state=absent and run again")
    own = before.device.public_key
    if desired.private_key not in (None, before.device.private_key):
        own = circumstances.public_key_of(desired.private_key)
    refuse_own_key(desired.peers or (), own)
    if desired.up:
        check_dns(desired.dns, desired.dns_search, before.dns)
    after = derive_target(desired, before, circumstances)
    if origin and desired.nftables is None:
        after = replace(after, own_table=origin.state.own_table)
    check_mtu(after.mtu, chain(after.addresses, (route.prefix for route in after.routes)))
    _refuse_taken_address(kernel, before, after)
    return Comparison(before, after, origin)


def state_after_move(moved: RunningState, there: RunningState) -> RunningState:
    """Return the state of the new namespace after the move: ``there``, with the link of ``moved``."""
    return replace(
        there,
        exists=True,
        device=replace(moved.device, fwmark=lasting_mark(moved)),
        mtu=moved.mtu,
        alias=moved.alias,
        sockets_elsewhere=moved.sockets_elsewhere,
    )


def lasting_mark(state: RunningState) -> int:
    """Return the mark that a move keeps: 0 instead of the mark of a full tunnel."""
    mark = state.device.fwmark
    return 0 if any(rule.fwmark == mark for rule in state.rules) else mark


def _refuse_taken_address(kernel: Kernel, before: RunningState, after: RunningState) -> None:
    """Raise InputError for a new address that another interface has.

    The kernel allows it, and then routes through either interface.
    """
    new = [address for address in after.addresses if address not in before.addresses]
    taken = kernel.taken_address(before.interface, new) if new else None
    if taken:
        address, owner = taken
        remedy = f"give another one, or remove it there with 'ip address delete {address} dev {owner}'"
        raise InputError("addresses", str(address), f"the interface {owner} already has this address", remedy)
