# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a tunnel does not carry traffic: each cause is made on purpose, and is the first finding."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._doctor.causes import CAUSES
from ansible_collections.cryptokey.wireguard.tests.kernel.doctor_world import (
    PRESHARED,
    World,
    make_world,
    office_and_hub,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.firewalls import load_firewall
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run
from ansible_collections.cryptokey.wireguard.tests.leaks.search import hits, spellings
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory

SERVICE = "wg-quick@wg0.service"

Spoil = Callable[[World, ExitStack], None]
Change = Callable[[Inventory], Any]


class Case(NamedTuple):
    """A cause: how it is made, after the interfaces are up, and where it is found. ``peer`` is empty for a host.

    ``change``: what is planned besides. ``absent``: the hosts that cannot be asked.
    """

    code: str
    host: str
    peer: str
    spoil: Spoil
    change: Change = lambda _inventory: None
    absent: tuple[str, ...] = ()
    label: str = ""


@pytest.fixture(scope="module")
def service() -> Iterator[None]:
    """The interface of this name comes up at boot, on all hosts."""
    run("systemctl", "enable", "-q", SERVICE)
    yield
    run("systemctl", "disable", "-q", SERVICE)


@pytest.fixture
def world(service: None) -> Iterator[World]:
    with make_world() as world:
        yield world


def _no_interface(world: World, _stack: ExitStack) -> None:
    world.office.run("ip", "link", "delete", "wg0")


def _other_kind(world: World, _stack: ExitStack) -> None:
    world.office.run("ip", "link", "delete", "wg0")
    world.office.run("ip", "link", "add", "wg0", "type", "dummy")


def _no_key(world: World, _stack: ExitStack) -> None:
    world.wg(world.office, "private-key", "/dev/null")


def _port_taken(world: World, stack: ExitStack) -> None:
    world.hub.run("ip", "link", "set", "wg0", "down")
    with world.hub.entered():
        taken = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        taken.bind(("0.0.0.0", 51820))


def _link_down(world: World, _stack: ExitStack) -> None:
    world.hub.run("ip", "link", "set", "wg0", "down")


def _not_bound(world: World, _stack: ExitStack) -> None:
    """The namespace in which the interface was made is gone."""
    world.hub.run("ip", "link", "delete", "wg0")
    run("ip", "netns", "add", "birth")
    try:
        run("ip", "-n", "birth", "link", "add", "wg0", "type", "wireguard")
        run("ip", "-n", "birth", "link", "set", "wg0", "netns", "hub")
        world.bring_up(world.hub)
    finally:
        run("ip", "netns", "delete", "birth")
    time.sleep(2)


def _wrong_port(world: World, _stack: ExitStack) -> None:
    world.wg(world.hub, "listen-port", "51999")


def _no_address(world: World, _stack: ExitStack) -> None:
    (address, *_rest) = world.plans["office"][0]["options"]["addresses"]
    world.office.run("ip", "address", "delete", address, "dev", "wg0")


def _wrong_own_key(world: World, stack: ExitStack) -> None:
    _set_key(world, world.office, stack, "private-key", Host("another").private_key.reveal_base64())


def _set_key(world: World, host: Host, stack: ExitStack, *arguments: str) -> None:
    *words, text = arguments
    file = Path("/root/doctor-key")
    file.touch(0o600)
    stack.callback(file.unlink)
    file.write_text(text)
    world.wg(host, *words, str(file))


def _wrong_key(world: World, _stack: ExitStack) -> None:
    other = ("peer", str(Host("another").public_key), "endpoint", "198.51.100.2:51820")
    world.wg(world.office, "peer", str(world.hub.public_key), "remove")
    world.wg(world.office, *other, "allowed-ips", "10.8.0.0/24,fd00:8::/64")


def _no_peer(world: World, _stack: ExitStack) -> None:
    world.wg(world.hub, "peer", str(world.office.public_key), "remove")


def _preshared_key(world: World, stack: ExitStack) -> None:
    """The session that there is goes on."""
    world.shake_hands()
    key = Host("another").private_key.reveal_base64()
    _set_key(world, world.hub, stack, "peer", str(world.office.public_key), "preshared-key", key)


def _nothing(_world: World, _stack: ExitStack) -> None:
    """The plan alone is enough."""


def _unknown_name(inventory: Inventory) -> None:
    inventory.hosts["hub"]["wireguard_endpoint"] = "vpn.invalid"


def _known_name(inventory: Inventory) -> None:
    inventory.hosts["hub"]["wireguard_endpoint"] = "localhost"


def _no_endpoint(world: World, stack: ExitStack) -> None:
    """Neither end can begin."""
    hub = ("peer", str(world.hub.public_key))
    world.forget_sessions(world.hub)
    world.wg(world.office, *hub, "remove")
    words = (*hub, "allowed-ips", "10.8.0.0/24,fd00:8::/64", "preshared-key")
    _set_key(world, world.office, stack, *words, PRESHARED)


def _endpoint_outdated(world: World, _stack: ExitStack) -> None:
    """A hub that knew the office's endpoint would correct it."""
    world.wg(world.office, "peer", str(world.hub.public_key), "endpoint", "198.51.100.77:51820")
    world.forget_sessions(world.hub)


def _no_route_to_endpoint(world: World, _stack: ExitStack) -> None:
    world.office.run("ip", "route", "delete", "default")


def _endpoint_in_tunnel(world: World, _stack: ExitStack) -> None:
    world.office.run("ip", "route", "add", "198.51.100.2/32", "dev", "wg0")


def _allowed_ips(world: World, _stack: ExitStack) -> None:
    world.wg(world.hub, "peer", str(world.office.public_key), "allowed-ips", "10.8.0.99/32")


def _nothing_leaves(world: World, _stack: ExitStack) -> None:
    world.drop(world.office, "output", "udp dport 51820")


def _port_dropped(world: World, _stack: ExitStack) -> None:
    world.nft(world.hub, "table inet made { chain input { type filter hook input priority 0; policy drop; }; }")


def _rp_filter(world: World, _stack: ExitStack) -> None:
    """The hub has two ways to the router: packets come by one, and the way back is by the other."""
    hub, router = world.hub, world.router
    run("ip", "link", "add", "second", "netns", "hub", "type", "veth", "peer", "second", "netns", "router")
    for host, address in ((hub, "203.0.113.2/24"), (router, "203.0.113.1/24")):
        host.run("ip", "address", "add", address, "dev", "second")
        host.run("ip", "link", "set", "second", "up")
    # With another source, the office would follow it to the other way.
    hub.run("ip", "route", "add", "192.0.2.0/24", "via", "203.0.113.1", "src", "198.51.100.2")
    hub.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.router.rp_filter=1")


def _not_arriving(world: World, _stack: ExitStack) -> None:
    world.drop(world.router, "forward", "udp dport 51820")


def _answers_lost(world: World, _stack: ExitStack) -> None:
    world.drop(world.router, "forward", "udp sport 51820")


def _clock(world: World, stack: ExitStack) -> None:
    """The last handshake was an hour later than now; then the office lost its session."""
    begin, real = time.monotonic(), time.time()
    stack.callback(lambda: time.clock_settime(time.CLOCK_REALTIME, real + time.monotonic() - begin))
    time.clock_settime(time.CLOCK_REALTIME, real + 3600)
    world.forget_sessions(world.office)
    world.shake_hands()
    time.clock_settime(time.CLOCK_REALTIME, real + time.monotonic() - begin)
    world.forget_sessions(world.office)


def _not_accepted(world: World, _stack: ExitStack) -> None:
    """A rule where none is looked for."""
    chain = "{ type filter hook prerouting priority -300; policy accept; udp dport 51820 drop; }"
    world.nft(world.hub, f"table inet made {{ chain raw {chain}; }}")


def _other_interface(world: World, _stack: ExitStack) -> None:
    world.shake_hands()
    world.office.run("ip", "link", "add", "bridge0", "type", "dummy")
    world.office.run("ip", "address", "add", "10.8.0.5/29", "dev", "bridge0")
    world.office.run("ip", "link", "set", "bridge0", "up")


def _no_route(world: World, _stack: ExitStack) -> None:
    world.office.run("ip", "route", "flush", "dev", "wg0")
    world.office.run("ip", "route", "delete", "default")
    world.office.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.1")


def _wrong_route(world: World, _stack: ExitStack) -> None:
    world.office.run("ip", "route", "add", "default", "via", "192.0.2.1", "table", "99")
    world.office.run("ip", "rule", "add", "to", "10.8.0.0/24", "lookup", "99")


def _no_forwarding(world: World, _stack: ExitStack) -> None:
    world.hub.run("sysctl", "-qw", "net.ipv4.ip_forward=0")


def _forward_dropped(world: World, _stack: ExitStack) -> None:
    load_firewall(world.hub, "docker")


def _nat_changed(world: World, _stack: ExitStack) -> None:
    """A NAT forgets the office, which sends no keepalives, and then gives it another port."""
    world.wg(world.office, "peer", str(world.hub.public_key), "persistent-keepalive", "0")
    world.router.run("modprobe", "nf_conntrack")
    for name in ("udp_timeout", "udp_timeout_stream"):
        world.router.run("sysctl", "-qw", f"net.netfilter.nf_conntrack_{name}=1")
    _translate(world, 40001)
    world.shake_hands()
    time.sleep(3)
    world.nft(world.router, "flush chain ip nat post")
    world.nft(world.router, "add rule ip nat post ip protocol udp snat to 198.51.100.1:40002")


def _translate(world: World, port: int) -> None:
    chain = (
        f"{{ type nat hook postrouting priority 100; ip protocol udp ip saddr 192.0.2.2 snat to 198.51.100.1:{port}; }}"
    )
    world.nft(world.router, f"table ip nat {{ chain post {chain}; }}")


def _policy(inventory: Inventory) -> None:
    inventory.networks["home"]["policy"] = {"grants": [{"src": ["office"], "dst": ["hub"], "ip": ["icmp"]}]}


def _policy_denies(world: World, _stack: ExitStack) -> None:
    """The hub has the rules of another policy."""
    denying = office_and_hub().changed(_policy)
    denying.networks["home"]["policy"]["grants"][0]["ip"] = ["tcp:22"]
    plans = dict(world.plans)
    world.plan(denying)
    world.bring_up()
    world.plans = plans


def _mtu(world: World, _stack: ExitStack) -> None:
    """A link on the way loses large packets, and does not say so."""
    world.hub.run("ip", "link", "set", "router", "mtu", "1400")


def _no_reply(world: World, _stack: ExitStack) -> None:
    world.drop(world.hub, "input", 'iifname "wg0" meta l4proto { icmp, ipv6-icmp }')


def _not_at_boot(_world: World, stack: ExitStack) -> None:
    run("systemctl", "disable", "-q", SERVICE)
    stack.callback(run, "systemctl", "enable", "-q", SERVICE)


CASES = [
    Case("no_answer", "hub", "", _nothing, absent=("office", "hub")),
    Case("no_interface", "office", "", _no_interface),
    Case("other_kind", "office", "", _other_kind),
    Case("no_key", "office", "", _no_key),
    Case("port_taken", "hub", "", _port_taken),
    Case("link_down", "hub", "", _link_down),
    Case("not_bound", "hub", "", _not_bound),
    Case("wrong_port", "hub", "", _wrong_port),
    Case("no_address", "office", "", _no_address),
    Case("wrong_own_key", "office", "", _wrong_own_key),
    Case("wrong_key", "office", "hub", _wrong_key),
    Case("no_peer", "hub", "office", _no_peer),
    Case("preshared_key", "office", "hub", _preshared_key),
    Case("name_unresolved", "office", "hub", _nothing, _unknown_name),
    Case("no_endpoint", "office", "hub", _no_endpoint),
    Case("endpoint_outdated", "office", "hub", _endpoint_outdated),
    Case("endpoint_outdated", "office", "hub", _endpoint_outdated, _known_name, label="name"),
    Case("no_route_to_endpoint", "office", "hub", _no_route_to_endpoint),
    Case("endpoint_in_tunnel", "office", "hub", _endpoint_in_tunnel),
    Case("allowed_ips", "hub", "office", _allowed_ips),
    Case("nothing_leaves", "office", "hub", _nothing_leaves),
    Case("port_dropped", "hub", "", _port_dropped),
    Case("rp_filter", "office", "hub", _rp_filter),
    Case("not_arriving", "office", "hub", _not_arriving),
    Case("not_arriving", "hub", "office", _answers_lost, label="answers"),
    Case("clock", "office", "hub", _clock),
    Case("not_accepted", "office", "hub", _not_accepted),
    Case("other_interface", "office", "hub", _other_interface),
    Case("no_route", "office", "hub", _no_route),
    Case("wrong_route", "office", "hub", _wrong_route),
    Case("no_forwarding", "hub", "", _no_forwarding),
    Case("forward_dropped", "hub", "", _forward_dropped),
    Case("nat_changed", "office", "hub", _nat_changed),
    Case("policy_denies", "office", "hub", _policy_denies, _policy),
    Case("mtu", "office", "hub", _mtu),
    Case("no_reply", "office", "hub", _no_reply),
    Case("other_end_unknown", "office", "hub", _not_arriving, absent=("hub",)),
    Case("not_at_boot", "hub", "", _not_at_boot),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.label}".strip())
def test_each_cause_is_the_first_finding(world: World, case: Case, say: Callable[[str], None]) -> None:
    world.plan(office_and_hub().changed(case.change))
    world.bring_up()
    with ExitStack() as stack:
        case.spoil(world, stack)
        found = world.examine(case.absent)
    say("; ".join(f"{each.host} {each.peer} {each.code}: {each.text}. {each.remedy}" for each in found.findings))
    assert found.findings, f"{found} {world.results}"
    first = found.findings[0]
    assert (first.code, first.host, first.peer) == case[:3], world.results


def test_every_cause_is_made() -> None:
    """But the last resort, which says that there is none."""
    assert {cause.code for cause in CAUSES} - {case.code for case in CASES} == {"no_cause"}


def _full_tunnel(inventory: Inventory) -> None:
    inventory.hosts["office"]["wireguard_tunnel"] = "full"


def _namespace(inventory: Inventory) -> None:
    inventory.hosts["office"]["wireguard_netns"] = "vault"


def _behind_nat(world: World, _stack: ExitStack) -> None:
    _translate(world, 40001)


@pytest.mark.parametrize("with_session", [False, True], ids=["new", "in use"])
@pytest.mark.parametrize(
    ("change", "prepare"),
    [
        pytest.param(lambda _inventory: None, _nothing, id="hub and spoke"),
        pytest.param(lambda _inventory: None, _behind_nat, id="nat"),
        pytest.param(_full_tunnel, _nothing, id="full tunnel"),
        pytest.param(_namespace, _nothing, id="netns"),
        pytest.param(_policy, _nothing, id="policy"),
    ],
)
def test_nothing_is_found_in_a_sound_network(world: World, change: Change, prepare: Spoil, with_session: bool) -> None:
    """Nor does any key go to the controller, but public ones."""
    world.plan(office_and_hub().changed(change))
    with ExitStack() as stack:
        prepare(world, stack)
        if world.plans["office"][0]["options"].get("netns"):
            run("ip", "netns", "add", "vault")
            stack.callback(run, "ip", "netns", "delete", "vault")
        world.bring_up()
        if with_session:
            world.examine()
        found = world.examine()
    assert found.findings == [], world.results
    assert (found.up, found.total) == (1, 1)
    text = json.dumps(world.results)
    assert str(world.hub.public_key) in text
    assert hits("results", text.encode(), spellings(secrets_of(world))) == []


def secrets_of(world: World) -> dict[str, str]:
    private = {host.name: host.private_key.reveal_base64() for host in (world.office, world.hub)}
    return {**private, "preshared": PRESHARED}


@pytest.mark.parametrize("killed", [False, True], ids=["to its end", "killed"])
def test_the_module_leaves_nothing_behind(world: World, tmp_path: Path, killed: bool) -> None:
    """Every part of the state is as before, but for sessions; nor is there a process or a file."""
    world.plan(office_and_hub())
    world.bring_up()
    before = everything(world.office)
    arguments = tmp_path / "arguments.json"
    options = {"interfaces": world.questions()["office"], "seconds": 4}
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    module = "ansible_collections.cryptokey.wireguard.plugins.modules._examine"
    command = ["ip", "netns", "exec", "office", sys.executable, "-m", module, str(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        if killed:
            # As soon as packets leave, it is in the middle of its work.
            while not int(world.office.run("wg", "show", "wg0", "transfer").split()[2]):
                time.sleep(0.1)
            os.killpg(process.pid, signal.SIGKILL)
        output, _errors = process.communicate(timeout=60)
    assert bool(output) != killed
    assert everything(world.office) == before
    assert hits("output", output.encode(), spellings(secrets_of(world))) == []
    if not killed:
        assert json.loads(output)["results"][0]["peers"][0]["pings"] == [
            {"address": "10.8.0.1", "size": 1420},
            {"address": "fd00:8::1", "size": 1420},
        ]


def everything(host: Host) -> tuple[object, ...]:
    """What runs on the host, without what its kernel counts, once its IPv6 addresses have their routes."""
    while host.run("ip", "-6", "address", "show", "tentative"):
        time.sleep(0.1)
    rules = re.sub(r" # handle [0-9]+| packets [0-9]+ bytes [0-9]+", "", host.run("nft", "-a", "list", "ruleset"))
    sockets = host.run("ss", "--all", "--numeric", "--no-header", "--raw", "--udp", "--packet")
    routes = host.run("ip", "route", "show", "table", "all") + host.run("ip", "rule")
    settings = host.run("sysctl", "--all", "--pattern", "forward|rp_filter|src_valid_mark")
    return comparable(host.read()), rules, sockets, routes, settings, sorted(Path("/etc/wireguard").rglob("*"))
