# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What access rules cost on the controller: policies read, resolved and compiled, and the size of a hub's table.

The reference is half as many hosts with the same number of grants, twice, so that the ratio shows how the cost grows.
``value`` is seconds of processor time beyond those of the same networks without a policy. Run by itself, it prints one
JSON object.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reader import read_networks
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import find_rules
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.compose import compose_body
from ansible_collections.cryptokey.wireguard.tests.bench.planner import TODAY, Inventory, hub_and_spoke

HOSTS, GRANTS = 3_000, 200
CLIENTS, CLIENT_GRANTS = 10_000, 50
# Groups of 2 to 10 % of the hosts, of which each grant names two as sources and two as destinations.
GROUPS = 40
RUNS = 5

Row = dict[str, float]


def _with_groups(inventory: Inventory, grants: int) -> Inventory:
    """The inventory with a policy."""
    names = [*inventory.hosts]
    groups = {f"group{number}": names[number :: 10 + number] for number in range(GROUPS)}
    inventory.groups.update(groups)
    ports = ("tcp:443", "udp:53", "tcp:8000-8100", "icmp")
    policy = {
        "grants": [
            {
                "src": [f"group{number % GROUPS}", f"group{(number * 7 + 1) % GROUPS}"],
                "dst": [f"group{(number * 3 + 2) % GROUPS}", f"group{(number * 11 + 5) % GROUPS}"],
                "ip": [ports[number % 4], ports[(number + 1) % 4]],
            }
            for number in range(grants)
        ]
    }
    networks = {name: {**options, "policy": policy} for name, options in inventory.networks.items()}
    return inventory._replace(networks=networks)


def _seconds(inventory: Inventory) -> float:
    gc.collect()
    start = time.process_time()
    find_rules(read_networks(inventory.networks, inventory.groups, inventory.hosts.__getitem__), TODAY)
    return time.process_time() - start


def compiling() -> Row:
    """3,000 hosts with 200 grants, next to twice 1,500."""
    counts = (HOSTS, HOSTS // 2)
    plain = [hub_and_spoke(count) for count in counts]
    with_policy = [_with_groups(hub_and_spoke(count), GRANTS) for count in counts]
    runs = [
        [_seconds(policy) - _seconds(without) for policy, without in zip(with_policy, plain, strict=True)]
        for _run in range(RUNS)
    ]
    value, half = (statistics.median(times) for times in zip(*runs, strict=True))
    return {"value": round(value, 3), "reference": round(2 * half, 3), "ratio": round(value / 2 / half, 3)}


def size_of_a_hub() -> Row:
    """Lines of the table of a hub with 10,000 clients and 50 grants, next to twice 5,000."""
    lines = []
    for count in (CLIENTS, CLIENTS // 2):
        body = body_of_a_hub(count)
        lines.append(body.count("\n"))
        if count == CLIENTS:
            kib = len(body) / 1024
    return {
        "value": lines[0],
        "reference": 2 * lines[1],
        "ratio": round(lines[0] / 2 / lines[1], 3),
        "kib": round(kib, 1),
    }


def body_of_a_hub(count: int) -> str:
    clients = {
        f"client{number:05}": {"addresses": [f"10.8.{number // 250}.{number % 250 + 3}", f"fd00:8::{number + 9:x}"]}
        for number in range(count)
    }
    names = [*clients]
    # Each client is in one of the grants as a source, and the hub and a server are their destinations.
    grants: list[dict[str, Any]] = [
        {"src": names[number::CLIENT_GRANTS], "dst": ["hub", "server"][number % 2], "ip": ["tcp:443", "udp:53"]}
        for number in range(CLIENT_GRANTS)
    ]
    options = {"prefixes": ["10.8.0.0/16", "fd00:8::/64"], "clients": clients, "policy": {"grants": grants}}
    hosts: dict[str, dict[str, Any]] = {
        "hub": {"wireguard_addresses": ["10.8.0.1", "fd00:8::1"], "wireguard_endpoint": "hub.example.org"},
        "server": {"wireguard_addresses": ["10.8.0.2", "fd00:8::2"]},
    }
    groups = {"all": [*hosts], "wg_hub": ["hub"], "wg_spoke": ["server"]}
    rules = find_rules(read_networks({"bench": options}, groups, hosts.__getitem__), TODAY)["bench"]
    return compose_body("wg0", rules.hosts["hub"], rules.shared)


CASES = {"policy_3000": compiling, "policy_hub_10000": size_of_a_hub}


def rows() -> dict[str, Row]:
    """All cases, each in a process of its own."""
    found = {}
    for name in CASES:
        command = [sys.executable, __file__, name]
        found[name] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]]() if len(sys.argv) > 1 else rows()))
