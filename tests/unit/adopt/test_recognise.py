# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network that was found is written down as the inventory that gives every host just what it had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.recognise import Proposal, plan, recognise
from ansible_collections.cryptokey.wireguard.tests.unit.adopt.finds import component_of, found_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory, example
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.strategies import inventories

OPTIONS = ("interface", "addresses", "listen_port", "mtu", "fwmark")


def essence(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What of a host's plan its interface consists of; what the peers are called is for people."""
    peers = {peer["public_key"]: {k: v for k, v in peer.items() if k != "name"} for peer in plan["peers"]}
    return {**{option: plan.get(option) for option in OPTIONS}, "table": plan.get("table", "auto"), "peers": peers}


def adopted(inventory: Inventory) -> Proposal:
    return recognise(component_of(found_of(inventory)), {}, TODAY)[0]


EXAMPLES = {
    "hub_and_spoke.yml": "hub_and_spoke",
    "two_hosts.yml": "hub_and_spoke",
    "multi_hub.yml": "hub_and_spoke",
    "mesh.yml": "mesh",
    "site_to_site.yml": "site_to_site",
    "custom.yml": "custom",
    "clients.yml": "hub_and_spoke",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_recognised(name: str) -> None:
    inventory = example(name)
    proposal = adopted(inventory)
    found = inventory.plan().hosts
    planned = plan(proposal, {}, TODAY)
    print(proposal.options, proposal.hosts)
    assert {host: essence(planned[host]) for host in planned} == {host: essence(found[host]) for host in found}
    assert proposal.topology == EXAMPLES[name]


@given(inventories())
def test_every_host_gets_the_interface_that_it_had(inventory: Inventory) -> None:
    found = {name: host for name, host in inventory.plan().hosts.items() if host["peers"]}
    if len(found) < 1:
        return
    try:
        component = component_of([each for each in found_of(inventory) if each.host in found])
    except ValueError:
        return  # several networks
    proposal, _notes = recognise(component, {}, TODAY)
    planned = plan(proposal, {}, TODAY)
    assert not proposal.lost
    assert not proposal.gained
    assert {host: essence(planned[host]) for host in planned} == {host: essence(found[host]) for host in found}
