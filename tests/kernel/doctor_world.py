# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub and an office with a router between them, planned by the planner, examined and diagnosed as by the playbook.

office 192.0.2.2 - router - hub 198.51.100.2
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.examine import examine_all
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.kernel import HostKernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.resolve import Resolver
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.answers import read_answers
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.diagnosis import Diagnosis, diagnose
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.questions import (
    Entry,
    PlannedTunnel,
    choose_tunnels,
    list_questions,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import find_rules
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.compose import compose_body
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.tunnels import ping_targets
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, make_hosts
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace, connect
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory

SECONDS = 4
PRESHARED = base64.b64encode(b"preshared key of office and hub.").decode()
NONCE = "5eed"


def office_and_hub() -> Inventory:
    inventory = Inventory()
    inventory.groups = {"wg_hub": ["hub"], "wg_spoke": ["office"]}
    inventory.hosts = {
        "hub": {"wireguard_addresses": ["10.8.0.1", "fd00:8::1"], "wireguard_endpoint": "198.51.100.2"},
        "office": {"wireguard_addresses": ["10.8.0.2", "fd00:8::2"]},
    }
    return inventory


class World:
    """``results``: what the hosts answered at last."""

    def __init__(self, office: Host, router: Namespace, hub: Host) -> None:
        self.office, self.router, self.hub = office, router, hub
        self.plans: dict[str, list[dict[str, Any]]] = {}
        self.bodies: dict[str, str] = {}
        self.results: dict[str, Any] = {}

    def plan(self, inventory: Inventory) -> None:
        (network,) = inventory.read()
        hosts = {"office": self.office, "hub": self.hub}
        plan = plan_network(network, {name: str(host.public_key) for name, host in hosts.items()}, TODAY)
        rules = find_rules([network], TODAY)[network.name]
        for name in hosts:
            entry = plan.hosts[name]
            silent = (
                rules.pings.silent(name, [peer["name"] for peer in entry["options"]["peers"]]) if rules.pings else []
            )
            self.plans[name] = [{**entry, "silent": silent}]
            own = rules.hosts.get(name)
            self.bodies[name] = compose_body("wg0", own, rules.shared) if own else ""

    def bring_up(self, *hosts: Host) -> None:
        """These hosts or both, as the role does."""
        for host in hosts or (self.hub, self.office):
            (entry,) = self.plans[host.name]
            peers = [{**peer, "preshared_key": PRESHARED} for peer in entry["options"]["peers"]]
            body = self.bodies[host.name]
            options = {**entry["options"], "peers": peers, **({"nftables": body} if body else {})}
            self.converge(host, options)
            for family, on in entry["forwarding"].items():
                setting = {"ipv4": "net.ipv4.ip_forward", "ipv6": "net.ipv6.conf.all.forwarding"}[family]
                host.run("sysctl", "-qw", f"{setting}={int(on)}")

    def converge(self, host: Host, options: dict[str, Any]) -> None:
        desired = parse_interface(options, host.private_key)
        here = HostKernel(desired.netns, desired.birth_netns)
        resolver = Resolver(3)
        with host.entered():
            resolver.look_up([peer.endpoint for peer in desired.peers or () if peer.endpoint])
            circumstances = Circumstances(
                time.time(), {}, resolver, here.path_mtu, here.has_routes, list_table=here.list_table
            )
            converge(desired, here, circumstances)

    def forget_sessions(self, host: Host) -> None:
        """The host starts again. The other end does not know, and goes on for a while."""
        host.run("ip", "link", "delete", "wg0")
        self.bring_up(host)

    def wg(self, host: Host, *arguments: str) -> None:
        host.run("wg", "set", "wg0", *arguments)

    def nft(self, host: Namespace, text: str) -> None:
        host.run("nft", text)

    def drop(self, host: Namespace, hook: str, rule: str) -> None:
        chain = f"{{ type filter hook {hook} priority 0; policy accept; {rule} drop; }}"
        self.nft(host, f"table inet made {{ chain {hook} {chain}; }}")

    def shake_hands(self) -> None:
        self.office.ping("10.8.0.1")

    def tunnels(self) -> list[PlannedTunnel]:
        return choose_tunnels(self.plans, ["office"])

    def questions(self) -> dict[str, list[dict[str, Any]]]:
        def list_targets(entry: Entry, among: Collection[str], host: str) -> Iterable[Mapping[str, str]]:
            return ping_targets(entry, self.plans, among, host)

        return list_questions(self.tunnels(), list_targets, NONCE)

    def examine(self, absent: Collection[str] = (), seconds: int = SECONDS) -> Diagnosis:
        """Both hosts at the same time, but for those that cannot be asked."""
        questions = self.questions()

        def ask(host: Host) -> tuple[str, Any]:
            with host.entered():
                results = examine_all({"interfaces": questions[host.name], "seconds": seconds})
            return host.name, {"changed": False, "results": json.loads(json.dumps(results))}

        asked = [host for host in (self.office, self.hub) if host.name not in absent]
        with ThreadPoolExecutor(2) as pool:
            self.results = dict(pool.map(ask, asked))
        silent = {name: {"unreachable": True, "msg": "no route to it"} for name in absent}
        return diagnose(self.tunnels(), read_answers(questions, {**self.results, **silent}))


@contextmanager
def make_world() -> Iterator[World]:
    """The hosts, without interfaces."""
    with ExitStack() as stack:
        office, router, hub = stack.enter_context(make_hosts("office", "router", "hub"))
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for host, network in ((office, "192.0.2"), (hub, "198.51.100")):
            connect(host, f"{network}.2/24", router, f"{network}.1/24")
            host.run("ip", "route", "add", "default", "via", f"{network}.1")
        yield World(office, router, hub)
