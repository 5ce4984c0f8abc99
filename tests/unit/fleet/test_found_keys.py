# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public keys that a run has found."""

from __future__ import annotations

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.public_keys import Found, reject_claims
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.found_keys import KeyFinder
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord, Records
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of


def test_a_key_that_is_given_for_a_host_with_facts_of_ours_stops_no_other_host() -> None:
    """What is given may be what the host has said."""
    networks = Inventory().read()
    given = {"home": {name: key_of(name) for name in ("ada", "bob")}}
    found, refused = KeyFinder({"ada": {"wireguard_subnets": ["0.0.0.0/0"]}}, given)(networks)
    assert found["home"].keys == {"bob": key_of("bob")}
    assert list(refused) == ["ada"]
    assert reject_claims(networks[0], Records(), found["home"]) == {}


def test_a_host_that_reports_its_present_key_as_the_next_one_fails_alone() -> None:
    """The planner would refuse the whole network."""
    (network,) = Inventory().read()
    records = Records({"ada": MemberRecord(public_key=key_of("ada"))})
    found = Found({name: key_of(name) for name in ("ada", "bob")}, {"ada": key_of("ada"), "bob": key_of("next")})
    rejected = reject_claims(network, records, found)
    assert rejected.keys() == {"ada"}
    assert rejected["ada"].startswith(f"ada: next_public_key '{key_of('ada')}': it is the key that the host uses")


def test_what_is_no_key_is_refused_for_that_host_alone() -> None:
    given = {"home": {"ada": "nonsense", "bob": key_of("bob")}}
    found, refused = KeyFinder({}, given)(Inventory().read())
    assert (found["home"].keys, found["home"].given) == ({"bob": key_of("bob")}, frozenset({"bob"}))
    assert refused["ada"].startswith("ada: public_key")


def test_a_key_of_another_member_is_refused_where_a_host_may_have_reported_it() -> None:
    networks = Inventory().read()
    found, refused = KeyFinder({}, {"home": {"ada": key_of("bob")}})(networks)
    records = Records({"bob": MemberRecord(public_key=key_of("bob"))})
    assert refused == {}
    assert list(reject_claims(networks[0], records, found["home"])) == ["ada"]
