# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: read, plan, apply, verify; on any failure put back what was running."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from .._model.dns import check_dns
from .._model.errors import InputError
from .._model.interface import DesiredInterface, Names
from .._model.keys import PublicKey
from .._model.operations import Operation
from .._model.state import RunningState
from .._options.parser import check_mtu, refuse_own_key
from .diff import plan_operations
from .move import arrived, plan_leaving
from .protocols import Guard, Kernel
from .restore import restore
from .target import Circumstances, absent, aim

_STRANGE_SOCKETS = (
    "the interface's sockets are in another network namespace, or in one that is gone, and cannot be moved"
)


class ConvergeError(Exception):
    """The desired state was not reached; the message says why and what runs now."""


@dataclass(frozen=True)
class Outcome:
    """``operations`` are those done, or in check mode those that would be, from ``before`` to ``after``."""

    before: RunningState
    after: RunningState
    operations: tuple[Operation, ...]
    names: Names


class _Origin(NamedTuple):
    """Another namespace, and its state while the interface is still there."""

    kernel: Kernel
    state: RunningState


def converge(
    desired: DesiredInterface,
    kernel: Kernel,
    circumstances: Circumstances,
    check_mode: bool = False,
    elsewhere: Kernel | None = None,
    guard: Guard | None = None,
) -> Outcome:
    """Bring the interface to the desired state. ``elsewhere`` is another namespace, from which it is moved.

    ``guard`` is armed where something is to be changed, and stays so after that.

    Raises InputError before anything is touched, KernelError when the running state cannot be read, and
    ConvergeError when applying failed or what was read back differs; the state before is then restored.
    """
    names = {peer.public_key: peer.name for peer in desired.peers or () if peer.name}
    before = kernel.read(desired.interface)
    origin = _Origin(elsewhere, elsewhere.read(desired.interface)) if elsewhere and not before.exists else None
    if origin:
        before = arrived(origin.state, before)
    if before.sockets_elsewhere:
        option, value = ("birth_netns", desired.birth_netns or None)
        raise InputError(option, value, _STRANGE_SOCKETS, "remove the interface with state=absent and run again")
    own = before.device.public_key
    if desired.private_key not in (None, before.device.private_key):
        own = circumstances.public_key_of(desired.private_key)
    refuse_own_key(desired.peers or (), own)
    if desired.up:
        check_dns(desired.dns, desired.dns_search, before.dns)
    after = aim(desired, before, circumstances)
    check_mtu(after.mtu, chain(after.addresses, (route.prefix for route in after.routes)))
    _refuse_taken_address(kernel, before, after)
    verifier = _Verifier(desired, replace(circumstances, settled=after.device.peers))
    return _run(before, after, kernel, names, check_mode, verifier, origin, guard)


def _refuse_taken_address(kernel: Kernel, before: RunningState, after: RunningState) -> None:
    """The kernel lets two links have one address, and then sends by the network of either."""
    new = [address for address in after.addresses if address not in before.addresses]
    taken = kernel.taken_address(before.interface, new) if new else None
    if taken:
        address, owner = taken
        remedy = f"give another one, or remove it there with 'ip address delete {address} dev {owner}'"
        raise InputError("addresses", str(address), f"the interface {owner} has this address", remedy)


def remove(interface: str, kernel: Kernel, check_mode: bool = False) -> Outcome:
    """Take the interface down with all that belongs to it. Raises as ``converge`` does."""
    before = kernel.read(interface)
    return _run(before, absent(before), kernel, {}, check_mode, absent)


@dataclass(frozen=True)
class _Verifier:
    desired: DesiredInterface
    circumstances: Circumstances

    def __call__(self, running: RunningState) -> RunningState:
        """What the state just read should be. An endpoint may have been learned since it was set."""
        desired = self.desired
        if any(peer.endpoint for peer in desired.peers or ()):
            known = {key for key, peer in running.device.peers.items() if peer.endpoint}
            desired = _without_endpoints(desired, known)
        return aim(desired, running, self.circumstances)


def _without_endpoints(desired: DesiredInterface, known: Container[PublicKey]) -> DesiredInterface:
    relaxed = (
        peer._replace(endpoint=None) if peer.endpoint and peer.public_key in known else peer
        for peer in desired.peers or ()
    )
    return replace(desired, peers=tuple(relaxed))


def _run(
    before: RunningState,
    after: RunningState,
    kernel: Kernel,
    names: Names,
    check_mode: bool,
    expected: Callable[[RunningState], RunningState],
    origin: _Origin | None = None,
    guard: Guard | None = None,
) -> Outcome:
    leaving = plan_leaving(origin.state, before.netns) if origin else []
    operations = plan_operations(before, after, names)
    outcome = Outcome(origin.state if origin else before, after, (*leaving, *operations), names)
    if check_mode or not outcome.operations:
        return outcome
    if guard:
        guard.arm(outcome.before, after, names)
    try:
        if origin:
            origin.kernel.apply(before.interface, leaving)
        kernel.apply(before.interface, operations)
        now = kernel.read(before.interface)
        left = [] if now == after else plan_operations(now, expected(now), names)
        problem = "; ".join(f"still to do: {operation.describe()}" for operation in left)
        if now.sockets_elsewhere:
            problem = _STRANGE_SOCKETS
    except OSError as error:
        problem = str(error)
    except Exception as error:  # a fault of ours is no reason to leave what is half applied, either
        problem = f"{type(error).__name__}: {error}"
    if problem:
        raise ConvergeError(f"{before.interface}: {problem}. {_restore(outcome, kernel, origin, guard)}")
    return outcome


def _restore(outcome: Outcome, kernel: Kernel, origin: _Origin | None, guard: Guard | None) -> str:
    """Put back the state before and say how that went. Where it went wrong, a guard tries again in its time."""
    where, moved_to = (origin.kernel, kernel) if origin else (kernel, None)
    restored = restore(outcome.before, where, moved_to, outcome.names)
    if restored.problems:
        return f"Not all of what was running before could be restored: {restored.problem}"
    try:
        if guard:
            guard.disarm()
    except (OSError, InputError) as error:
        return f"What was running before has been restored, but the rollback of this change is still pending: {error}"
    return "What was running before has been restored."
