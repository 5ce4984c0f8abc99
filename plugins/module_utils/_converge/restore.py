# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back to a state that was: what a plan leaves alone, since no desired state asks for it, is put back as well.

The interface comes first, then the netfilter table, then the name servers. What cannot be read or put back of one of
them does not keep the others from coming back.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from .._model.interface import Names, RunningPeer
from .._model.keys import ZERO_KEY, PrivateKey, PublicKey
from .._model.operations import Operation, RemovePeer, SetDevice
from .._model.parts import ALL_PARTS, Part, only
from .._model.state import Rule, RunningState
from .diff import plan_operations, plan_other_routes
from .move import plan_leaving
from .protocols import Kernel


class Restored(NamedTuple):
    """``done``: the operations that put back what was. ``problems``: of each part that is not back, why."""

    done: list[Operation]
    problems: dict[Part, str]

    @property
    def problem(self) -> str:
        return "; ".join(f"{part.value}: {problem}" for part, problem in self.problems.items())


def restore(
    before: RunningState,
    kernel: Kernel,
    moved_to: Kernel | None,
    names: Names,
    parts: Iterable[Part] = ALL_PARTS,
) -> Restored:
    """Put back these parts of a state that was, in the namespace where it was; ``moved_to`` is where the interface may
    be now. What fails is in the result: nothing is raised."""
    done: list[Operation] = []
    problems: dict[Part, str] = {}
    for part in parts:
        try:
            problem = _leave(before, part, moved_to, done) if moved_to else ""
            problem = problem or _restore_part(only(before, part), part, kernel, names, done)
        except OSError as error:
            problem = str(error)
        except Exception as error:  # a fault of ours is no reason to leave the other parts as they are, either
            problem = f"{type(error).__name__}: {error}"
        if problem:
            problems[part] = problem
    return Restored(done, problems)


def _leave(before: RunningState, part: Part, moved_to: Kernel, done: list[Operation]) -> str:
    """Have nothing of the interface in the namespace where it was not; why that is not so, empty where it is."""
    if part is not Part.INTERFACE:
        return _restore_part(RunningState(before.interface), part, moved_to, {}, done)
    now = only(moved_to.read(before.interface, {part}), part)
    if now.exists:
        leaving = plan_leaving(now, before.netns)
        moved_to.apply(before.interface, leaving)
        done += leaving
    return ""


def _restore_part(wanted: RunningState, part: Part, kernel: Kernel, names: Names, done: list[Operation]) -> str:
    """Why the part is not back, empty where it is. Raises OSError where it cannot be read."""

    marks = {wanted.device.fwmark}

    def steps() -> list[list[Operation]]:
        now = only(kernel.read(wanted.interface, {part}), part)
        # Once the link is gone, nothing but this tells its rules from those of others.
        marks.add(now.device.fwmark)
        return plan_restore(now, wanted, names, marks)

    problems: list[str] = []
    step: list[Operation] = []
    planned = steps()
    try:
        for step in planned:
            kernel.apply(wanted.interface, step)
            done += step
    except OSError:
        again = list(chain.from_iterable(steps()))
        missing = {operation.describe() for operation in again}
        done += (operation for operation in step if operation.describe() not in missing)
        # Each by itself, so that one that is refused does not keep the others from coming back.
        problems = _apply_each(again, wanted.interface, kernel, done)
    left = list(chain.from_iterable(steps()))
    return "; ".join(problems or [f"still to do: {operation.describe()}" for operation in left]) if left else ""


def _apply_each(operations: Iterable[Operation], interface: str, kernel: Kernel, done: list[Operation]) -> list[str]:
    """What was refused, in words."""

    def refusal(operation: Operation) -> str:
        try:
            kernel.apply(interface, [operation])
        except OSError as error:
            return str(error)
        done.append(operation)
        return ""

    return [problem for problem in map(refusal, operations) if problem]


def plan_restore(
    now: RunningState, before: RunningState, names: Names, marks: Collection[int] = ()
) -> list[list[Operation]]:
    """The steps that make ``now`` into ``before`` again; none when that is so already. Each is to be applied by itself:
    operations that are applied together do not undo one another, and are sent in an order of their own.

    A private key that was there, as its public half shows, and is not known any more, stays what it is now. Handshakes
    and counters stay. So does the endpoint of a peer that had none and has shaken hands since: it has been learned, and
    there is no way to take it from the peer but with its session. Full tunnels of other interfaces stay as they are
    now; ``marks`` are those that this interface had meanwhile.
    """
    before = _beside_others(now, before, {now.device.fwmark, before.device.fwmark, *marks})
    others = list(plan_other_routes(now, before)) if before.exists else []
    if not (now.exists and before.exists):
        return [step for step in [plan_operations(now, before, names), others] if step]
    strays = _given_endpoints(now.device.peers, before.device.peers)
    kept = {key: peer for key, peer in now.device.peers.items() if key not in strays}
    known = replace(now, device=replace(now.device, peers=kept)) if strays else now
    aim = before
    if before.device.private_key is None:
        there_was_none = before.device.public_key is None and now.device.private_key
        private_key = PrivateKey(ZERO_KEY) if there_was_none else now.device.private_key
        aim = replace(before, device=replace(before.device, private_key=private_key))
    # While the interface is up the kernel would choose a port; going down is among the operations.
    no_port = not before.up and before.device.listen_port == 0 != now.device.listen_port
    steps: list[list[Operation]] = [
        [RemovePeer(key, names.get(key)) for key in strays],
        plan_operations(known, aim, names),
        [SetDevice(listen_port=0)] if no_port else [],
        others,
    ]
    return [step for step in steps if step]


def _beside_others(now: RunningState, before: RunningState, own: Collection[int]) -> RunningState:
    """The state before, with the rules that other interfaces have now. All full tunnels share the rule of the main
    table, which the last of them takes along; the same goes for ``src_valid_mark``."""

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


def _given_endpoints(now: Mapping[PublicKey, RunningPeer], before: Mapping[PublicKey, RunningPeer]) -> list[PublicKey]:
    """The peers that had no endpoint, and have one that somebody set. They are to be made anew, which costs nothing:
    without an endpoint there was no session."""
    had_none = ((key, peer) for key, peer in before.items() if peer.endpoint is None and key in now)
    return [key for key, peer in had_none if now[key].endpoint and now[key].latest_handshake <= peer.latest_handshake]
