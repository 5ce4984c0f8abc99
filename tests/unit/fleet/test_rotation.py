# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that change their keys: what is remembered of it, what their peers are told, and whom it concerns."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.key_age import key_ages, old_key_warnings
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import with_preshared_keys
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reconcile import Reconciled, reconcile
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rotation import Rotation, plan_rotation
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord, Records
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import parse_records, render_records
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.networks import host, network

TODAY = datetime.date(2026, 11, 24)
OLD, NEXT, OTHER = map(key_of, ("old", "next", "other"))
KNOWN = MemberRecord(OLD, ("10.8.0.5",), None, "2026-01-01", "2026-11-20")


def reconciled(
    known: MemberRecord, found: str | None, found_next: str | None = None, rotating: bool = False
) -> Reconciled:
    members = network([host("a", "10.8.0.5", key_max_age=30)])
    reported = [{"a": key} if key else {} for key in (found, found_next)]
    return reconcile(members, Records({"a": known}), reported[0], str(TODAY), True, reported[1], rotating)


@pytest.mark.parametrize(
    ("recorded", "found", "rotating", "expected"),
    [
        # Recorded when it is asked for, and not because a host says so.
        (None, (OLD, NEXT), True, (OLD, NEXT, None)),
        (None, (OLD, NEXT), False, (OLD, None, None)),
        # Kept as long as the host has it, or has not been asked.
        (NEXT, (OLD, NEXT), False, (OLD, NEXT, None)),
        (NEXT, (None, None), False, (OLD, NEXT, None)),
        (NEXT, (OLD, None), False, (OLD, None, None)),
        (NEXT, (OLD, OTHER), False, (OLD, None, None)),
        (NEXT, (OLD, OTHER), True, (OLD, OTHER, None)),
        # Taken as soon as the host has changed to it.
        (NEXT, (NEXT, None), False, (NEXT, None, str(TODAY))),
        (NEXT, (NEXT, OTHER), True, (NEXT, OTHER, str(TODAY))),
        # Another key is not, and whoever has it cannot name the next one.
        (NEXT, (OTHER, None), False, (OLD, NEXT, None)),
        (None, (OTHER, NEXT), True, (OLD, None, None)),
    ],
)
def test_what_is_remembered_of_a_change(
    recorded: str | None,
    found: tuple[str | None, str | None],
    rotating: bool,
    expected: tuple[str, str | None, str | None],
) -> None:
    done = reconciled(KNOWN._replace(next_public_key=recorded), *found, rotating)
    member = done.records.members["a"]
    assert (member.public_key, member.next_public_key, member.key_since) == expected
    assert (done.keys["a"], done.next_keys.get("a")) == expected[:2]
    assert bool(done.changed_keys) is (found[0] == OTHER)
    assert member.first_seen == KNOWN.first_seen


def test_the_registry_has_it_and_reads_what_was_written_before() -> None:
    records = Records({"a": KNOWN._replace(key_since="2026-11-24", next_public_key=NEXT)})
    assert parse_records(render_records(records), "here") == records
    before = render_records(Records({"a": KNOWN}))
    assert "next_public_key" not in before
    assert parse_records(before, "here") == Records({"a": KNOWN})


@pytest.mark.parametrize(
    ("known", "age"),
    [
        (KNOWN, 327),
        (KNOWN._replace(key_since="2026-11-23"), 1),
        (KNOWN._replace(first_seen=None), None),
        (MemberRecord(None, (), None, "2026-01-01"), None),
    ],
)
def test_the_age_of_a_key(known: MemberRecord, age: int | None) -> None:
    assert known.key_age(TODAY) == age


def test_old_keys_and_changes_that_were_not_ended_are_warned_of() -> None:
    assert list(key_ages(reconciled(KNOWN, None), TODAY)) == [("a", 327)]
    (text,) = old_key_warnings(reconciled(KNOWN, None), TODAY)
    assert "older than wireguard_key_max_age: a (327 days)" in text
    assert not list(old_key_warnings(reconciled(KNOWN._replace(key_since="2026-10-25"), None), TODAY))
    (text,) = old_key_warnings(reconciled(KNOWN._replace(key_since="2026-11-24", next_public_key=NEXT), None), TODAY)
    assert "a key rotation was started and not finished for a." in text


def plans(next_keys: dict[str, str]) -> dict[str, Any]:
    (only,) = Inventory().read()
    keys = {member.name: key_of(member.name) for member in only.members}
    return plan_network(only, keys, TODAY, next_keys).hosts


def test_peers_are_told_of_the_next_key_and_nobody_else_is() -> None:
    before, after = plans({}), plans({"ada": NEXT})
    assert {name for name in before if before[name] != after[name]} == {"hub"}
    (ada,) = (peer for peer in after["hub"]["peers"] if peer["name"] == "ada")
    (same,) = (peer for peer in before["hub"]["peers"] if peer["name"] == "ada")
    assert ada == {**same, "next_public_key": NEXT}
    of_hub = plans({"hub": NEXT})
    assert {name for name in before if before[name] != of_hub[name]} == {"ada", "bob", "cid"}


@pytest.mark.parametrize("key", [key_of("bob"), key_of("ada")])
def test_a_next_key_that_is_somebodys_already_is_refused(key: str) -> None:
    with pytest.raises(FleetError, match=r"ada: next_public_key .* already has this key; remove .*/wg0\.key\.next"):
        plans({"ada": key})


def test_each_key_has_its_own_preshared_key() -> None:
    options = {"preshared_secret": "more than twenty characters"}
    (peer,) = with_preshared_keys([{"name": "a", "public_key": OLD, "next_public_key": NEXT}], "b", OTHER, options, "n")
    for key, option in ((OLD, "preshared_key"), (NEXT, "next_preshared_key")):
        (other_end,) = with_preshared_keys([{"name": "b", "public_key": OTHER}], "a", key, options, "n")
        assert peer[option] == other_end["preshared_key"]
    assert peer["preshared_key"] != peer["next_preshared_key"]
    pair = {"preshared_keys": [{"between": ["a", "b"], "key": key_of("both")}]}
    (peer,) = with_preshared_keys([{"name": "a", "public_key": OLD, "next_public_key": NEXT}], "b", OTHER, pair, "n")
    assert peer["preshared_key"] == peer["next_preshared_key"] == key_of("both")


PLANS = {
    "hub": [{"options": {"peers": [{"name": "x"}, {"name": "phone"}]}}],
    "x": [{"options": {"peers": [{"name": "hub"}]}}, {"options": {"peers": [{"name": "y"}]}}],
    "y": [{"options": {"peers": [{"name": "x"}]}}],
}


def test_whom_it_concerns() -> None:
    assert plan_rotation(PLANS, ["y", "elsewhere"], False) == Rotation(("y",), ("x", "y"))
    assert plan_rotation(PLANS, ["x"], False) == Rotation(("x",), ("hub", "x", "y"))
    assert plan_rotation(PLANS, [], False) == Rotation((), ())


def test_a_hub_of_clients_is_refused_unless_that_is_wanted() -> None:
    with pytest.raises(
        FleetError, match=r"hub: wireguard_hosts: .* clients that .* files: phone; leave the host out, or set"
    ):
        plan_rotation(PLANS, ["x", "hub"], False)
    assert plan_rotation(PLANS, ["hub"], True) == Rotation(("hub",), ("hub", "x"))
