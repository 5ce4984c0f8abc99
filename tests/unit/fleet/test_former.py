# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that have left: which are remembered, who removes them, where they may still be, and when one is taken again."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Member, Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.former import (
    describe_remaining,
    former_warnings,
    list_former,
    remaining,
    without_hosts,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import Plan, plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reconcile import Reconciled, reconcile
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import (
    Former,
    MemberRecord,
    Records,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import parse_records, render_records
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of

TODAY = "2026-06-01"
BEFORE = "2026-05-01"


def network(clients: dict[str, Any] | None = None, without: str = "", topology: str = "hub_and_spoke") -> Network:
    """The hub with ada, bob and cid, or all of them in a mesh."""
    inventory = Inventory()
    if topology == "mesh":
        names = [name for name in inventory.hosts if name != without]
        inventory.networks["home"]["topology"] = topology
        inventory.groups = {"wg_member": names}
        del inventory.hosts["bob"]["wireguard_subnets"]
    else:
        inventory.networks["home"]["clients"] = clients or {}
        inventory.groups["wg_spoke"] = [name for name in inventory.groups["wg_spoke"] if name != without]
    (found,) = inventory.read()
    return found


def recorded(of: Network, **keys: str | None) -> Records:
    """What the registry has when all of a network have their keys."""
    known = {name: key for name, key in keys.items() if key}
    found = {member.name: key_of(member.name) for member in of.members} | known
    return reconcile(of, Records(), found, BEFORE).records


def plan(settlement: Reconciled) -> Plan:
    today = datetime.date.fromisoformat(TODAY)
    former = settlement.records.former
    return plan_network(settlement.network, settlement.keys, today, settlement.next_keys, former)


def test_a_key_that_leaves_is_remembered_with_those_who_had_it() -> None:
    known = recorded(network())
    left = reconcile(network(without="ada"), known, {}, TODAY)
    assert left.records.former == {key_of("ada"): Former("ada", TODAY, ("hub",))}
    # For good, and a host that leaves too is not asked any more.
    later = reconcile(network(without="ada"), left.records, {}, "2027-06-01")
    assert later.records.former == left.records.former


def test_in_a_mesh_all_had_it_whose_key_is_known() -> None:
    whole = network(topology="mesh")
    known = recorded(whole)
    members = {**known.members, "cid": known.members["cid"]._replace(public_key=None)}
    left = reconcile(network(topology="mesh", without="ada"), replace(known, members=members), {}, TODAY)
    assert left.records.former == {key_of("ada"): Former("ada", TODAY, ("bob", "hub"))}
    gone = replace(left.network, nodes=tuple(node for node in left.network.nodes if node.name != "bob"))
    assert reconcile(gone, left.records, {}, TODAY).records.former[key_of("ada")].hosts == ("hub",)


def test_who_has_left_is_removed_by_key_where_others_stay() -> None:
    known = recorded(network({"phone": {}}))
    unknown = {**known.members, "bob": known.members["bob"]._replace(public_key=None)}
    settled = reconcile(network(), replace(known, members=unknown), {}, TODAY)
    hosts = {name: entry["options"] for name, entry in plan(settled).hosts.items()}
    assert (hosts["hub"]["peers_mode"], hosts["hub"]["absent_peers"]) == ("merge", [key_of("phone")])
    # An exact interface has no other peers anyway.
    assert hosts["ada"]["peers_mode"] == "exact"
    assert "absent_peers" not in hosts["ada"]
    assert "absent_peers" not in plan(reconcile(network(), known, {}, TODAY)).hosts["hub"]["options"]


def test_a_client_past_its_date_counts_as_having_left_until_the_date_is_changed() -> None:
    known = recorded(network({"phone": {}, "new": {}}), new=None)
    unknown = {**known.members, "new": MemberRecord(None, known.members["new"].addresses, "hub")}
    expired = network({"phone": {"valid_until": "2026-05-31"}, "new": {}})
    settled = reconcile(expired, replace(known, members=unknown), {}, TODAY)
    assert settled.records.former == {key_of("phone"): Former("phone", TODAY, ("hub",))}
    assert plan(settled).hosts["hub"]["options"]["absent_peers"] == [key_of("phone")]
    again = reconcile(network({"phone": {"valid_until": "2026-06-30"}, "new": {}}), settled.records, {}, TODAY)
    assert again.records.former == {}
    assert again.keys["phone"] == key_of("phone")


def two_hubs(**homes: str) -> Network:
    """Clients, each at its hub, and ada, a spoke of the first one."""
    inventory = Inventory()
    inventory.groups = {"wg_hub": ["hub", "hub2"], "wg_spoke": ["ada"]}
    inventory.hosts["hub2"] = {"wireguard_endpoint": "vpn2.example.org"}
    inventory.hosts["ada"]["wireguard_hub"] = homes.pop("ada", "hub")
    inventory.networks["home"]["clients"] = {name: {"hub": hub} for name, hub in homes.items()}
    (found,) = inventory.read()
    return found


@pytest.mark.parametrize("moves", [1, 2])
def test_hubs_that_were_its_home_may_still_have_the_key_of_who_leaves(moves: int) -> None:
    """None of the runs is known to have reached them."""
    known = recorded(two_hubs(phone="hub", ada="hub"))
    for _number in range(moves):
        known = reconcile(two_hubs(phone="hub2", ada="hub2"), known, {"ada": key_of("ada")}, TODAY).records
        assert {name: known.members[name].former_hubs for name in ("phone", "ada")} == {
            "phone": ("hub",),
            "ada": ("hub",),
        }
    assert parse_records(render_records(known), "here") == known
    left = reconcile(two_hubs(), known, {"ada": key_of("ada")}, TODAY).records
    assert left.former == {key_of("phone"): Former("phone", TODAY, ("hub", "hub2"))}
    back = reconcile(two_hubs(phone="hub", ada="hub"), known, {}, TODAY).records
    assert back.members["phone"].former_hubs == ("hub2",)
    # The day on which it was last seen is no reason to write.
    assert reconcile(two_hubs(phone="hub2", ada="hub2"), known, {"ada": key_of("ada")}, "2026-06-02").records == known


def test_spokes_that_moved_may_still_have_the_key_of_a_hub_that_leaves() -> None:
    known = reconcile(two_hubs(ada="hub2"), recorded(two_hubs(ada="hub")), {}, TODAY).records
    whole = two_hubs(ada="hub2")
    alone = replace(whole, hubs=tuple(hub for hub in whole.hubs if hub.name == "hub2"))
    assert reconcile(alone, known, {}, TODAY).records.former == {key_of("hub"): Former("hub", TODAY, ("ada", "hub2"))}


def test_a_key_that_is_new_was_never_at_the_hubs_before() -> None:
    known = reconcile(two_hubs(ada="hub2"), recorded(two_hubs(ada="hub")), {}, TODAY).records
    taken = reconcile(accepting(two_hubs(ada="hub2"), "ada"), known, {"ada": key_of("new")}, TODAY)
    assert taken.records.members["ada"].former_hubs == ()
    assert taken.records.former == {key_of("ada"): Former("ada", TODAY, ("hub", "hub2"))}
    # Its peers had the next key, the hub before among them.
    next_key = {**known.members, "ada": known.members["ada"]._replace(next_public_key=key_of("next"))}
    rotated = reconcile(two_hubs(ada="hub2"), replace(known, members=next_key), {"ada": key_of("next")}, TODAY)
    assert rotated.records.members["ada"].former_hubs == ("hub",)


def accepting(of: Network, *names: str) -> Network:
    members = {member.name: member for member in of.members}
    return of.with_members({name: replace(members[name], accept_changed_key=True) for name in names})


def test_a_key_that_was_replaced_has_left() -> None:
    known = recorded(network())
    taken = reconcile(accepting(network(), "ada"), known, {"ada": key_of("new")}, TODAY)
    assert taken.records.former == {key_of("ada"): Former("ada", TODAY, ("hub",))}
    next_key = {**known.members, "ada": known.members["ada"]._replace(next_public_key=key_of("next"))}
    rotated = reconcile(network(), replace(known, members=next_key), {"ada": key_of("next")}, TODAY)
    assert rotated.keys["ada"] == key_of("next")
    assert rotated.records.former == taken.records.former
    dropped = reconcile(network(), replace(known, members=next_key), {"ada": key_of("ada")}, TODAY)
    assert dropped.records.former == {key_of("next"): Former("ada", TODAY, ("hub",))}


@pytest.mark.parametrize("name", ["ada", "bob"])
def test_a_key_that_has_left_is_taken_again_only_when_it_is_accepted(name: str) -> None:
    """Under the same name and under another."""
    known = recorded(network())
    members = {other: facts for other, facts in known.members.items() if other not in ("ada", name)}
    records = Records(members, {}, {key_of("ada"): Former("ada", BEFORE)})
    refused = reconcile(network(), records, {name: key_of("ada")}, TODAY)
    assert name not in refused.keys
    (changed,) = refused.changed_keys
    assert changed == (name, "home", "", key_of("ada"), BEFORE, "ada")
    assert (
        f"{name} has the public key {key_of('ada')}, which left the network home on {BEFORE} as the key of ada"
        in (refused.warnings[0])
    )
    taken = reconcile(accepting(network(), name), records, {name: key_of("ada")}, TODAY)
    assert taken.keys[name] == key_of("ada")
    assert taken.records.former == {}


def test_a_next_key_that_has_left_is_not_recorded() -> None:
    records = replace(recorded(network()), former={key_of("old"): Former("old", BEFORE)})
    found = {"ada": key_of("ada")}
    settled = reconcile(network(), records, found, TODAY, found_next={"ada": key_of("old")}, rotating=True)
    assert settled.next_keys == {}
    assert [changed.found for changed in settled.changed_keys] == [key_of("old")]


def test_a_host_that_is_renamed_in_one_run_keeps_its_key() -> None:
    whole = network()
    known = recorded(whole)
    renamed = replace(whole, spokes=tuple(Member("eve", s.addresses) if s.name == "ada" else s for s in whole.spokes))
    settled = reconcile(renamed, known, {"eve": key_of("ada")}, TODAY)
    assert settled.keys["eve"] == key_of("ada")
    assert settled.records.former == {}


def test_a_key_that_the_inventory_gives_again_is_refused_until_it_is_accepted() -> None:
    records = replace(recorded(network()), former={key_of("phone"): Former("phone", BEFORE)})
    again = network({"tablet": {"public_key": key_of("phone")}})
    with pytest.raises(FleetError) as caught:
        reconcile(again, records, {}, TODAY)
    assert str(caught.value) == (
        f"wireguard_networks.home.clients.tablet.public_key '{key_of('phone')}': this key of phone left the network on "
        f"{BEFORE}; make a new key pair on the device, or accept the key with "
        "-e wireguard_accept_changed_keys=true"
    )
    # Clients have no variables. With -e it is a variable of every host.
    settled = reconcile(accepting(again, *(host.name for host in again.hosts)), records, {}, TODAY)
    assert settled.keys["tablet"] == key_of("phone")
    with pytest.raises(FleetError):
        reconcile(accepting(again, "hub"), records, {}, TODAY)


def test_hosts_that_were_brought_up_to_date_are_forgotten_and_the_others_told() -> None:
    former = {key_of("a"): Former("a", BEFORE, ("hub", "bob")), key_of("b"): Former("b", BEFORE, ("bob",))}
    records = replace(recorded(network()), former={**former, key_of("c"): Former("c", BEFORE)})
    keys = [key._asdict() for key in list_former(network(), records)]
    assert [(key["name"], key["hosts"]) for key in keys] == [("a", ["hub", "bob"]), ("b", ["bob"])]
    (warning,) = former_warnings(list_former(network(), records))
    assert f"a (left {BEFORE}; hub, bob), b (left {BEFORE}; bob)" in warning

    # Who leaves during a rotation has two keys, and is named once.
    two = replace(records, former={**records.former, key_of("next"): former[key_of("a")]})
    assert len(list_former(network(), two)) == 3
    assert list(former_warnings(list_former(network(), two))) == [warning]

    left = remaining(keys, ["hub"])
    assert [(key["name"], key["hosts"]) for key in left] == [("a", ["bob"]), ("b", ["bob"])]
    assert "failed: bob has the key of a in home, b in home." in describe_remaining(left, ["bob", "hub"])
    # Hosts outside of the run are no failure of it.
    assert describe_remaining(left, ["hub"]) == ""
    assert remaining(keys, ["hub", "bob"]) == []
    after = without_hosts(records, [key_of("a")], ["bob"])
    assert {name: entry.hosts for name, entry in after.former.items()} == {
        key_of("a"): ("hub",),
        key_of("b"): ("bob",),
        key_of("c"): (),
    }
