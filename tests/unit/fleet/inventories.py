# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories, as the action plugin hands them to the reader."""

from __future__ import annotations

import base64
import copy
import datetime
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import Problems
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.given import normalise
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import Plan, plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reader import Aside, read_networks

TODAY = datetime.date(2026, 6, 1)
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def options_of(plan: Plan) -> dict[str, dict[str, Any]]:
    """By name, the module options of each host's interface."""
    return {name: entry["options"] for name, entry in plan.hosts.items()}


class Inventory:
    """A good network of a hub and three spokes; each test spoils or changes its own copy."""

    def __init__(self) -> None:
        self.networks: Any = {"home": {"prefixes": ["10.8.0.0/24", "fd00:8::/64"]}}
        self.groups: dict[str, list[str]] = {"wg_hub": ["hub"], "wg_spoke": ["ada", "bob", "cid"]}
        self.hosts: dict[str, dict[str, Any]] = {
            "hub": {"wireguard_addresses": ["10.8.0.1", "fd00:8::1"], "wireguard_endpoint": "vpn.example.org"},
            "ada": {"wireguard_addresses": ["10.8.0.2", "fd00:8::2"]},
            "bob": {"wireguard_addresses": ["10.8.0.3"], "wireguard_subnets": ["192.168.7.0/24"]},
            "cid": {"wireguard_addresses": ["10.8.0.4"]},
        }

    def read(self, aside: Aside | None = None) -> tuple[Network, ...]:
        problems = Problems()
        networks = normalise(self.networks, "wireguard_networks", problems)
        hosts = {name: normalise(variables, "", problems, name) for name, variables in self.hosts.items()}
        problems.refuse()
        return read_networks(networks, self.groups, hosts.__getitem__, aside)

    def plans(self, without: Iterable[str] = (), today: datetime.date = TODAY) -> dict[str, Plan]:
        """Network to plan, with keys of all but these hosts and clients."""
        plans = {}
        for network in self.read():
            keys = {member.name: key_of(member.name) for member in network.members if member.name not in without}
            plans[network.name] = plan_network(network, keys, today)
        return plans

    def plan(self, without: Iterable[str] = (), today: datetime.date = TODAY) -> Plan:
        """That of the only network."""
        plans = list(self.plans(without, today).values())
        assert len(plans) == 1
        return plans[0]

    def changed(self, change: Callable[[Inventory], object]) -> Inventory:
        other = copy.deepcopy(self)
        change(other)
        return other


def key_of(host: str) -> str:
    return base64.b64encode(hashlib.sha256(host.encode()).digest()).decode()


def example(name: str) -> Inventory:
    """One of the inventories in the documentation, as Ansible understands it."""
    content = yaml.safe_load((EXAMPLES / name).read_text())
    inventory = Inventory()
    inventory.networks = content["all"]["vars"]["wireguard_networks"]
    inventory.groups, inventory.hosts = {"all": []}, {}
    for group, entries in content.items():
        _add_group(inventory, group, entries, [])
    return inventory


def _add_group(inventory: Inventory, name: str, entries: dict[str, Any], above: list[str]) -> None:
    groups = [*above, name]
    for host, variables in (entries.get("hosts") or {}).items():
        for group in {"all", *groups}:
            if host not in inventory.groups.setdefault(group, []):
                inventory.groups[group].append(host)
        inventory.hosts.setdefault(host, {}).update({**(entries.get("vars") or {}), **(variables or {})})
    for child, content in (entries.get("children") or {}).items():
        _add_group(inventory, child, content, groups)
