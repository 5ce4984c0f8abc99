# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned network of a hub and an office, and what its hosts answer while all is well."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.answers import read_answers
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.diagnosis import Diagnosis, diagnose
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.questions import (
    choose_tunnels,
    list_questions,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.tunnels import ping_targets
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of

OUTER = {"hub": "203.0.113.1:51820", "office": "192.0.2.7:40000"}
NOW = 1_800_000_000.0


def office_and_hub() -> Inventory:
    inventory = Inventory()
    inventory.groups = {"wg_hub": ["hub"], "wg_spoke": ["office"]}
    inventory.hosts = {
        "hub": {"wireguard_addresses": ["10.8.0.1"], "wireguard_endpoint": "vpn.example.org"},
        "office": {"wireguard_addresses": ["10.8.0.2"]},
    }
    return inventory


class Sound:
    """``answers``: host to what its task registered, to be spoiled by a test."""

    def __init__(self, inventory: Inventory | None = None) -> None:
        plan = (inventory or office_and_hub()).plan()
        self.plans = {name: [entry] for name, entry in plan.hosts.items()}
        self.tunnels = choose_tunnels(self.plans, ["office"])
        self.questions = list_questions(
            self.tunnels, lambda entry, among, host: ping_targets(entry, self.plans, among, host), "5eed"
        )
        self.answers: dict[str, Any] = {
            host: {"results": [self._answer(host, question) for question in asked]}
            for host, asked in self.questions.items()
        }

    def _answer(self, host: str, question: dict[str, Any]) -> dict[str, Any]:
        (entry,) = self.plans[host]
        port = entry["options"].get("listen_port") or 40000
        return {
            "interface": question["interface"],
            "kind": "wireguard",
            "started": NOW,
            "ended": NOW + 10,
            "at_boot": True,
            "up": True,
            "mtu": 1420,
            "public_key": key_of(host),
            "listen_port": port,
            "addresses": entry["options"]["addresses"],
            "holders": [""],
            "peers": [self._peer(question, peer) for peer in question["peers"]],
            "names": [
                {"name": peer["name"], "addresses": [OUTER[peer["name"]]]}
                for peer in question["peers"]
                if peer.get("endpoint")
            ],
            "sightings": self._sightings(host),
            "refused": [],
            "forwarding": {"ipv4": True, "ipv6": True},
            "port_drops": [],
            "forward_drops": [],
            "denied": 0,
        }

    @staticmethod
    def _peer(question: dict[str, Any], peer: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": peer["name"],
            "public_key": key_of(peer["name"]),
            "pings": [{"address": address, "size": 1420} for address in peer["addresses"]],
            "ways": [{"prefix": prefix, "link": question["interface"], "owner": ""} for prefix in peer["prefixes"]],
            "preshared": "",
            "endpoint": OUTER[peer["name"]],
            "endpoint_before": OUTER[peer["name"]],
            "allowed_ips": peer["prefixes"],
            "persistent_keepalive": 25,
            "latest_handshake": NOW - 30,
            "received": 128,
            "outer": "eth0",
        }

    @staticmethod
    def _sightings(host: str) -> list[list[Any]]:
        other = {"hub": "office", "office": "hub"}[host]
        remote, _colon, port = OUTER[other].partition(":")
        first, second = [1, 1000], [2, 2000]
        sent, received = (first, second) if host == "office" else (second, first)
        return [[True, remote, int(port), "eth0", *sent], [False, remote, int(port), "eth0", *received]]

    def of(self, host: str) -> dict[str, Any]:
        """The answer of the host's only interface."""
        found: dict[str, Any] = self.answers[host]["results"][0]
        return found

    def peer(self, host: str) -> dict[str, Any]:
        found: dict[str, Any] = self.of(host)["peers"][0]
        return found

    def cut(self) -> None:
        """No ping is answered, and there was no handshake for an hour."""
        for host in self.answers:
            for ping in self.peer(host)["pings"]:
                ping["size"] = 0
            self.peer(host)["latest_handshake"] = NOW - 3600

    def diagnose(self) -> Diagnosis:
        return diagnose(self.tunnels, read_answers(self.questions, copy.deepcopy(self.answers)))
