# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned networks with policies in short, and questions about them."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.grants import Packet
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.machines import Machine, Masquerades, Planned
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.reach import Answer, Reach
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import (
    TCP,
    Grant,
    Policy,
    Service,
    Side,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory, key_of


def side(*texts: str) -> Side:
    """Members by their names; prefixes, ``internet`` and ``*`` as the inventory has them."""
    prefixes = [text for text in texts if "." in text or ":" in text]
    names = {text for text in texts if text not in ("internet", "*", *prefixes)}
    return Side(frozenset(names), tuple(map(parse_prefix, prefixes)), "internet" in texts, "*" in texts)


def grant(number: int, src: Iterable[str], dst: Iterable[str], *services: Service) -> Grant:
    src, dst = list(src), list(dst)
    text = f"src: [{', '.join(src)}], dst: [{', '.join(dst)}]"
    return Grant(number, side(*src), side(*dst), services or (Service(),), text)


def policy(*grants: tuple[Iterable[str], Iterable[str], *tuple[Service, ...]]) -> Policy:
    return Policy(tuple(grant(number, *each) for number, each in enumerate(grants)))


def port(number: int) -> Service:
    return Service(TCP, number, number)


def planned(inventory: Inventory, policies: Mapping[str, Policy] | None = None) -> list[Planned]:
    """By the name of each network, its policy."""
    found = []
    for network in inventory.read():
        keys = {member.name: key_of(member.name + network.name) for member in network.members}
        plan = plan_network(network, keys, TODAY)
        found.append(Planned(replace(network, policy=(policies or {}).get(network.name)), plan))
    return found


class World:
    def __init__(
        self,
        inventory: Inventory,
        policies: Mapping[str, Policy] | Policy | None = None,
        masquerades: Masquerades | None = None,
    ) -> None:
        if isinstance(policies, Policy):
            policies = {"home": policies}
        self.planned = planned(inventory, policies)
        self.reach = Reach(self.planned, masquerades)

    def machine(self, name: str) -> Machine:
        machine = self.reach.machines.named("home", name)
        assert machine
        return machine

    def ask(self, name: str, src: str, dst: str, port: int = 80, protocol: int = TCP, **how: Any) -> Answer:
        """From an address at a member to another one."""
        return self.reach.find(self.machine(name), Packet(pack(src), pack(dst), protocol, port), **how)

    def outcome(self, name: str, src: str, dst: str, port: int = 80, protocol: int = TCP, **how: Any) -> str:
        return self.ask(name, src, dst, port, protocol, **how).outcome


def pack(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
