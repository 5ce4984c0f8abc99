# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a VM as root: what access rules cost on a real kernel."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.nft_table import replace_table
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import NO_TABLE, OwnTable
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reader import read_networks
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import find_rules
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.compose import compose_body
from ansible_collections.cryptokey.wireguard.tests.bench.planner import TODAY
from ansible_collections.cryptokey.wireguard.tests.bench.policy import CLIENT_GRANTS, CLIENTS, body_of_a_hub
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, make_hosts
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect

LOAD_SECONDS = 2.0
_ROUNDS, _SECONDS = 5, 3
_INNER = {"hub": "10.8.0.1", "one": "10.8.0.2", "other": "10.8.0.3"}


def load_seconds() -> float:
    """How long the table of a hub with 10,000 clients and 50 grants takes to load, in seconds."""
    table = OwnTable("", body_of_a_hub(CLIENTS))
    times = []
    for _round in range(3):
        start = time.perf_counter()
        replace_table("bench9", table)
        times.append(time.perf_counter() - start)
    replace_table("bench9", NO_TABLE)
    return statistics.median(times)


def throughputs() -> tuple[float, float]:
    """Bits a second of TCP through a hub from one spoke to another, with 50 grants and without a policy.

    The grant that allows it is in the middle of the others. The two are taken in turn.
    """
    with _tunnels() as (hub, one, options, body):
        found: dict[str, list[float]] = {body: [], "": []}
        for _round in range(_ROUNDS):
            for nftables, speeds in found.items():
                hub.converge(**options, nftables=nftables)
                speeds.append(_measure(one))
        return statistics.median(found[body]), statistics.median(found[""])


def _measure(host: Host) -> float:
    done = host.run("iperf3", "--json", "--time", str(_SECONDS), "--omit", "1", "--client", _INNER["other"])
    return float(json.loads(done)["end"]["sum_received"]["bits_per_second"])


@contextmanager
def _tunnels() -> Iterator[tuple[Host, Host, Mapping[str, Any], str]]:
    """The hub, the spoke that sends, the hub's options, and the body of its table."""
    with make_hosts("hub", "one", "other") as (hub, one, other):
        connect(hub, "192.0.2.1/24", one, "192.0.2.2/24")
        connect(hub, "198.51.100.1/24", other, "198.51.100.2/24")
        other.run("ip", "route", "add", "192.0.2.0/24", "via", "198.51.100.1")
        with hub.entered():
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        inventory = _inventory()
        (network,) = read_networks(*inventory)
        keys = {name: str(host.public_key) for name, host in (("hub", hub), ("one", one), ("other", other))}
        keys |= {client.name: str(Host(client.name).public_key) for client in network.clients}
        plan = plan_network(network, keys, TODAY)
        rules = find_rules([network], TODAY)["home"]
        body = compose_body("wg0", rules.hosts["hub"], rules.shared)
        for host in (hub, one, other):
            host.converge(**plan.hosts[host.name]["options"])
        command = ["ip", "netns", "exec", "other", "iperf3", "--server"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            one.ping(_INNER["other"])
            yield hub, one, plan.hosts["hub"]["options"], body
            server.terminate()


def _inventory() -> tuple[Any, Any, Any]:
    clients = {f"client{number}": {"addresses": [f"10.8.0.{number + 10}"]} for number in range(CLIENT_GRANTS)}
    grants: list[dict[str, Any]] = [{"src": name, "dst": "other", "ip": ["tcp:443", "icmp"]} for name in clients]
    grants[CLIENT_GRANTS // 2] = {"src": "one", "dst": "other"}
    networks = {"home": {"prefixes": ["10.8.0.0/24"], "clients": clients, "policy": {"grants": grants}}}
    hosts: dict[str, dict[str, Any]] = {name: {"wireguard_addresses": [address]} for name, address in _INNER.items()}
    hosts["hub"]["wireguard_endpoint"] = "192.0.2.1"
    return networks, {"wg_hub": ["hub"], "wg_spoke": ["one", "other"]}, hosts.__getitem__
