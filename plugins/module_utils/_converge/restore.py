# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore an earlier state, including what options cannot describe, such as other programs' routes.

The interface comes first, then the netfilter table, then the name servers. A part that cannot be read or restored does
not stop the others.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import NamedTuple

from .._model.errors import tell
from .._model.interface import PeerNames, RunningPeer
from .._model.keys import ZERO_KEY, PrivateKey, PublicKey
from .._model.operations import Operation, RemovePeer, SetDevice, SetNftables
from .._model.parts import ALL_PARTS, Part, only, tell_parts
from .._model.state import Rule, RunningState
from .diff import diff_other_routes, diff_states
from .move import diff_move
from .protocols import Kernel
from .target import without_tunnel


class RestoreResult(NamedTuple):
    """``done``: the operations that were applied. ``problems``: for each part that was not restored, why."""

    done: list[Operation]
    problems: dict[Part, str]

    @property
    def problem(self) -> str:
        return tell_parts(self.problems)


def restore_state(
    before: RunningState,
    kernel: Kernel,
    moved_to: Kernel | None,
    names: PeerNames,
    parts: Iterable[Part] = ALL_PARTS,
    revive: Callable[[RunningState, Sequence[Operation]], None] | None = None,
) -> RestoreResult:
    """Restore these parts of an earlier state in its namespace. Return problems instead of raising them.

    ``moved_to``: the namespace where the interface may be now. ``revive`` is called after the interface part, before
    the parts that may take longer. Its failure is ignored.
    """
    done: list[Operation] = []
    problems: dict[Part, str] = {}
    wanted = before
    for part in parts:
        if part is Part.INTERFACE and before.up and before.own_table:
            problem = _load_missing_table(before, kernel, done)
            if problem:
                problems[part] = f"left down, as its nftables table cannot be loaded: {problem}"
                wanted = _held_down(before)
        said = _attempt(partial(_remove_from_new_netns, before, part, moved_to, done)) if moved_to else []
        if not said or part is not Part.INTERFACE:  # an interface must not exist twice
            said += _attempt(partial(_restore_part, only(wanted, part), part, kernel, names, done))
        if said:
            problems[part] = "; ".join((*filter(None, [problems.get(part)]), *said))
        if part is Part.INTERFACE and revive:
            with suppress(Exception):
                revive(before, done)
    return RestoreResult(done, problems)


def _load_missing_table(before: RunningState, kernel: Kernel, done: list[Operation]) -> str:
    """Load the interface's own table if it is missing, before the interface comes up. Return the problem, if any.

    A different table with that name stays until the interface is restored: any policy is better than none.
    """
    try:
        if not kernel.has_own_table(before.interface):
            operation = SetNftables(before.interface, before.own_table)
            kernel.apply(before.interface, [operation])
            done.append(operation)
    except Exception as error:
        return tell(error)
    return ""


def _held_down(state: RunningState) -> RunningState:
    """Return the state with the interface down, without the routes and rules that need it up."""
    return replace(without_tunnel(state), up=False, routes=frozenset(), other_routes=frozenset())


def _attempt(work: Callable[[list[str]], None]) -> list[str]:
    """Run ``work``. Return the problems that it reports, and the exception that it raises.

    Bugs are caught too: they must not prevent the restore of the other parts.
    """
    said: list[str] = []
    try:
        work(said)
    except Exception as error:
        said.append(tell(error))
    return said


def _remove_from_new_netns(
    before: RunningState, part: Part, moved_to: Kernel, done: list[Operation], said: list[str]
) -> None:
    """Move the interface back from the namespace that it was moved to, or remove another part there.

    Problems are added to ``said``.
    """
    if part is not Part.INTERFACE:
        _restore_part(RunningState(before.interface), part, moved_to, {}, done, said)
        return
    now = only(moved_to.read(before.interface, {part}), part)
    if now.exists:
        leaving = diff_move(now, before.netns)
        moved_to.apply(before.interface, leaving)
        done += leaving


def _restore_part(
    wanted: RunningState, part: Part, kernel: Kernel, names: PeerNames, done: list[Operation], said: list[str]
) -> None:
    """Restore one part. Problems are added to ``said``.

    Raises OSError if the part cannot be read; earlier problems are then in ``said``.
    """

    marks = {wanted.device.fwmark}

    def steps() -> list[list[Operation]]:
        now = only(kernel.read(wanted.interface, {part}), part)
        # Once the link is gone, only the mark distinguishes its rules from those of others.
        marks.add(now.device.fwmark)
        return diff_restore(now, wanted, names, marks)

    step: list[Operation] = []
    first_attempt = steps()
    try:
        for step in first_attempt:
            kernel.apply(wanted.interface, step)
            done += step
    except OSError as error:
        said.append(tell(error))
        again = list(chain.from_iterable(steps()))
        missing = {operation.describe() for operation in again}
        done += (operation for operation in step if operation.describe() not in missing)
        # One by one, so that a refused operation does not prevent the others.
        said[:] = _apply_each(again, wanted.interface, kernel, done)
    left = list(chain.from_iterable(steps()))
    if not left:
        said.clear()
    elif not said:
        said += (f"still to do: {operation.describe()}" for operation in left)


def _apply_each(operations: Iterable[Operation], interface: str, kernel: Kernel, done: list[Operation]) -> list[str]:
    """Apply the operations one by one. Return the errors of those that were refused."""

    def refusal(operation: Operation) -> str:
        try:
            kernel.apply(interface, [operation])
        except OSError as error:
            return tell(error)
        done.append(operation)
        return ""

    return [problem for problem in map(refusal, operations) if problem]


def diff_restore(
    now: RunningState, before: RunningState, names: PeerNames, marks: Collection[int] = ()
) -> list[list[Operation]]:
    """List the steps from ``now`` back to ``before``; none when they are equal.

    Apply each step separately: within a step, the order may change, and no operation may undo another.

    If ``before`` has a public key but no private key, the present private key stays. Handshakes and counters stay. The
    endpoint of a peer that had none stays after a new handshake: it was learned, and removing it would end the session.
    Full tunnels of other interfaces stay as they are now. ``marks``: those that this interface had meanwhile.
    """
    before = _with_rules_of_others(now, before, {now.device.fwmark, before.device.fwmark, *marks})
    others = list(diff_other_routes(now, before)) if before.exists else []
    if not (now.exists and before.exists):
        return [step for step in [diff_states(now, before, names), others] if step]
    strays = _peers_with_new_endpoint(now.device.peers, before.device.peers)
    kept = {key: peer for key, peer in now.device.peers.items() if key not in strays}
    known = replace(now, device=replace(now.device, peers=kept)) if strays else now
    target = before
    if before.device.private_key is None:
        there_was_none = before.device.public_key is None and now.device.private_key
        private_key = PrivateKey(ZERO_KEY) if there_was_none else now.device.private_key
        target = replace(before, device=replace(before.device, private_key=private_key))
    # While the interface is up, the kernel would choose a port. The operations before this take it down.
    no_port = not before.up and before.device.listen_port == 0 != now.device.listen_port
    steps: list[list[Operation]] = [
        [RemovePeer(key, names.get(key)) for key in strays],
        diff_states(known, target, names),
        [SetDevice(listen_port=0)] if no_port else [],
        others,
    ]
    return [step for step in steps if step]


def _with_rules_of_others(now: RunningState, before: RunningState, own: Collection[int]) -> RunningState:
    """Return the state before, with the rules that other interfaces have now.

    All full tunnels share the rule of the main table, and the last one removes it. They share ``src_valid_mark`` too.
    """

    def others(state: RunningState) -> set[Rule]:
        return {rule for rule in state.rules if rule.fwmark and rule.fwmark not in own}

    def shared(state: RunningState, family: int) -> set[Rule]:
        return {rule for rule in state.rules if rule.family == family and not rule.fwmark}

    theirs, were_theirs = others(now), others(before)
    if not theirs and not were_theirs:
        return before
    ours = {rule for rule in before.rules if rule.fwmark and rule not in were_theirs}
    families, were_families, our_families = ({rule.family for rule in each} for each in (theirs, were_theirs, ours))
    rules = ours | theirs
    for family in {rule.family for rule in before.rules | now.rules}:
        if family in families:
            rules |= shared(now, family) or shared(before, family)
        elif family in our_families or family not in were_families:
            rules |= shared(before, family)
    valid = before.src_valid_mark or (now.src_valid_mark and socket.AF_INET in families)
    return replace(before, rules=frozenset(rules), src_valid_mark=valid)


def _peers_with_new_endpoint(
    now: Mapping[PublicKey, RunningPeer], before: Mapping[PublicKey, RunningPeer]
) -> list[PublicKey]:
    """Select the peers that had no endpoint, and have one now without a new handshake.

    They are removed and added again. This loses no session: a peer without an endpoint had none.
    """
    had_none = ((key, peer) for key, peer in before.items() if peer.endpoint is None and key in now)
    return [key for key, peer in had_none if now[key].endpoint and now[key].latest_handshake <= peer.latest_handshake]
