# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is given which address."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Collection, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Member
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.allocate import allocate
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import Records
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.networks import host, network, recorded

V4 = ("10.8.0.0/24",)


def given_out(
    hosts: Collection[Member],
    prefixes: Iterable[str] = V4,
    pools: Iterable[str] = (),
    records: Records | None = None,
    resting: Collection[str] = (),
) -> dict[str, list[str]]:
    allocation = allocate(network(hosts, prefixes, pools), records or Records(), resting)
    return {name: [format_ip(each.packed) for each in found] for name, found in allocation.addresses.items()}


def test_the_lowest_free_ones_are_given_out_in_the_order_of_names() -> None:
    hosts = [host("c"), host("a"), host("b"), host("x", "10.8.0.2")]
    assert given_out(hosts) == {"a": ["10.8.0.1"], "b": ["10.8.0.3"], "c": ["10.8.0.4"]}


def test_who_has_addresses_by_the_inventory_is_given_none() -> None:
    assert given_out([host("x", "10.8.0.2")], prefixes=("10.8.0.0/24", "fd00:8::/64")) == {}


def test_each_family_of_the_pools_gives_one_and_it_gets_the_length_of_the_prefix() -> None:
    allocation = allocate(network([host("a")], pools=["10.8.0.128/25", "fd00:8::/64"]), Records(), ())
    v4, v6 = map(str, allocation.addresses["a"])
    assert v4 == "10.8.0.128/24"
    assert v6.endswith("/64")
    assert allocation.given == {"a": (v4.partition("/")[0], v6.partition("/")[0])}


def test_a_recorded_one_stays_also_outside_the_pools_and_is_not_new() -> None:
    hosts = [host("a"), host("b")]
    allocation = allocate(network(hosts, V4, ["10.8.0.128/25"]), recorded(b=["10.8.0.9"]), ())
    assert str(allocation.addresses["b"][0]) == "10.8.0.9/24"
    assert allocation.given == {"a": ("10.8.0.128",)}
    assert allocation.warnings == []


def test_a_pool_that_is_added_gives_the_family_that_is_missing() -> None:
    found = given_out([host("a")], ("10.8.0.0/24", "fd00:8::/64"), records=recorded(a=["10.8.0.9"]))
    assert found["a"][0] == "10.8.0.9"
    assert found["a"][1].startswith("fd00:8::")


def test_a_recorded_one_outside_the_prefixes_is_replaced_with_a_warning() -> None:
    allocation = allocate(network([host("a")], V4), recorded(a=["10.9.0.3"]), ())
    assert allocation.given == {"a": ("10.8.0.1",)}
    (warning,) = allocation.warnings
    assert "10.9.0.3 for a, which is outside the network home (10.8.0.0/24)" in warning


def test_resting_ones_are_left_out() -> None:
    assert given_out([host("a")], resting=["10.8.0.1", "10.8.0.2"]) == {"a": ["10.8.0.3"]}


def test_the_pools_are_used_up_one_after_the_other() -> None:
    hosts = [host(name) for name in "abcd"]
    found = given_out(hosts, pools=["10.8.0.252/30", "10.8.0.8/31"])
    assert [address for (address,) in found.values()] == ["10.8.0.252", "10.8.0.253", "10.8.0.254", "10.8.0.8"]


@pytest.mark.parametrize(
    ("prefix", "first", "count"),
    [
        ("10.8.0.0/24", "10.8.0.1", 254),
        ("10.8.0.0/30", "10.8.0.1", 2),
        ("10.8.0.0/31", "10.8.0.0", 2),
        ("10.8.0.7/32", "10.8.0.7", 1),
        ("fd00::/120", None, 255),
        ("fd00::/127", None, 2),
        ("fd00::7/128", "fd00::7", 1),
    ],
)
def test_what_a_prefix_has_to_give(prefix: str, first: str | None, count: int) -> None:
    names = [f"h{number:03}" for number in range(count)]
    found = given_out([host(name) for name in names], [prefix])
    assert len({address for (address,) in found.values()}) == count
    assert first in (None, found["h000"][0])
    with pytest.raises(
        FleetError, match=f"{count} of {count} addresses are used and 0 are resting, so none is left for 1 more"
    ):
        given_out([host(name) for name in [*names, "one-more"]], [prefix])


def test_exhaustion_is_refused_with_the_numbers() -> None:
    hosts = [host(name) for name in "abcde"] + [host("x", "10.8.0.2"), host("y", "10.8.0.100")]
    with pytest.raises(FleetError) as caught:
        given_out(hosts, pools=["10.8.0.0/29"], resting=["10.8.0.3", "10.8.0.4", "10.8.0.2"])
    assert str(caught.value) == (
        "wireguard_networks.home.pools '10.8.0.0/29': exhausted: 5 of 7 addresses are used and 2 are resting, so none "
        "is left for 1 more: e; add a pool, shorten rest_days, or remove members"
    )


def test_one_that_is_recorded_for_one_and_claimed_by_another_is_refused() -> None:
    with pytest.raises(FleetError) as caught:
        given_out([host("a"), host("b", "10.8.0.1")], records=recorded(a=["10.8.0.1"]))
    assert str(caught.value) == (
        "b: wireguard_addresses '10.8.0.1': the registry has it for a; give b another address, or set another one "
        "for a in the inventory too"
    )
    client = host("phone", "10.8.0.1", is_client=True)
    with pytest.raises(
        FleetError,
        match=r"^wireguard_networks\.home\.clients\.phone\.addresses '10\.8\.0\.1': the registry has it for a",
    ):
        allocate(network([host("a")], V4, clients=(client,)), recorded(a=["10.8.0.1"]), ())


def test_members_that_name_their_addresses_may_swap_them() -> None:
    swapped = [host("a", "10.8.0.2"), host("b", "10.8.0.1")]
    assert given_out(swapped, records=recorded(a=["10.8.0.1"], b=["10.8.0.2"])) == {}


def test_an_ipv6_address_is_of_the_prefix_and_the_name_alone() -> None:
    digest = hashlib.sha256(b"fd00:8::/64 office").digest()
    wanted = str(ipaddress.IPv6Address(int.from_bytes(b"\xfd\0\0\x08".ljust(8, b"\0") + digest[-8:], "big")))
    for others in ([], ["a", "b"], ["x", "y", "z"]):
        found = given_out([host("office"), *map(host, others)], ["fd00:8::/64"])
        assert found["office"] == [wanted]


def test_a_large_ipv6_pool_is_used_in_its_first_subnet() -> None:
    ((address,),) = given_out([host("a")], ["fd00::/48"]).values()
    assert ipaddress.ip_address(address) in ipaddress.ip_network("fd00::/64")


def test_ten_thousand_members_take_well_under_a_second() -> None:
    members = network([host(f"h{number}") for number in range(10_000)], ("10.0.0.0/8", "fd00:8::/64"))
    started = time.process_time()
    allocation = allocate(members, Records(), ())
    assert time.process_time() - started < 0.6
    assert len({address for found in allocation.addresses.values() for address in found}) == 20_000


names = st.lists(st.sampled_from([f"h{number}" for number in range(30)]), unique=True, max_size=20)
pools = st.sampled_from([("10.8.0.0/26",), ("fd00::/122",), ("10.8.0.0/27", "10.8.0.64/27", "fd00::/121")])
rests = st.sets(st.integers(0, 7)).map(lambda some: {f"10.8.0.{n}" for n in some} | {f"fd00::{n:x}" for n in some})


def all_in(found: Iterable[Iterable[str]], wanted: Iterable[str]) -> bool:
    networks = [ipaddress.ip_network(text) for text in wanted]
    return all(any(ipaddress.ip_address(text) in each for each in networks) for texts in found for text in texts)


@given(names, names, pools, rests, st.randoms(use_true_random=False))
def test_once_given_it_stays(
    before: list[str], after: list[str], texts: tuple[str, ...], resting: set[str], random: object
) -> None:
    """Whoever is there in both runs keeps its addresses; all are unique, in a pool, and none rests."""
    first = given_out([host(name) for name in before], texts, resting=resting)
    shuffled = list(before)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert given_out([host(name) for name in shuffled], texts, resting=resting) == first

    second = given_out([host(name) for name in after], texts, records=recorded(**first), resting=resting)
    assert {name: found for name, found in second.items() if name in first} == {
        name: found for name, found in first.items() if name in second
    }
    for found in (first, second):
        everything = [address for addresses in found.values() for address in addresses]
        assert len(set(everything)) == len(everything)
        assert not resting & set(everything)
        assert all_in(found.values(), texts)
        families = {":" in text for text in texts}
        assert all({":" in address for address in addresses} == families for addresses in found.values())
