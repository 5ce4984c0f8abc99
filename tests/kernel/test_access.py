# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches what in random networks: what is computed from the plan, next to real packets on a real kernel."""

from __future__ import annotations

import ipaddress
import itertools
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.grants import Packet
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.machines import Planned
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.reach import OUTSIDE, Answer, Reach
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Member, Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import ICMP, TCP, UDP
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import Plan, plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import find_rules
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.compose import compose_body
from ansible_collections.cryptokey.wireguard.tests.kernel.access_inventory import PORTS, random_inventory
from ansible_collections.cryptokey.wireguard.tests.kernel.access_world import (
    INTERNET,
    Place,
    Triple,
    build,
    lan_address,
    lan_of,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "icmp": ICMP}
_TRIPLES_EACH = 120


class Example(NamedTuple):
    network: Network
    plan: Plan
    places: list[Place]


def make_example(random: Random) -> Example:
    (network,) = random_inventory(random).read()
    keys = {member.name: str(Host(member.name).public_key) for member in network.members}
    plan = plan_network(network, keys, TODAY)
    rules = find_rules([network], TODAY)[network.name]
    places = []
    for number, member in enumerate(network.members, 200):
        if member.is_client:
            entry = plan.clients[member.name]
            options = {name: entry[name] for name in ("addresses", "peers")}
            forwards: Any = ()
        else:
            own = rules.hosts.get(member.name)
            body = compose_body("wg0", own, rules.shared) if own else ""
            options = {**plan.hosts[member.name]["options"], "nftables": body}
            forwards = plan.hosts[member.name]["forwarding"]
        outer = int(member.endpoint.host.rpartition(".")[2]) if member.endpoint else number
        places.append(Place(member.name, outer, list(map(str, member.subnets)), forwards, options))
    return Example(network, plan, places)


def sources(member: Member) -> Iterator[tuple[str, str]]:
    """The places and addresses at and behind a member from which packets can be sent."""
    yield from ((member.name, str(address).split("/")[0]) for address in member.addresses)
    yield from ((lan_of(member.name), lan_address(str(subnet))) for subnet in member.subnets)


def make_triples(network: Network, random: Random) -> list[Triple]:
    ends = [end for member in network.members for end in sources(member)]
    targets = [address for _place, address in ends] + [*INTERNET, *INTERNET]
    pairs = [
        (end, target)
        for end, target in itertools.product(ends, targets)
        if (":" in end[1]) == (":" in target) and not _is_at(network, end, target)
    ]
    triples = []
    for (place, source), target in random.sample(pairs, min(len(pairs), _TRIPLES_EACH)):
        protocol = random.choice(["tcp", "tcp", "udp", "icmp"])
        triples.append(Triple(place, source, target, protocol, 0 if protocol == "icmp" else random.choice(PORTS)))
    return triples


def _is_at(network: Network, end: tuple[str, str], target: str) -> bool:
    """Whether the target is at the same host or behind it: no tunnel is used then."""
    home = end[0].removeprefix("lan-")
    return any(
        address == target for member in network.members if member.name == home for _p, address in sources(member)
    )


def compute(reach: Reach, network: Network, triple: Triple) -> Answer:
    machine = reach.machines.named(network.name, triple.place.removeprefix("lan-"))
    assert machine
    src, dst = (ipaddress.ip_address(address).packed for address in (triple.source, triple.destination))
    return reach.find(machine, Packet(src, dst, _PROTOCOLS[triple.protocol], triple.port))


def describe(example: Example, triple: Triple, answer: Answer, real: bool) -> str:
    steps = "; ".join(f"{step.machine.name}: {step.what} {step.peer}" for step in (*answer.there, *answer.back))
    grants = example.network.policy.grants if example.network.policy else ()
    texts = "\n  ".join(grant.text for grant in grants)
    return f"{triple} is {'answered' if real else 'not answered'}, computed: {answer.outcome} ({steps})\n  {texts}"


def test_what_is_computed_is_what_packets_do(pytestconfig: pytest.Config, say: Callable[[str], None]) -> None:
    wanted, seed = pytestconfig.getoption("--triples"), pytestconfig.getoption("--seed") or time.time_ns()
    done, reached, networks, start = 0, 0, 0, time.monotonic()
    wrong: list[str] = []
    while done < wanted:
        random = Random(f"{seed} {networks}")
        example = make_example(random)
        reach = Reach([Planned(example.network, example.plan)])
        pairs = [(triple, compute(reach, example.network, triple)) for triple in make_triples(example.network, random)]
        # What a host sends past all tunnels is not known to the planner, and none of its business.
        known = [(triple, answer) for triple, answer in pairs if answer.outcome != OUTSIDE]
        triples, answers = [triple for triple, _answer in known], [answer for _triple, answer in known]
        expected = [answer.reached for answer in answers]
        with build(example.places) as world:
            real = world.try_all(triples, expected)
        wrong += [
            f"network {networks}: {describe(example, triple, answer, found)}"
            for triple, answer, found in zip(triples, answers, real)
            if found != answer.reached
        ]
        networks, done, reached = networks + 1, done + len(triples), reached + sum(expected)
    say(
        f"{{'networks': {networks}, 'triples': {done}, 'reached': {reached}, 'disagreements': {len(wrong)}}} "
        f"in {time.monotonic() - start:.0f} s, seed {seed}"
    )
    assert not wrong, "\n".join(wrong)
