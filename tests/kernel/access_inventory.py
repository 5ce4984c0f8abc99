# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random networks with random access rules, small enough to be built in namespaces."""

from __future__ import annotations

from random import Random
from typing import Any

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory

PORTS = (22, 53, 80, 443, 8000, 8050, 8100)
_SERVICES: tuple[Any, ...] = ("*", "icmp", "tcp:*", "udp:*", "tcp:80", "udp:53", "tcp:8000-8100", 443, 22, 17, "tcp")
_MASQUERADES: tuple[list[str] | None, ...] = (None, None, None, [], ["internet"], ["internet", "subnets"], ["subnets"])


def random_inventory(random: Random, with_clients: bool = False) -> Inventory:
    """Hosts h0, h1 and so on, of which the first ones may be hubs, and clients c0, c1."""
    topologies = ["hub_and_spoke", "hub_and_spoke", "hub_and_spoke", "mesh", "custom"]
    topology = "hub_and_spoke" if with_clients else random.choice(topologies)
    count = random.randint(3, 6)
    names = [f"h{number}" for number in range(count)]
    inventory = Inventory()
    options: dict[str, Any] = {"prefixes": ["10.8.0.0/24", "fd00:8::/64"], "topology": topology}
    inventory.networks, inventory.groups = {"home": options}, {"all": names}
    inventory.hosts = {name: _host(random, number) for number, name in enumerate(names, 1)}
    if topology == "hub_and_spoke":
        hubs = names[: random.randint(1, min(3, count - 1))]
        inventory.groups.update(wg_hub=hubs, wg_spoke=names[len(hubs) :])
        for number, name in enumerate(names, 1):
            if name in hubs:
                inventory.hosts[name] |= _endpoint(number) | _addresses(number, (4, 6))
            else:
                inventory.hosts[name] |= _leaf(random, hubs, "wireguard_")
        options["clients"] = {
            f"c{number}": {
                "addresses": _addresses(51 + number, (4, 6))["wireguard_addresses"],
                **_leaf(random, hubs, ""),
            }
            for number in range(random.randint(int(with_clients), 2))
        }
    elif topology == "custom":
        for number, name in enumerate(names, 1):
            inventory.hosts[name] |= _endpoint(number)
        options["links"] = [{"from": names[0], "to": name} for name in names[1:]]
        options["links"] += [{"from": one, "to": other} for one, other in zip(names[1:], names[2:])]
    else:
        inventory.groups["wg_member"] = names
        for number, name in enumerate(names, 1):
            inventory.hosts[name] |= _endpoint(number) if number < count or random.random() < 0.5 else {}
    inventory.groups["some"] = sorted(random.sample(names, random.randint(1, count)))
    grants = [_grant(random, inventory) for _number in range(random.randint(1, 7))]
    # Those that are looked at must have something to reach.
    grants += [{**_grant(random, inventory), "src": "c0"} for _number in range(3 if with_clients else 0)]
    options["policy"] = {"grants": grants}
    return inventory


def _host(random: Random, number: int) -> dict[str, Any]:
    host = _addresses(number, random.choice([(4, 6), (4, 6), (4,), (6,)]))
    if random.random() < 0.5:
        host["wireguard_subnets"] = [f"192.168.{number}.0/24", f"fd00:9:{number:x}::/64"]
    masquerade = random.choice(_MASQUERADES)
    return host if masquerade is None else {**host, "wireguard_masquerade": masquerade}


def _addresses(number: int, families: tuple[int, ...]) -> dict[str, Any]:
    texts = {4: f"10.8.0.{number}", 6: f"fd00:8::{number:x}"}
    return {"wireguard_addresses": [texts[family] for family in families]}


def _endpoint(number: int) -> dict[str, Any]:
    return {"wireguard_endpoint": f"203.0.113.{number}"}


def _leaf(random: Random, hubs: list[str], prefix: str) -> dict[str, Any]:
    return {f"{prefix}hub": random.choice(hubs), f"{prefix}tunnel": random.choice(["split", "full"])}


def _grant(random: Random, inventory: Inventory) -> dict[str, Any]:
    home = inventory.networks["home"]
    members = [*inventory.hosts, *home.get("clients", {})]
    subnets = [subnet for host in inventory.hosts.values() for subnet in host.get("wireguard_subnets", ())]
    groups = [*inventory.groups]
    addresses = [address for host in inventory.hosts.values() for address in host["wireguard_addresses"]]
    common = [*members, *members, *groups, *subnets, *random.sample(addresses, 1)]
    sources, destinations = [*common, "*"], [*common, "internet", "internet", "*"]
    return {
        "src": sorted({random.choice(sources) for _number in range(random.randint(1, 2))}),
        "dst": sorted({random.choice(destinations) for _number in range(random.randint(1, 2))}),
        "ip": random.sample(_SERVICES, random.randint(1, 2)),
    }
