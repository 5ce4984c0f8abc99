# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the plan of any network."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import Plan
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, options_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.strategies import inventories

Plans = Mapping[str, Mapping[str, Any]]
parsed = cache(parse_prefix)
HUB_AND_SPOKE = ("hub_and_spoke",)


def members(plan: Plan) -> Plans:
    """Hosts and clients."""
    return {**options_of(plan), **plan.clients}


def peers(plan: Mapping[str, Any]) -> list[str]:
    return [peer["name"] for peer in plan["peers"]]


def own(inventory: Inventory, plans: Plans, name: str) -> list[Prefix]:
    """The addresses of a member, and what is behind it."""
    addresses = [parse_interface_address(text).host for text in plans[name]["addresses"]]
    subnets = inventory.hosts.get(name, {}).get("wireguard_subnets", [])
    return [*addresses, *map(parse_prefix, subnets)]


def owner(plan: Mapping[str, Any], target: Prefix) -> str | None:
    """The peer to which WireGuard sends what goes there, and of which it takes what comes from there."""
    matches = [
        (prefix.length, peer["name"])
        for peer in plan["peers"]
        for prefix in map(parsed, peer["allowed_ips"])
        if prefix.covers(target)
    ]
    return max(matches)[1] if matches else None


def path(plans: Plans, owned: Mapping[str, Sequence[Prefix]], start: str, target: Prefix, source: Prefix) -> list[str]:
    """The hosts that a packet passes. Each next one has to take it from the one before, by its source address."""
    hosts = [start]
    while not any(prefix.covers(target) for prefix in owned[hosts[-1]]):
        following = owner(plans[hosts[-1]], target)
        assert following, (hosts, target)
        assert owner(plans[following], source) == hosts[-1], (hosts, following, source)
        hosts.append(following)
        assert len(hosts) <= 4, hosts
    return hosts


def promised(inventory: Inventory, plans: Plans) -> Iterator[tuple[str, str]]:
    """Who is to reach whom: everyone everyone else over hubs, and where there are none those that have a tunnel."""
    through_hubs = inventory.networks["home"]["topology"] == "hub_and_spoke"
    for one, other in permutations(plans, 2):
        if through_hubs or other in peers(plans[one]):
            yield one, other


@given(inventories())
def test_whoever_is_promised_a_way_has_one_and_so_has_the_answer(inventory: Inventory) -> None:
    plans = members(inventory.plan())
    owned = {name: own(inventory, plans, name) for name in plans}
    for one, other in promised(inventory, plans):
        for target in owned[other]:
            for source in owned[one]:
                if source.family == target.family:
                    assert path(plans, owned, one, target, source)[-1] == other


@given(inventories())
def test_a_pair_has_a_tunnel_unless_it_is_named_as_one_that_cannot_meet(inventory: Inventory) -> None:
    plan = inventory.plan()
    options = inventory.networks["home"]
    wanted = list(permutations(inventory.groups.get("wg_hub", inventory.groups["all"]), 2))
    if options["topology"] == "custom":
        wanted = [(one, other) for link in options["links"] for one, other in permutations(link.values())]
    missing = {frozenset(pair) for pair in wanted if pair[1] not in peers(options_of(plan)[pair[0]])}
    for one, other in missing:
        assert not any("wireguard_endpoint" in inventory.hosts[name] for name in (one, other))
    assert [f"for the other: {len(missing)} (" in text for text in plan.warnings] == ([True] if missing else [])


@given(inventories())
def test_a_tunnel_has_two_ends_each_seen_from_the_other_and_one_can_call(inventory: Inventory) -> None:
    plans = members(inventory.plan())
    ends = {(name, peer["name"]): peer for name, plan in plans.items() for peer in plan["peers"]}
    for (one, other), peer in ends.items():
        back = ends[other, one]
        site, there = (inventory.hosts.get(name, {}).get("wireguard_site") for name in (one, other))
        inside = inventory.hosts.get(other, {}).get("wireguard_endpoint_inside") if site == there else None
        endpoint = inside or inventory.hosts.get(other, {}).get("wireguard_endpoint")
        assert peer.get("endpoint") == (f"{endpoint}:51820" if endpoint else None)
        assert "endpoint" in peer or "endpoint" in back
        # Who cannot be called keeps the way open.
        assert (peer["persistent_keepalive"] == 25) == ("endpoint" in peer and "endpoint" not in back)


@given(inventories())
def test_no_prefix_is_on_two_peers_of_an_interface(inventory: Inventory) -> None:
    for plan in members(inventory.plan()).values():
        counts = Counter(allowed for peer in plan["peers"] for allowed in peer["allowed_ips"])
        assert [prefix for prefix, count in counts.items() if count > 1] == []


@given(inventories(smallest=4))
def test_nobody_sends_its_own_subnets_into_a_tunnel(inventory: Inventory) -> None:
    plans = options_of(inventory.plan())
    for name, variables in inventory.hosts.items():
        for subnet in map(parse_prefix, variables.get("wireguard_subnets", [])):
            allowed = [parsed(text) for peer in plans[name]["peers"] for text in peer["allowed_ips"]]
            assert not [prefix for prefix in allowed if prefix.length and prefix.overlaps(subnet)]


@given(inventories(), st.randoms(use_true_random=False))
def test_the_order_of_the_inventory_does_not_matter(inventory: Inventory, shuffled: random.Random) -> None:
    before = inventory.plan()
    options = inventory.networks["home"]
    for hosts in inventory.groups.values():
        shuffled.shuffle(hosts)
    shuffled.shuffle(options.get("links", []))
    clients = list(options.get("clients", {}).items())
    shuffled.shuffle(clients)
    if clients:
        options["clients"] = dict(clients)
    for variables in inventory.hosts.values():
        shuffled.shuffle(variables.get("wireguard_subnets", []))
        shuffled.shuffle(variables.get("wireguard_excluded_subnets", []))
    after = inventory.plan()
    assert after.hosts == before.hosts
    assert after.clients == before.clients
    assert after.warnings == before.warnings


@given(inventories(HUB_AND_SPOKE, smallest=3), st.data())
def test_removing_a_spoke_changes_hubs_and_who_used_its_subnets(inventory: Inventory, data: st.DataObject) -> None:
    spokes = inventory.groups["wg_spoke"]
    if len(spokes) == 1:
        return
    gone = data.draw(st.sampled_from(spokes))
    subnets = set(inventory.hosts[gone].get("wireguard_subnets", []))
    before = inventory.plan()
    for hosts in inventory.groups.values():
        if gone in hosts:
            hosts.remove(gone)
    del inventory.hosts[gone]
    after = inventory.plan()
    for name, plan in members(after).items():
        if name in inventory.groups["wg_hub"]:
            assert peers(plan) == [peer for peer in peers(options_of(before)[name]) if peer != gone]
            continue
        (peer,), (was,) = plan["peers"], members(before)[name]["peers"]
        assert peer["allowed_ips"] == [prefix for prefix in was["allowed_ips"] if prefix not in subnets]


@given(inventories(HUB_AND_SPOKE), st.data())
def test_a_spoke_that_moves_home_touches_no_other_spoke(inventory: Inventory, data: st.DataObject) -> None:
    moved = data.draw(st.sampled_from(inventory.groups["wg_spoke"]))
    old = inventory.hosts[moved]["wireguard_hub"]
    new = data.draw(st.sampled_from(inventory.groups["wg_hub"]))
    before = members(inventory.plan())
    inventory.hosts[moved]["wireguard_hub"] = new
    after = members(inventory.plan())
    for name in after:
        if name in (moved, old, new):
            continue
        # Another hub finds it behind the new one; for all others nothing is different.
        if name in inventory.groups["wg_hub"]:
            unconcerned = [
                [peer for peer in plans[name]["peers"] if peer["name"] not in (old, new)] for plans in (before, after)
            ]
            assert unconcerned[0] == unconcerned[1]
            assert peers(after[name]) == peers(before[name])
        else:
            assert after[name] == before[name]
    assert peers(after[moved]) == [new]


@given(inventories(), st.data())
def test_a_peer_is_left_out_only_while_its_key_is_unknown(inventory: Inventory, data: st.DataObject) -> None:
    whole = inventory.plan()
    unknown = data.draw(st.sets(st.sampled_from(sorted(members(whole)))))
    plan = inventory.plan(without=unknown)
    assert set(plan.unknown_keys) == unknown
    for name, options in members(plan).items():
        known = [peer for peer in members(whole)[name]["peers"] if peer["name"] not in unknown]
        assert options["peers"] == known
        if name in plan.hosts:
            assert (options["peers_mode"] == "merge") == (len(known) < len(members(whole)[name]["peers"]))
