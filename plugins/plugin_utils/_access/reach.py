# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a packet gets from one place of planned networks to another, and an answer back. Pure.

Allowed IPs decide twice: they are the routing table of the sender, and the list of accepted sources of the receiver.
Grants are compared with the original addresses of a connection, in both directions, as the hosts' own rules do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .._inventory.policy import Grant
from .grants import Packet
from .machines import AsPlanned, Interface, Machine, Machines, Masquerades, Planned, is_routed_globally

# What becomes of a packet. All but the first one mean that it does not reach its destination.
REACHED = "reached"
NO_PATH = "no path"  # no allowed IPs lead there, or a member on the way does not pass it on
DENIED = "denied"  # there is a path, and no grant
NO_ANSWER = "no answer"  # the packet arrives, and its answer does not
OUTSIDE = "outside"  # the source sends it by its own routes, past all tunnels: not known here

# What happens at one step of a path.
SENT = "sent"
GATE = "gate"  # a host compares it with its rules
INPUT = "input"
LAN = "lan"
INTERNET = "internet"
MASQUERADED = "masqueraded"
ROUTED = "routed"
# Where it ends before its destination.
LEFT = "left"
NO_PEER = "no peer"
NO_ENDPOINT = "no endpoint"
NOT_FORWARDED = "not forwarded"
SOURCE = "source"
NO_GRANT = "no grant"
UNKNOWN_HERE = "unknown here"
LOOP = "loop"
NOT_MASQUERADED = "not masqueraded"
ELSEWHERE = "elsewhere"


class Step(NamedTuple):
    """One thing that happens at a machine. Which of the other fields are set depends on ``what``."""

    what: str
    machine: Machine
    interface: Interface | None = None
    peer: str = ""
    prefix: Prefix | None = None
    grant: Grant | None = None


class Answer(NamedTuple):
    """``outcome`` is one of those above. ``there`` and ``back`` are the steps of the packet and of its answer.

    Where it is not reached, the last step says where and why.
    """

    outcome: str
    there: tuple[Step, ...]
    back: tuple[Step, ...] = ()

    @property
    def reached(self) -> bool:
        return self.outcome == REACHED

    @property
    def grants(self) -> list[tuple[Interface, Grant]]:
        """The grants that allowed it, each with the interface where it was looked for."""
        return [(step.interface, step.grant) for step in self.there if step.interface and step.grant]

    @property
    def last(self) -> Step:
        return (self.back or self.there)[-1]


class Reach:
    """The ways of packets through these networks."""

    def __init__(self, planned: Sequence[Planned], masquerades: Masquerades | None = None) -> None:
        self.machines = Machines(planned, masquerades or AsPlanned())
        self.addresses = self.machines.addresses

    def find(self, source: Machine, packet: Packet, any_client: bool = False) -> Answer:
        """Follow a packet from a machine, which has its source address or is before the subnet of it.

        ``any_client``: as if clients had allowed IPs of their owners' making, which can send and accept everything.
        """
        path = self.path(source, packet.src, packet.dst, any_client)
        if path.outcome in (NO_PATH, OUTSIDE):
            return path
        there, passes = _compare(path.there, packet)
        if not passes:
            return Answer(DENIED, there)
        back, passes = _compare(path.back, packet)
        return Answer(path.outcome if passes else DENIED, there, back)

    def path(self, source: Machine, src: bytes, dst: bytes, any_client: bool = False) -> Answer:
        """The way between two addresses, whatever the rules are: where they are looked at there is a ``GATE``."""
        there = _Walk(self, source, src, dst, any_client)
        outcome = there.go()
        if outcome != REACHED:
            return Answer(outcome, tuple(there.steps))
        if there.steps[-1].what == NOT_MASQUERADED:
            return Answer(NO_ANSWER, tuple(there.steps))
        back = _Walk(self, there.at, dst, src, any_client, there.passed)
        outcome = back.go()
        if outcome == REACHED and back.at is not source:
            outcome = back.end(NO_PATH, ELSEWHERE)
        return Answer(REACHED if outcome == REACHED else NO_ANSWER, tuple(there.steps), tuple(back.steps))


def _compare(steps: Sequence[Step], packet: Packet) -> tuple[tuple[Step, ...], bool]:
    """The steps with their grants, up to the first gate that has none, and whether it passes all of them."""
    found: list[Step] = []
    for step in steps:
        if step.what == GATE and step.interface and step.interface.grants:
            grant = step.interface.grants.find(packet)
            if grant is None:
                return (*found, step._replace(what=NO_GRANT)), False
            step = step._replace(grant=grant)
        found.append(step)
    return tuple(found), True


class _Walk:
    """One direction. ``known``: on the way back, the machines that know the connection."""

    def __init__(
        self, reach: Reach, start: Machine, src: bytes, dst: bytes, any_client: bool, known: set[Machine] | None = None
    ) -> None:
        self.addresses, self.machines = reach.addresses, reach.machines
        self.at, self.src, self.dst = start, src, dst
        self.any_client, self.known = any_client, known
        self.arrived: Interface | None = None
        self.steps: list[Step] = []
        self.passed: set[Machine] = set()

    def go(self) -> str:
        """Follow it to its end, and return what becomes of it."""
        seen: set[tuple[Machine, Interface | None]] = set()
        while True:
            if (self.at, self.arrived) in seen:
                return self.end(NO_PATH, LOOP)
            seen.add((self.at, self.arrived))
            self.passed.add(self.at)
            outcome = self._pass()
            if outcome:
                return outcome

    def end(self, outcome: str, what: str, interface: Interface | None = None, peer: str = "") -> str:
        self.steps.append(Step(what, self.at, interface, peer))
        return outcome

    def _pass(self) -> str:
        """One machine. Empty where the packet goes on to another one."""
        at = self.at
        if self.dst in at.own:
            if self.arrived and not self._gates({self.arrived}):
                return NO_PATH
            return self.end(REACHED, INPUT, self.arrived)
        found = at.routes.find(self.dst)
        if self.any_client and at.is_client and at.interfaces[0].peers:
            found = Prefix(b"", 0), at.interfaces[0]
        out = found[1] if found else None
        if self.arrived or self.src not in at.own:
            if len(self.dst) not in at.forwards:
                return self.end(NO_PATH, NOT_FORWARDED, self.arrived)
            if not self._gates({each for each in (self.arrived, out) if each}):
                return NO_PATH
        elif found is None:
            return self.end(OUTSIDE, LEFT)
        if found is None:
            return self._leave()
        return self._send(out) if out else self._to_subnet(found[0])

    def _gates(self, interfaces: set[Interface]) -> bool:
        """Note where rules are looked at. False where they do not know the connection, whatever they are."""
        for interface in sorted(interfaces, key=lambda each: each.name):
            if interface.grants is None:
                continue
            if self.known is not None and self.at not in self.known:
                self.end(NO_PATH, UNKNOWN_HERE, interface)
                return False
            self.steps.append(Step(GATE, self.at, interface))
        return True

    def _to_subnet(self, subnet: Prefix) -> str:
        if self.known is None and self.at.masquerades(self.src, self.dst, True, self.addresses):
            self.steps.append(Step(MASQUERADED, self.at))
        self.steps.append(Step(LAN, self.at, prefix=subnet))
        return REACHED

    def _leave(self) -> str:
        """No route of the networks has the destination: by the machine's own default route."""
        if self.known is not None:
            return self.end(NO_PATH, LEFT)
        if self.at.masquerades(self.src, self.dst, False, self.addresses):
            self.steps.append(Step(MASQUERADED, self.at))
        elif is_routed_globally(self.src):
            self.steps.append(Step(ROUTED, self.at))
        else:
            return self.end(REACHED, NOT_MASQUERADED)
        return self.end(REACHED, INTERNET)

    def _send(self, out: Interface) -> str:
        """Into a tunnel: the peer whose allowed IPs have the destination, if it accepts the source from here."""
        found = out.cryptokey.find(self.dst)
        if found is None and self.any_client and self.at.is_client:
            found = Prefix(b"", 0), out.peers[0]["name"]
        if found is None:
            return self.end(NO_PATH, NO_PEER, out)
        prefix, name = found
        theirs = self.machines.interface(out.network.name, name)
        if theirs is None:  # a peer that is no member, which only a host's own options could have
            return self.end(NO_PATH, NO_PEER, out)
        if name not in out.callable and out.member.name not in theirs.callable:
            return self.end(NO_PATH, NO_ENDPOINT, out, name)
        self.steps.append(Step(SENT, self.at, out, name, prefix))
        accepted = theirs.cryptokey.find(self.src)
        free = self.any_client and theirs.machine.is_client
        if not free and (accepted is None or accepted[1] != out.member.name):
            self.at = theirs.machine
            return self.end(NO_PATH, SOURCE, theirs, peer=out.member.name)
        self.at, self.arrived = theirs.machine, theirs
        return ""
