# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What planning a fleet costs, on the controller: variables in, plans out, with all addresses and keys known.

The reference is the same number of hosts, or for a mesh of tunnels, in a hundred small networks one after the other, so
that the ratio shows how the cost of one grows. ``seconds`` is the value, of processor time, and ``peak_mib`` the peak
memory of a process that does nothing else, its inventory included. Run by itself, it prints one JSON object.
"""

from __future__ import annotations

import base64
import datetime
import gc
import hashlib
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reader import read_networks

HUBS = 10
SMALL = 100
RUNS = 5
TODAY = datetime.date(2026, 1, 1)

Row = dict[str, float]


class Inventory(NamedTuple):
    """What the planner is given."""

    networks: dict[str, Any]
    groups: dict[str, list[str]]
    hosts: dict[str, dict[str, Any]]
    keys: dict[str, str]

    def plan(self) -> None:
        (network,) = read_networks(self.networks, self.groups, self.hosts.__getitem__)
        plan = plan_network(network, self.keys, TODAY)
        if len(plan.hosts) != len(self.hosts) or plan.unknown_keys or plan.warnings:
            raise SystemExit("the plan is not what it should be")


def _inventory(topology: str, groups: dict[str, list[str]], hosts: dict[str, dict[str, Any]]) -> Inventory:
    for number, variables in enumerate(hosts.values(), 1):
        variables["wireguard_addresses"] = [f"10.8.{number // 256}.{number % 256}", f"fd00:8::{number:x}"]
    networks = {"bench": {"prefixes": ["10.8.0.0/16", "fd00:8::/64"], "topology": topology}}
    keys = {host: base64.b64encode(hashlib.sha256(host.encode()).digest()).decode() for host in hosts}
    return Inventory(networks, {"all": [*hosts], **groups}, hosts, keys)


def hub_and_spoke(count: int) -> Inventory:
    """Ten hubs, among which the spokes take turns, so that neighbours in number are apart."""
    names = [f"host{number:05}" for number in range(count)]
    hosts: dict[str, dict[str, Any]] = {
        name: {"wireguard_endpoint": f"{name}.example.org"}
        if number < HUBS
        else {"wireguard_hub": names[number % HUBS]}
        for number, name in enumerate(names)
    }
    return _inventory("hub_and_spoke", {"wg_hub": names[:HUBS], "wg_spoke": names[HUBS:]}, hosts)


def mesh(count: int) -> Inventory:
    hosts = {f"host{number:05}": {"wireguard_endpoint": f"host{number:05}.example.org"} for number in range(count)}
    return _inventory("mesh", {"wg_member": [*hosts]}, hosts)


# Whose plan is measured, and how large it is.
CASES: dict[str, tuple[Callable[[int], Inventory], int]] = {
    "planner_10000": (hub_and_spoke, 10_000),
    "mesh_1000": (mesh, 1_000),
}


def _seconds(inventory: Inventory, times: int = 1) -> float:
    gc.collect()
    start = time.process_time()
    for _time in range(times):
        inventory.plan()
    return time.process_time() - start


def measure(name: str) -> Row:
    """One case, in this process. The two are taken in turn and the medians given."""
    make, count = CASES[name]
    large, small = make(count), make(SMALL)
    pairs = [(_seconds(large), _seconds(small, 100)) for _run in range(RUNS)]
    value, reference = (statistics.median(times) for times in zip(*pairs, strict=True))
    peak = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return {
        "value": round(value, 3),
        "reference": round(reference, 3),
        "ratio": round(value / reference, 3),
        "seconds": round(value, 3),
        "peak_mib": round(int(peak[1]) / 1024 if peak else 0, 1),
    }


def rows() -> dict[str, Row]:
    """All cases, each in a process of its own."""
    found = {}
    for name in CASES:
        command = [sys.executable, __file__, name]
        found[name] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1]) if len(sys.argv) > 1 else rows()))
