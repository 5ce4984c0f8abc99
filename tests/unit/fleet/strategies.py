# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random inventories of any topology, in which nothing is left to be given out."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory

TOPOLOGIES = ("hub_and_spoke", "mesh", "site_to_site", "custom")
# None of them is smaller than a subnet of a member, so that all that a network promises stays.
_EXCLUDED = [[], ["172.16.0.0/12"], ["fd00:b::/32"], ["192.168.0.0/16", "fd00:9::/32"]]
# Of the networks around the members' subnets, each member sends all but its own.
_ROUTES = [[], ["192.168.0.0/16", "fd00:9::/32"], ["172.16.0.0/12", "fd00:a::/48"]]


@st.composite
def _member(draw: st.DrawFn, number: int) -> dict[str, Any]:
    families = draw(st.sampled_from([(4,), (6,), (4, 6)]))
    return {"addresses": [f"10.8.0.{number}" if family == 4 else f"fd00:8::{number:x}" for family in families]}


@st.composite
def _leaf(draw: st.DrawFn, number: int, hubs: list[str]) -> dict[str, Any]:
    """What a spoke and a client have in common."""
    options = {**draw(_member(number)), "hub": draw(st.sampled_from(hubs))}
    options["tunnel"] = draw(st.sampled_from(["split", "full"]))
    options["excluded_subnets"] = draw(st.sampled_from(_EXCLUDED))
    options["routes"] = draw(st.sampled_from(_ROUTES))
    return options


@st.composite
def _host(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """What any host may have."""
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        options["subnets"] = [f"192.168.{number}.0/24", f"fd00:9:{number:x}::/48"]
    if draw(st.booleans()):
        options["endpoint"] = f"203.0.113.{number}"
    if draw(st.booleans()):
        options["site"] = draw(st.sampled_from(["east", "west"]))
        if draw(st.booleans()):
            options["endpoint_inside"] = f"198.51.100.{number}"
    return options


@st.composite
def inventories(draw: st.DrawFn, topologies: tuple[str, ...] = TOPOLOGIES, smallest: int = 2) -> Inventory:
    """Hosts ``h0``, ``h1`` and so on; in hub_and_spoke the first ones are hubs and there may be clients ``c0``, ..."""
    topology = draw(st.sampled_from(topologies))
    count = draw(st.integers(smallest, 9))
    names = [f"h{number}" for number in range(count)]
    numbers = draw(st.lists(st.integers(1, 200), min_size=count, max_size=count, unique=True))
    options: dict[str, Any] = {"prefixes": ["10.8.0.0/24", "fd00:8::/64"], "topology": topology}
    inventory = Inventory()
    inventory.networks, inventory.groups = {"home": options}, {"all": names}
    hosts: dict[str, dict[str, Any]] = {}
    for name, number in zip(names, numbers, strict=True):
        hosts[name] = {**draw(_member(number)), **draw(_host(number))}
    if topology == "hub_and_spoke":
        hubs = names[: draw(st.integers(1, count - 1))]
        inventory.groups.update(wg_hub=hubs, wg_spoke=names[len(hubs) :])
        for name, number in zip(names, numbers, strict=True):
            if name in hubs:
                # Hubs relay for both families.
                hosts[name]["addresses"] = [f"10.8.0.{number}", f"fd00:8::{number:x}"]
                hosts[name]["endpoint"] = f"203.0.113.{number}"
            else:
                hosts[name].update(draw(_leaf(number, hubs)))
        options["clients"] = {
            f"c{number}": draw(_leaf(201 + number, hubs)) for number in range(draw(st.integers(0, 3)))
        }
    elif topology == "custom":
        pairs = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)
        options["links"] = [{"from": one, "to": other} for one, other in draw(st.lists(pairs, min_size=1, max_size=9))]
        inventory.groups["all"] = sorted({name for link in options["links"] for name in link.values()})
    else:
        inventory.groups["wg_member"] = names
        if topology == "site_to_site":
            for name, number in zip(names, numbers, strict=True):
                hosts[name]["subnets"] = [f"192.168.{number}.0/24"]
    inventory.hosts = {
        name: {f"wireguard_{option}": value for option, value in hosts[name].items()}
        for name in inventory.groups["all"]
    }
    return inventory
