# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels are tested by pings where the access rules let them pass, else by handshakes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import find_rules
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.ping_targets import ping_targets
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory, key_of

HUB = ["10.8.0.1", "fd00:8::1"]


def silent(*grants: dict[str, Any]) -> list[str]:
    """The hub's addresses that ada cannot ping."""
    inventory = Inventory()
    inventory.networks["home"]["policy"] = {"grants": list(grants)}
    networks = inventory.read()
    pings = find_rules(networks, TODAY)["home"].pings
    assert pings
    return pings.silent("ada", ["hub", "phone"])


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([], HUB),
        ([{"src": "ada", "dst": "hub", "ip": "tcp:22"}], HUB),
        ([{"src": "hub", "dst": "ada"}], HUB),
        ([{"src": "ada", "dst": "bob"}], HUB),
        ([{"src": "ada", "dst": "hub"}], []),
        ([{"src": "ada", "dst": "*", "ip": "icmp"}], []),
        ([{"src": "*", "dst": ["bob", "10.8.0.0/28"], "ip": ["tcp:22", "icmp"]}], ["fd00:8::1"]),
        ([{"src": "ada", "dst": "hub", "ip": "58:*"}], ["10.8.0.1"]),
        ([{"src": "ada", "dst": "internet"}], HUB),
    ],
)
def test_only_granted_pings_are_answered(grants: list[dict[str, Any]], expected: list[str]) -> None:
    assert silent(*grants) == expected


def test_a_network_without_a_policy_answers_all() -> None:
    assert [rules.pings for rules in find_rules(Inventory().read(), TODAY).values()] == [None]


def test_a_silent_peer_is_tested_by_its_handshake() -> None:
    plans = {
        name: [{"network": "home", "options": entry["options"]}] for name, entry in Inventory().plan().hosts.items()
    }
    (ada,) = plans["ada"]
    assert ping_targets(ada, plans, host="ada") == [{"name": "hub", "address": address} for address in HUB]
    ada["silent"] = HUB[:1]
    assert ping_targets(ada, plans, host="ada") == [{"name": "hub", "address": HUB[1]}]
    ada["silent"] = HUB
    assert ping_targets(ada, plans, host="ada") == [{"name": "hub", "public_key": key_of("hub")}]
