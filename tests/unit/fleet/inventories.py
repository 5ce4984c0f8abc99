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

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.facts import Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.planner import Plan, plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.reader import read_networks

TODAY = datetime.date(2026, 6, 1)
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


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

    def read(self) -> tuple[Network, ...]:
        return read_networks(self.networks, self.groups, self.hosts.__getitem__)

    def plan(self, without: Iterable[str] = ()) -> Plan:
        (network,) = self.read()
        return plan_network(network, {host: key_of(host) for host in self.hosts if host not in without}, TODAY)

    def changed(self, change: Callable[[Inventory], object]) -> Inventory:
        other = copy.deepcopy(self)
        change(other)
        return other


def key_of(host: str) -> str:
    return base64.b64encode(hashlib.sha256(host.encode()).digest()).decode()


def example(name: str) -> Inventory:
    """One of the inventories in the documentation. They give all variables host by host."""
    content = yaml.safe_load((EXAMPLES / name).read_text())
    inventory = Inventory()
    inventory.networks = content["all"]["vars"]["wireguard_networks"]
    members = {group: content[group]["hosts"] for group in ("wg_hub", "wg_spoke")}
    inventory.groups = {group: list(hosts) for group, hosts in members.items()}
    inventory.hosts = {host: variables for hosts in members.values() for host, variables in hosts.items()}
    return inventory
