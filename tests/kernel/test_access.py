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
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.reach import DENIED, OUTSIDE, Answer, Reach
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
# Of so many random packets in a network some are sent, half of them such that are expected to be answered.
_CANDIDATES, _TRIPLES_EACH = 800, 120


class Example(NamedTuple):
    network: Network
    plan: Plan
    places: list[Place]


def make_example(random: Random, greedy: bool) -> Example:
    """A random network. With ``greedy``, clients send everything into their tunnels, whatever their files say."""
    (network,) = random_inventory(random, with_clients=greedy).read()
    keys = {member.name: str(Host(member.name).public_key) for member in network.members}
    plan = plan_network(network, keys, TODAY)
    rules = find_rules([network], TODAY)[network.name]
    places = []
    for number, member in enumerate(network.members, 200):
        if member.is_client:
            entry = plan.clients[member.name]
            own_ips = {"allowed_ips": ["0.0.0.0/0", "::/0"]} if greedy else {}
            options = {"addresses": entry["addresses"], "peers": [{**peer, **own_ips} for peer in entry["peers"]]}
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
    yield from ((member.name, str(address).partition("/")[0]) for address in member.addresses)
    yield from ((lan_of(member.name), lan_address(str(subnet))) for subnet in member.subnets)


def make_triples(network: Network, random: Random, greedy: bool) -> list[Triple]:
    ends = [end for member in network.members for end in sources(member)]
    targets = [address for _place, address in ends] + [*INTERNET, *INTERNET]
    places = {client.name for client in network.clients} if greedy else {place for place, _address in ends}
    pairs = [
        (end, target)
        for end, target in itertools.product(ends, targets)
        if end[0] in places and (":" in end[1]) == (":" in target) and not _is_at(network, end, target)
    ]
    triples = set()
    for (place, source), target in random.choices(pairs, k=_CANDIDATES):
        protocol = random.choice(["tcp", "tcp", "udp", "icmp"])
        triples.add(Triple(place, source, target, protocol, 0 if protocol == "icmp" else random.choice(PORTS)))
    return sorted(triples)


def _is_at(network: Network, end: tuple[str, str], target: str) -> bool:
    """Whether the target is at the same host or behind it: no tunnel is used then."""
    home = end[0].removeprefix("lan-")
    return any(
        address == target for member in network.members if member.name == home for _p, address in sources(member)
    )


def compute(reach: Reach, network: Network, triple: Triple, greedy: bool) -> Answer:
    machine = reach.machines.named(network.name, triple.place.removeprefix("lan-"))
    assert machine
    src, dst = (ipaddress.ip_address(address).packed for address in (triple.source, triple.destination))
    return reach.find(machine, Packet(src, dst, _PROTOCOLS[triple.protocol], triple.port), any_client=greedy)


def describe(example: Example, triple: Triple, answer: Answer, real: bool) -> str:
    steps = "; ".join(f"{step.machine.name}: {step.what} {step.peer}" for step in (*answer.there, *answer.back))
    grants = example.network.policy.grants if example.network.policy else ()
    texts = "\n  ".join(grant.text for grant in grants)
    return f"{triple} is {'answered' if real else 'not answered'}, computed: {answer.outcome} ({steps})\n  {texts}"


def has_error_back(triple: Triple, answer: Answer) -> bool:
    """Whether the packet arrives and its answer is denied, but not the ICMP error of a port that nobody listens at."""
    return triple.protocol == "udp" and answer.outcome == DENIED and bool(answer.back)


def choose(pairs: list[tuple[Triple, Answer]], random: Random) -> list[tuple[Triple, Answer]]:
    random.shuffle(pairs)
    reached = [pair for pair in pairs if pair[1].reached][: _TRIPLES_EACH // 2]
    return reached + [pair for pair in pairs if not pair[1].reached][: _TRIPLES_EACH - len(reached)]


def compare(wanted: int, seed: object, greedy: bool) -> tuple[dict[str, int], list[str]]:
    """Send so many packets through random networks. Return counts, and where packets and the planner disagree."""
    counts = {"networks": 0, "triples": 0, "reached": 0}
    wrong: list[str] = []
    while counts["triples"] < wanted:
        random = Random(f"{seed} {greedy} {counts['networks']}")
        example = make_example(random, greedy)
        network = example.network
        reach = Reach([Planned(network, example.plan)])
        pairs = [(each, compute(reach, network, each, greedy)) for each in make_triples(network, random, greedy)]
        # What a host sends past all tunnels is not known to the planner, and none of its business.
        known = choose([pair for pair in pairs if pair[1].outcome != OUTSIDE and not has_error_back(*pair)], random)
        expected = [answer.reached for _triple, answer in known]
        with build(example.places) as world:
            real = world.try_all([triple for triple, _answer in known], expected)
        wrong += [
            f"network {counts['networks']}: {describe(example, triple, answer, found)}"
            for (triple, answer), found in zip(known, real)
            if found != answer.reached
        ]
        for name, more in (("networks", 1), ("triples", len(known)), ("reached", sum(expected))):
            counts[name] += more
    return counts, wrong


@pytest.mark.parametrize("greedy", [False, True], ids=["as planned", "clients that send everything"])
def test_what_is_computed_is_what_packets_do(
    greedy: bool, pytestconfig: pytest.Config, say: Callable[[str], None]
) -> None:
    """Clients of the second kind reach no more than the grants say, though their own allowed IPs are everything."""
    wanted, seed = pytestconfig.getoption("--triples"), pytestconfig.getoption("--seed") or time.time_ns()
    start = time.monotonic()
    counts, wrong = compare(wanted // 2 if greedy else wanted, seed, greedy)
    say(f"{counts}, disagreements: {len(wrong)}, in {time.monotonic() - start:.0f} s, seed {seed}")
    assert not wrong, "\n".join(wrong)
