# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: read the state, derive the target, apply the difference, verify it. Undo the change on any failure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from .._model.errors import InputError, tell
from .._model.interface import DesiredInterface, PeerNames
from .._model.keys import PublicKey
from .._model.operations import Operation, SetDns, SetNetfilter, SetNftables
from .._model.parts import Part, only, tell_parts
from .._model.state import RunningState
from .circumstances import Circumstances
from .compare import STRANGE_SOCKETS, Comparison, Origin, compare
from .diff import diff_states
from .move import diff_left_behind, diff_move
from .protocols import Guard, Kernel
from .read_parts import read_parts
from .restore import restore_state
from .result import ConvergeError, ConvergeResult
from .target import derive_absence, derive_target


@dataclass(frozen=True)
class Removal(ConvergeResult):
    """The result of ``remove``.

    ``problem``: why netfilter tables or name servers may remain. Empty if all were removed.
    """

    problem: str = ""


def converge(
    desired: DesiredInterface,
    kernel: Kernel,
    circumstances: Circumstances,
    check_mode: bool = False,
    elsewhere: Kernel | None = None,
    guard: Guard | None = None,
) -> ConvergeResult:
    """Bring the interface to the desired state.

    ``elsewhere``: another namespace, from which the interface is moved. ``guard`` is armed before the first change, and
    stays armed unless the change is undone.

    Raises InputError before anything is changed, and KernelError if the running state cannot be read. Raises
    ConvergeError if applying fails or the state that is read back differs; the previous state is then restored.
    """
    comparison = compare(desired, kernel, circumstances, elsewhere)
    return carry_out(comparison, desired, kernel, circumstances, check_mode, guard)


def remove(interface: str, kernel: Kernel, check_mode: bool = False, guard: Guard | None = None) -> Removal:
    """Remove the interface and everything that belongs to it. ``guard`` is not armed.

    If the netfilter tables or the name servers cannot be read or removed, the interface is still removed, and the
    result names the problem. Raises KernelError and ConvergeError as ``converge`` does.
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
    """Apply the operations part by part. Raise errors of the interface part only; ignore those of other parts."""
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
    return Part.NETFILTER if isinstance(operation, (SetNetfilter, SetNftables)) else Part.INTERFACE


def _still_to_do(operations: Iterable[Operation]) -> str:
    return "; ".join(f"still to do: {operation.describe()}" for operation in operations)


def _expected(desired: DesiredInterface, circumstances: Circumstances, running: RunningState) -> RunningState:
    """Derive the target of the state that was just read.

    Ignore the configured endpoint of peers that have one: the kernel may have learned it since.
    """
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


def carry_out(
    comparison: Comparison,
    desired: DesiredInterface,
    kernel: Kernel,
    circumstances: Circumstances,
    check_mode: bool = False,
    guard: Guard | None = None,
) -> ConvergeResult:
    """Apply the difference and verify the result. Arguments and errors are those of ``converge``."""
    before, after, origin = comparison
    names = desired.peer_names
    steps = [(where, step) for where, step in _list_steps(comparison, kernel, names) if step]
    operations = tuple(operation for _kernel, step in steps for operation in step)
    outcome = ConvergeResult(origin.state if origin else before, after, operations, names)
    if check_mode or not outcome.operations:
        return outcome
    if guard:
        guard.arm(outcome.before, after, names)
    try:
        for where, step in steps:
            where.apply(before.interface, step)
        now = kernel.read(before.interface)
        correct = replace(circumstances, correct=after.device.peers)
        left = diff_states(now, _expected(desired, correct, now), names)
        problem = _still_to_do(left)
        if now.sockets_elsewhere:
            problem = STRANGE_SOCKETS
    except Exception as error:  # after a bug of ours the state must be restored, too
        problem = tell(error)
    if problem:
        raise ConvergeError(f"{before.interface}: {problem}. {_undo(outcome, kernel, origin, guard)}")
    return outcome


def _list_steps(
    comparison: Comparison, kernel: Kernel, names: PeerNames
) -> Iterator[tuple[Kernel, Sequence[Operation]]]:
    """Yield the operations in order, each group with the namespace to apply it in.

    The own table is loaded before the interface arrives.
    """
    before, after, origin = comparison
    operations = diff_states(before, after, names)
    if origin is None:
        yield kernel, operations
        return
    first = [operation for operation in operations if isinstance(operation, SetNftables) and operation.table]
    yield kernel, first
    yield origin.kernel, diff_move(origin.state, before.netns)
    yield kernel, [operation for operation in operations if operation not in first]
    yield origin.kernel, diff_left_behind(origin.state)


def _undo(outcome: ConvergeResult, kernel: Kernel, origin: Origin | None, guard: Guard | None) -> str:
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
