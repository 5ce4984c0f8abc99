# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status document of a plan, and the picture of it: as many nodes and edges as the plan has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.collection_version import collection_version
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.view import view_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_document import plan_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_graph import list_edges, read_graphs
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import EXAMPLES, Inventory, example
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.strategies import inventories


def planned(inventory: Inventory) -> dict[str, Any]:
    """As much of the result of ``plan`` as a document needs."""
    hosts: dict[str, list[Any]] = {}
    plans = inventory.plans(without=["cid"])
    for plan in plans.values():
        for name, entry in plan.hosts.items():
            hosts.setdefault(name, []).append(entry)
    networks = {
        network.name: {"topology": network.topology, "prefixes": [*map(str, network.prefixes)]}
        for network in inventory.read()
    }
    clients = {name: plan.clients for name, plan in plans.items()}
    return {"hosts": hosts, "clients": clients, "networks": networks, "unknown_keys": ["cid"]}


def check_picture(plan: dict[str, Any]) -> None:
    document = plan_document(plan, 0, "")
    assert json.loads(json.dumps(document)) == document
    pictures = {network.name: network.picture for network in view_document(document).networks}
    for graph in read_graphs(plan):
        picture = pictures[graph.network]
        assert picture is not None
        assert {name for node in picture.nodes for name in node.members} == graph.members.keys()
        assert {node.members[0]: node.kind for node in picture.nodes} == {
            name: node.kind for name, node in graph.members.items()
        }
        drawn = {frozenset(picture.nodes[end].members[0] for end in edge.ends) for edge in picture.edges}
        assert drawn == {frozenset(edge.names) for edge in list_edges(graph)}
        assert len(drawn) == len(picture.edges)


@given(inventories())
def test_the_picture_has_the_plans_nodes_and_edges(inventory: Inventory) -> None:
    check_picture(planned(inventory))


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yml")))
def test_so_it_does_for_the_examples(name: str) -> None:
    check_picture(planned(example(name)))


def test_a_document_of_a_plan() -> None:
    document = plan_document(planned(Inventory()), 1_796_040_000, "1.0.0")
    assert document["networks"] == [
        {"name": "home", "topology": "hub_and_spoke", "prefixes": ["10.8.0.0/24", "fd00:8::/64"]}
    ]
    ada, bob, cid, hub = document["members"]
    assert (hub["kind"], hub["endpoint"], hub["addresses"]) == (
        "hub",
        "vpn.example.org:51820",
        ["10.8.0.1/24", "fd00:8::1/64"],
    )
    assert (bob["subnets"], bob["state"], cid["public_key"]) == (["192.168.7.0/24"], "planned", None)
    assert ada["public_key"] is not None
    pairs = [(tunnel["host"], tunnel["peer"]) for tunnel in document["tunnels"]]
    assert pairs == [("ada", "hub"), ("bob", "hub"), ("cid", "hub"), ("hub", "ada"), ("hub", "bob")]


def test_the_version_is_that_of_the_manifest_or_of_the_source(tmp_path: Path) -> None:
    assert collection_version(tmp_path) == ""
    (tmp_path / "galaxy.yml").write_text("name: wireguard\nversion: 1.2.3\n")
    assert collection_version(tmp_path) == "1.2.3"
    (tmp_path / "MANIFEST.json").write_text('{"collection_info": {"version": "1.2.4"}}')
    assert collection_version(tmp_path) == "1.2.4"
