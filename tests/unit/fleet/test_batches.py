# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The batches in which hosts are changed, and what is said where a run ends with one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Member, Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.batches import batches, describe_stop
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import VALUES, is_clean
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.networks import network


def star(hubs: str, spokes: Mapping[str, str]) -> Network:
    """Hubs of one letter each; spoke to home hub."""
    return network(
        [],
        topology="hub_and_spoke",
        hubs=tuple(map(Member, hubs)),
        spokes=tuple(Member(spoke, hub=hub) for spoke, hub in spokes.items()),
    )


def mesh(names: str) -> Network:
    return network([Member(name) for name in names])


@pytest.mark.parametrize(
    ("networks", "hosts", "expected"),
    [
        ([star("A", {"x": "A", "y": "A"})], "Axy", ["Axy"]),
        ([star("AB", {"x": "A", "y": "B", "z": "A"})], "ABxyz", ["Axz", "By"]),
        ([star("ABC", {})], "ABC", ["A", "B", "C"]),
        ([mesh("pqr")], "pqr", ["pqr"]),
        # Who is not there is in nobody's way.
        ([star("AB", {"x": "A", "y": "B"})], "Bxy", ["Bxy"]),
        ([star("AB", {"x": "A", "y": "B"})], "xy", ["xy"]),
        ([star("AB", {"x": "A"})], "", []),
        # Two networks with a hub each: a host that is in both keeps one of them.
        ([star("A", {"x": "A"}), star("B", {"x": "B", "y": "B"})], "ABxy", ["Ax", "By"]),
        ([star("A", {"x": "A"}), star("B", {"y": "B"})], "ABxy", ["ABxy"]),
        # A hub that is another's spoke.
        ([star("A", {"B": "A"}), star("BC", {"x": "C"})], "ABCx", ["AB", "Cx"]),
        ([star("A", {"x": "A"}), mesh("Axm")], "Amx", ["Amx"]),
    ],
)
def test_the_batches(networks: list[Network], hosts: str, expected: list[str]) -> None:
    assert batches(networks, hosts) == [sorted(batch) for batch in expected]


def test_the_only_hub_need_not_be_named() -> None:
    alone = network([], topology="hub_and_spoke", hubs=(Member("A"),), spokes=(Member("x"),))
    assert batches([alone, star("B", {"x": "B"})], "ABx") == [["A", "x"], ["B"]]


HUBS = st.lists(st.sampled_from("ABCDE"), min_size=1, unique=True).map(sorted)


@st.composite
def stars(draw: st.DrawFn) -> Network:
    hubs = draw(HUBS)
    spokes = draw(st.lists(st.sampled_from("uvwxyzABCDE"), unique=True).map(lambda names: set(names) - set(hubs)))
    return star("".join(hubs), {spoke: draw(st.sampled_from(hubs)) for spoke in sorted(spokes)})


@given(st.lists(stars(), min_size=1, max_size=4), st.sets(st.sampled_from("uvwxyzABCDE")))
def test_never_all_ways_are_changed_at_once(networks: list[Network], hosts: set[str]) -> None:
    found = batches(networks, hosts)
    assert sorted(name for batch in found for name in batch) == sorted(hosts)
    homes: dict[str, set[str]] = {}
    for each in networks:
        for batch in found:
            assert len({hub.name for hub in each.hubs} & set(batch)) <= 1
        for spoke in each.spokes:
            homes.setdefault(spoke.name, set()).add(spoke.hub or "")
    hubs = {hub.name for each in networks for hub in each.hubs}
    for name, of_spoke in homes.items():
        for batch in found:
            assert len(of_spoke & set(batch)) <= 1
            if name in batch and name not in hubs and of_spoke & hosts:
                assert of_spoke & set(batch)


def probed(**reachable: bool) -> dict[str, Any]:
    """What a host has registered that has one interface."""
    results = [{"name": name, "address": "10.8.0.1", "reachable": up} for name, up in reachable.items()]
    return {"results": [{"item": {"interface": "wg0"}, "results": results}]}


ORDER = [["hub1", "x", "y"], ["hub2", "z"], ["hub3"]]


def test_as_long_as_all_have_come_up_nothing_is_said() -> None:
    assert describe_stop(ORDER, {}) == ""
    assert describe_stop(ORDER, {"hub1": probed(x=True, y=True), "x": {"results": []}}) == ""


def test_it_says_what_is_down_what_was_changed_and_what_was_not_touched() -> None:
    assert describe_stop(
        ORDER, {"hub1": probed(x=True), "hub2": probed(z=False, hub1=True), "z": probed(hub2=False)}
    ) == (
        "Stopped after batch 2 of 3, as tunnels did not come up: hub2: no answer from z (10.8.0.1). "
        "z: no answer from hub2 (10.8.0.1). Changed: hub1, hub2, z. Already up to date: x, y. Not changed: hub3."
    )


def test_a_ping_that_could_not_be_sent_is_none_that_was_answered() -> None:
    end = describe_stop(ORDER, {"hub3": {"results": [{"failed": True, "msg": "the program ping is missing"}]}})
    assert "hub3: the program ping is missing. Changed: hub3. Already up to date: hub1, x, y, hub2, z." in end
    assert end.endswith("Not changed: none.")


def test_a_peer_without_an_address_is_named_by_its_handshake() -> None:
    silent = {"results": [{"results": [{"name": "hub2", "address": None, "public_key": "x", "reachable": False}]}]}
    assert "z: no handshake with hub2. Changed" in describe_stop(ORDER, {"z": silent})


def test_a_hub_that_could_not_be_changed_ends_it_too() -> None:
    assert describe_stop(ORDER, {"x": probed(y=True)}, ["hub1"]) == (
        "Stopped after batch 1 of 3, as tunnels did not come up: hub1: its change failed. Changed: x. "
        "Already up to date: y. Not changed: hub2, z, hub3."
    )


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize(
    "place", ["proof", "results", "result", "probes", "probe", "name", "address", "reachable", "msg"]
)
def test_a_malformed_proof_is_told_of_its_host_alone(place: str, kind: str) -> None:
    value = VALUES[kind]
    probe = {"name": "x", "address": "10.8.0.1", "reachable": False}
    result: dict[str, Any] = {"results": [probe]}
    proof: Any = {"results": [result]}
    if place == "proof":
        proof = value
    elif place == "results":
        proof["results"] = value
    elif place == "result":
        proof["results"] = [value]
    elif place == "probes":
        result["results"] = value
    elif place == "probe":
        result["results"] = [value]
    elif place == "msg":
        proof["results"] = [{"failed": True, "msg": value}]
    else:
        probe[place] = value
    end = describe_stop(ORDER, {"hub1": proof, "hub2": probed(z=True)})
    assert is_clean(end)
    assert "hub2: " not in end
    assert not end or "hub1: " in end
