# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconciling an inventory with its registry: addresses, home hubs, keys, and what is recorded of them."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Member, Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reconcile import (
    ChangedKey,
    Reconciled,
    reconcile,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import (
    Former,
    MemberRecord,
    Records,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.networks import host, network

TODAY = "2026-11-24"


def day(offset: int) -> str:
    return str(datetime.date.fromisoformat(TODAY) + datetime.timedelta(offset))


def keys(*names: str) -> dict[str, str]:
    return {name: key_of(name) for name in names}


def reconciled(
    hosts: Collection[Member], records: Records | None = None, found: Iterable[str] = (), **facts: Any
) -> Reconciled:
    return reconcile(network(hosts, **facts), records or Records(), keys(*found), TODAY)


A = MemberRecord(key_of("a"), ("10.8.0.5",), None, day(-30), day(-3))


def test_a_first_report_is_recorded_with_what_was_given_out() -> None:
    done = reconciled([host("a"), host("b", "10.8.0.9")], found=["a"], prefixes=["10.8.0.0/24"])
    assert done.records == Records(
        {
            "a": MemberRecord(key_of("a"), ("10.8.0.1",), None, TODAY, TODAY),
            "b": MemberRecord(None, ("10.8.0.9",)),
        }
    )
    assert done.keys == keys("a")
    assert done.given == {"a": ("10.8.0.1",)}
    assert [str(member.addresses[0]) for member in done.network.members] == ["10.8.0.1/24", "10.8.0.9/24"]


def test_a_second_report_changes_nothing_for_a_week() -> None:
    records = Records({"a": A})
    assert reconciled([host("a", "10.8.0.5")], records, ["a"]).records == records
    week_old = Records({"a": A._replace(last_seen=day(-7))})
    assert reconciled([host("a", "10.8.0.5")], week_old, ["a"]).records == week_old


def test_who_was_seen_last_longer_ago_is_written_about_and_so_are_the_others_that_reported() -> None:
    hosts = [host("a", "10.8.0.5"), host("b", "10.8.0.6"), host("c", "10.8.0.7")]
    records = Records(
        {
            "a": A,
            "b": MemberRecord(key_of("b"), ("10.8.0.6",), None, day(-30), day(-8)),
            "c": MemberRecord(key_of("c"), ("10.8.0.7",), None, day(-30), day(-30)),
        }
    )
    done = reconciled(hosts, records, ["a", "b"]).records.members
    assert [recorded.last_seen for recorded in done.values()] == [TODAY, TODAY, day(-30)]
    assert reconcile(network(hosts), records, keys("a", "b"), TODAY, refresh=False).records == records


def test_a_host_that_is_new_leaves_the_lines_of_others_alone() -> None:
    done = reconciled([host("a", "10.8.0.5"), host("b", "10.8.0.6")], Records({"a": A}), ["a", "b"])
    assert done.records.members["a"] == A
    assert done.records.members["b"].last_seen == TODAY


def test_what_changes_of_a_host_is_dated() -> None:
    done = reconciled([host("a", "10.8.0.6")], Records({"a": A}), ["a"])
    assert done.records.members["a"] == A._replace(addresses=("10.8.0.6",), last_seen=TODAY)


def test_a_registry_of_the_first_version_gets_its_dates_with_the_next_report() -> None:
    done = reconciled([host("a", "10.8.0.5")], Records({"a": MemberRecord(key_of("a"))}), ["a"])
    assert done.records.members["a"] == A._replace(first_seen=TODAY, last_seen=TODAY)


def test_a_changed_key_is_not_taken_but_shown() -> None:
    records = Records({"a": A})
    done = reconcile(network([host("a", "10.8.0.5")]), records, {"a": key_of("other")}, TODAY)
    assert done.records == records
    assert done.keys == keys("a")
    assert done.changed_keys == (ChangedKey("a", "home", key_of("a"), key_of("other")),)
    (warning,) = done.warnings
    assert (
        f"The public key of a in the network home is {key_of('other')}, but the registry has {key_of('a')}." in warning
    )
    assert "set wireguard_accept_changed_keys for it" in warning


def test_a_changed_key_is_taken_where_that_is_accepted() -> None:
    members = network([host("a", "10.8.0.5", accept_changed_key=True)])
    done = reconcile(members, Records({"a": A}), {"a": key_of("other")}, TODAY)
    assert done.records.members["a"] == A._replace(public_key=key_of("other"), last_seen=TODAY, key_since=TODAY)
    assert done.keys == {"a": key_of("other")}
    assert (done.changed_keys, done.warnings) == ((), ())


def test_a_clients_key_in_the_inventory_is_right_whatever_is_recorded() -> None:
    phone = host("phone", "10.8.0.5", is_client=True, public_key=key_of("phone"))
    done = reconciled([], Records({"phone": A}), clients=(phone,))
    assert done.keys == keys("phone")
    assert done.records.members["phone"] == A._replace(public_key=key_of("phone"))
    assert done.changed_keys == ()


def test_who_leaves_the_inventory_is_forgotten_and_its_addresses_rest() -> None:
    hosts = [host("b")]
    left = reconciled(hosts, Records({"a": A._replace(addresses=("10.8.0.1", "10.9.0.1"))}), prefixes=["10.8.0.0/24"])
    former = {key_of("a"): Former("a", TODAY)}
    assert left.records == Records({"b": MemberRecord(None, ("10.8.0.2",))}, {"10.8.0.1": TODAY}, former)


def test_an_address_that_a_host_gives_up_rests() -> None:
    done = reconciled([host("a", "10.8.0.1"), host("b")], Records({"a": A}), prefixes=["10.8.0.4/30", "10.8.0.0/30"])
    assert done.records.members["b"].addresses == ("10.8.0.6",)
    assert done.records.resting == {"10.8.0.5": TODAY}


def test_an_address_rests_for_the_days_of_the_network() -> None:
    records = Records({}, {"10.8.0.1": day(-29), "10.8.0.2": day(-30)})
    done = reconciled([host("a")], records, prefixes=["10.8.0.0/24"])
    assert done.records == Records({"a": MemberRecord(None, ("10.8.0.2",))}, {"10.8.0.1": day(-29)})
    at_once = reconciled(
        [host("b")], Records({"a": A._replace(addresses=("10.8.0.1",))}), prefixes=["10.8.0.0/24"], rest_days=0
    )
    former = {key_of("a"): Former("a", TODAY)}
    assert at_once.records == Records({"b": MemberRecord(None, ("10.8.0.1",))}, former=former)


def test_an_address_that_the_inventory_names_need_not_rest() -> None:
    done = reconciled([host("a", "10.8.0.1")], Records({}, {"10.8.0.1": TODAY}))
    assert done.records == Records({"a": MemberRecord(None, ("10.8.0.1",))})


def star(hubs: str, spokes: Collection[Member], clients: Collection[Member] = ()) -> Network:
    return network(
        [],
        topology="hub_and_spoke",
        hubs=tuple(host(name, f"10.8.0.{ord(name)}") for name in hubs),
        spokes=tuple(spokes),
        clients=tuple(clients),
    )


def homes(members: Network, records: Records | None = None) -> dict[str, str | None]:
    done = reconcile(members, records or Records(), {}, TODAY)
    found = {member.name: member.hub for member in (*done.network.spokes, *done.network.clients)}
    assert {name: done.records.members[name].hub for name in found} == found
    return found


def test_a_home_is_the_one_asked_for_else_the_recorded_one_else_that_of_the_fewest() -> None:
    spokes = [host("s1", hub="A"), host("s2", hub="A"), host("s3"), host("s4"), host("s5"), host("s6")]
    records = Records({"s1": MemberRecord(hub="B"), "s3": MemberRecord(hub="A"), "s4": MemberRecord(hub="Z")})
    found = homes(star("AB", spokes, [host("phone")]), records)
    assert found == {"s1": "A", "s2": "A", "s3": "A", "s4": "B", "s5": "B", "s6": "A", "phone": "B"}


def test_hubs_have_no_home_and_other_topologies_none_at_all() -> None:
    done = reconcile(star("AB", [host("s")]), Records(), {}, TODAY)
    assert [hub.hub for hub in done.network.hubs] == [None, None]
    assert [node.hub for node in reconciled([host("a"), host("b")]).network.nodes] == [None, None]


hub_sets = st.sets(st.sampled_from("ABCDE"), min_size=1).map(lambda hubs: "".join(sorted(hubs)))
spoke_sets = st.sets(st.integers(0, 40).map(lambda number: f"s{number}"))


@given(hub_sets, hub_sets, spoke_sets, spoke_sets)
def test_homes_are_even_and_a_change_of_hubs_or_spokes_moves_no_other(
    hubs: str, later_hubs: str, spokes: set[str], later: set[str]
) -> None:
    first = reconcile(star(hubs, [host(name) for name in sorted(spokes)]), Records(), {}, TODAY)
    counts = Counter(spoke.hub for spoke in first.network.spokes)
    assert max(counts.values(), default=0) - min(counts[hub] for hub in hubs) <= 1
    second = reconcile(star(later_hubs, [host(name) for name in sorted(later)]), first.records, {}, TODAY)
    old = {spoke.name: spoke.hub for spoke in first.network.spokes}
    for spoke in second.network.spokes:
        assert spoke.hub in {*later_hubs}
        if old.get(spoke.name) in {*later_hubs}:
            assert spoke.hub == old[spoke.name]


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_to_reconcile_again_changes_nothing(before: set[str], after: set[str], found: set[str]) -> None:
    records = reconciled([host(name) for name in before], found=before).records
    first = reconciled([host(name) for name in after], records, found)
    second = reconciled([host(name) for name in after], first.records, found)
    assert second.records == first.records
    assert second.network == first.network
    assert second.given == {}
