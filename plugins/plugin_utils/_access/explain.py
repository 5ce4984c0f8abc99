# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a packet in words: each hop with its allowed IPs and grants, or what is missing and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip

from .._inventory.option_parsers import NETWORKS
from .._inventory.policy import ICMP, ICMPV6, TCP, UDP, Grant
from . import reach
from .grants import Packet
from .reach import Answer, Step

_PROTOCOLS = {ICMP: "icmp", TCP: "tcp", UDP: "udp", ICMPV6: "icmpv6"}


def name_service(protocol: int | None, port: int) -> str:
    """``tcp:443``; without a port ``icmp``, or the number of the protocol."""
    name = "*" if protocol is None else _PROTOCOLS.get(protocol, str(protocol))
    return f"{name}:{port}" if port else name


def place_of(network: str, grant: Grant) -> str:
    """A grant by its place in the inventory and what it says."""
    return f"{NETWORKS}.{network}.policy.grants[{grant.number}] ({grant.text})"


class _Direction(NamedTuple):
    """``request`` is what grants are compared with, in both directions."""

    src: str
    dst: str
    request: str


def explain(packet: Packet, answer: Answer) -> list[str]:
    """One line for each step, then the outcome."""
    there, back = _directions(packet)
    lines = [f"{there.src} -> {there.dst}, {name_service(packet.protocol, packet.port)}"]
    lines += [f"  {_describe(step, there)}." for step in answer.there]
    if answer.back:
        lines += ["  The answer:", *(f"  {_describe(step, back)}." for step in answer.back)]
    return [*lines, f"  {'Reached.' if answer.reached else f'Not reached: {answer.outcome}.'}"]


def reason(packet: Packet, answer: Answer) -> str:
    """Why a packet does not reach its destination, as a part of a sentence."""
    there, back = _directions(packet)
    if answer.back:
        return f"the answer is lost, as {_describe(answer.last, back)}"
    return _describe(answer.last, there)


def _directions(packet: Packet) -> tuple[_Direction, _Direction]:
    src, dst = format_ip(packet.src), format_ip(packet.dst)
    request = f"{name_service(packet.protocol, packet.port)} from {src} to {dst}"
    return _Direction(src, dst, request), _Direction(dst, src, request)


def _describe(step: Step, way: _Direction) -> str:
    return _TEXTS[step.what](step, way)


def _sent(step: Step, _way: _Direction) -> str:
    found = step.prefix
    why = f"allowed IPs {found}" if found and found.packed else "a client can send everything to its peer"
    return f"{step.machine.name} sends it to {step.peer} by {_on(step)}: {why}"


def _allowed(step: Step, _way: _Direction) -> str:
    grant = place_of(step.interface.network.name, step.grant) if step.interface and step.grant else ""
    return f"{step.machine.name} allows it on {_on(step)} by {grant}"


def _no_grant(step: Step, way: _Direction) -> str:
    network = step.interface.network.name if step.interface else ""
    on = step.interface.name if step.interface else ""
    return f"no grant of the network {network} allows {way.request}, so {step.machine.name} drops it on {on}"


def _not_forwarded(step: Step, way: _Direction) -> str:
    why = "a client does not forward" if step.machine.is_client else "the plan has no forwarding for it"
    return f"{step.machine.name} does not pass it on to {way.dst} ({why})"


def _source(step: Step, way: _Direction) -> str:
    return f"{step.machine.name} drops it, as its allowed IPs for {step.peer} do not have the source {way.src}"


def _on(step: Step) -> str:
    return f"{step.interface.name} of the network {step.interface.network.name}" if step.interface else ""


_TEXTS: dict[str, Callable[[Step, _Direction], str]] = {
    reach.SENT: _sent,
    reach.GATE: _allowed,
    reach.NO_GRANT: _no_grant,
    reach.NOT_FORWARDED: _not_forwarded,
    reach.SOURCE: _source,
    reach.INPUT: lambda step, way: f"{step.machine.name} has the address {way.dst}",
    reach.LAN: lambda step, way: f"{step.machine.name} sends it to its subnet {step.prefix}",
    reach.MASQUERADED: lambda step, way: f"{step.machine.name} puts its own address in the place of {way.src}",
    reach.ROUTED: lambda step, way: f"{step.machine.name} keeps the source {way.src}, which is routed globally",
    reach.INTERNET: lambda step, way: f"{step.machine.name} sends it by its own default route",
    reach.LEFT: lambda step, way: (
        f"no allowed IPs on {step.machine.name} have {way.dst}, so it uses its own routes, outside the networks"
    ),
    reach.NO_PEER: lambda step, way: f"no peer of {step.machine.name} on {_on(step)} has {way.dst} in its allowed IPs",
    reach.UNKNOWN_HERE: lambda step, way: (
        f"{step.machine.name} drops it on {_on(step)}, as the packet that it answers took another way"
    ),
    reach.LOOP: lambda step, way: f"it comes back to {step.machine.name}, a loop",
    reach.NOT_MASQUERADED: lambda step, way: (
        f"{step.machine.name} does not masquerade it, so no answer to {way.src} comes back"
    ),
    reach.ELSEWHERE: lambda step, way: f"it ends at {step.machine.name}",
}
