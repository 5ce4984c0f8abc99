# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: read the state, derive the target, apply the difference, verify it. Undo the change on any failure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, groupby
from typing import NamedTuple

from .._model.dns import check_dns
from .._model.errors import InputError, tell
from .._model.interface import DesiredInterface, PeerNames
from .._model.keys import PublicKey
from .._model.operations import Operation, SetDns, SetNetfilter
from .._model.parts import Part, only, tell_parts
from .._model.state import RunningState
from .._options.parser import check_mtu, refuse_own_key
from .diff import diff_states
from .move import diff_move, state_after_move
from .protocols import Guard, Kernel
from .read_parts import read_parts
from .restore import restore_state
from .target import Circumstances, derive_absence, derive_target

_STRANGE_SOCKETS = "the interface's sockets are in another or a deleted network namespace, and cannot be moved"


class ConvergeError(Exception):
    """The desired state was not reached; the message says why and what runs now."""


@dataclass(frozen=True)
class ConvergeResult:
    """``operations`` lead from ``before`` to ``after``. In check mode they are planned, else they were applied."""

    before: RunningState
    after: RunningState
    operations: tuple[Operation, ...]
    names: PeerNames


@dataclass(frozen=True)
class Removal(ConvergeResult):
    """``problem``: what of the netfilter table and the name servers may be left, and why. Empty when all is removed."""

    problem: str = ""


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
) -> ConvergeResult:
    """Bring the interface to the desired state. ``elsewhere`` is another namespace, from which the interface is moved.

    ``guard`` is armed before the first change, and stays armed.

    Raises InputError before anything is touched, KernelError when the running state cannot be read, and
    ConvergeError when applying failed or what was read back differs; the state before is then restored.
    """
    names = {peer.public_key: peer.name for peer in desired.peers or () if peer.name}
    before = kernel.read(desired.interface)
    origin = _Origin(elsewhere, elsewhere.read(desired.interface)) if elsewhere and not before.exists else None
    if origin:
        before = state_after_move(origin.state, before)
    if before.sockets_elsewhere:
        option, value = ("birth_netns", desired.birth_netns or None)
        raise InputError(option, value, _STRANGE_SOCKETS, "remove the interface with state=absent and run again")
    own = before.device.public_key
    if desired.private_key not in (None, before.device.private_key):
        own = circumstances.public_key_of(desired.private_key)
    refuse_own_key(desired.peers or (), own)
    if desired.up:
        check_dns(desired.dns, desired.dns_search, before.dns)
    after = derive_target(desired, before, circumstances)
    check_mtu(after.mtu, chain(after.addresses, (route.prefix for route in after.routes)))
    _refuse_taken_address(kernel, before, after)
    expected = partial(_expected, desired, replace(circumstances, correct=after.device.peers))
    return _run(before, after, kernel, names, check_mode, expected, origin, guard)


def _refuse_taken_address(kernel: Kernel, before: RunningState, after: RunningState) -> None:
    """Refuse an address that another interface has. The kernel allows it, and then routes by either network."""
    new = [address for address in after.addresses if address not in before.addresses]
    taken = kernel.taken_address(before.interface, new) if new else None
    if taken:
        address, owner = taken
        remedy = f"give another one, or remove it there with 'ip address delete {address} dev {owner}'"
        raise InputError("addresses", str(address), f"the interface {owner} already has this address", remedy)


def remove(interface: str, kernel: Kernel, check_mode: bool = False, guard: Guard | None = None) -> Removal:
    """Take the interface down with all that belongs to it. ``guard`` is not armed.

    Where the netfilter table or the name servers cannot be read or removed, the interface is removed all the same, and
    the result says so. Raises as ``converge`` does.
    """
    before, unread = read_parts(interface, kernel)
    after = derive_absence(before)
    operations = tuple(diff_states(before, after, {}))
    removal = Removal(before, after, operations, {}, tell_parts(unread))
    if check_mode or not (operations or unread):
        return removal
    done: list[Operation] = []
    try:
        _apply_parts(interface, operations, kernel, done)
        now = only(kernel.read(interface, {Part.INTERFACE}), Part.INTERFACE)
        problem = _still_to_do(diff_states(now, derive_absence(now), {}))
    except Exception as error:
        problem = tell(error)
    if problem:
        raise ConvergeError(f"{interface}: {problem}. {_undo(removal, kernel, None, guard)}")
    rest = restore_state(RunningState(interface, netns=before.netns), kernel, None, {}, (Part.NETFILTER, Part.DNS))
    return replace(removal, operations=(*done, *rest.done), problem=rest.problem)


def _apply_parts(interface: str, operations: Iterable[Operation], kernel: Kernel, done: list[Operation]) -> None:
    """Apply the operations part by part. Only an error of the interface itself stops this and is raised."""
    for part, group in groupby(operations, _part_of):
        step = list(group)
        try:
            kernel.apply(interface, step)
        except Exception:
            if part is Part.INTERFACE:
                raise
        else:
            done += step


def _part_of(operation: Operation) -> Part:
    if isinstance(operation, SetDns):
        return Part.DNS
    return Part.NETFILTER if isinstance(operation, SetNetfilter) else Part.INTERFACE


def _still_to_do(operations: Iterable[Operation]) -> str:
    return "; ".join(f"still to do: {operation.describe()}" for operation in operations)


def _expected(desired: DesiredInterface, circumstances: Circumstances, running: RunningState) -> RunningState:
    """Derive the target of the state that was just read. An endpoint may have been learned since it was set."""
    if any(peer.endpoint for peer in desired.peers or ()):
        known = {key for key, peer in running.device.peers.items() if peer.endpoint}
        desired = _without_endpoints(desired, known)
    return derive_target(desired, running, circumstances)


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
    names: PeerNames,
    check_mode: bool,
    expected: Callable[[RunningState], RunningState],
    origin: _Origin | None,
    guard: Guard | None,
) -> ConvergeResult:
    leaving = diff_move(origin.state, before.netns) if origin else []
    operations = diff_states(before, after, names)
    outcome = ConvergeResult(origin.state if origin else before, after, (*leaving, *operations), names)
    if check_mode or not outcome.operations:
        return outcome
    if guard:
        guard.arm(outcome.before, after, names)
    try:
        if origin:
            origin.kernel.apply(before.interface, leaving)
        kernel.apply(before.interface, operations)
        now = kernel.read(before.interface)
        left = [] if now == after else diff_states(now, expected(now), names)
        problem = _still_to_do(left)
        if now.sockets_elsewhere:
            problem = _STRANGE_SOCKETS
    except Exception as error:  # after a bug of ours the state must be restored, too
        problem = tell(error)
    if problem:
        raise ConvergeError(f"{before.interface}: {problem}. {_undo(outcome, kernel, origin, guard)}")
    return outcome


def _undo(outcome: ConvergeResult, kernel: Kernel, origin: _Origin | None, guard: Guard | None) -> str:
    """Restore the state before the change and describe the result. After a failure, the guard tries again later."""
    where, moved_to = (origin.kernel, kernel) if origin else (kernel, None)
    restored = restore_state(outcome.before, where, moved_to, outcome.names, revive=guard.revive if guard else None)
    if restored.problems:
        return f"The previous state could not be fully restored: {restored.problem}"
    try:
        if guard:
            guard.disarm()
    except (OSError, InputError) as error:
        return f"The previous state has been restored, but the rollback of this change is still pending: {error}"
    return "The previous state has been restored."
