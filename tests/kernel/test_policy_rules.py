# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real packets through the nftables tables that the planner makes of access rules and masquerading."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import find_rules
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.compose import compose_body
from ansible_collections.cryptokey.wireguard.tests.kernel.routed import (
    ADA,
    CID,
    HUB,
    SITE,
    WEB,
    Routed,
    connected,
    listening,
    make_routed,
    ping,
    tcp,
    udp,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory

FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
GRANTS: list[dict[str, Any]] = [
    {"src": "ada", "dst": "cid", "ip": ["tcp:80", "tcp:8000-8100", "udp:53", "icmp"]},
    {"src": "ada", "dst": "hub", "ip": ["tcp:22", "tcp:8080"]},
    {"src": "ada", "dst": "internet", "ip": "tcp:443"},
    {"src": "ada", "dst": ["192.168.7.0/24", "fd00:7::/64"], "ip": "udp:5000"},
]


def body(grants: list[dict[str, Any]] | None, host: str = "hub", site_at: str = "cid", **options: Any) -> str:
    """``options`` are variables of the hub."""
    found = Inventory()
    found.hosts = {
        "hub": {"wireguard_addresses": [*HUB], "wireguard_endpoint": "vpn.example.org", **options},
        "ada": {"wireguard_addresses": [*ADA], "wireguard_tunnel": "full"},
        "cid": {"wireguard_addresses": [*CID]},
    }
    found.hosts[site_at]["wireguard_subnets"] = ["192.168.7.0/24", "fd00:7::/64"]
    found.groups = {"wg_hub": ["hub"], "wg_spoke": ["ada", "cid"]}
    if grants is not None:
        found.networks["home"]["policy"] = {"grants": grants}
    networks = found.read()
    rules = find_rules(networks, TODAY)["home"]
    return compose_body("wg0", rules.hosts[host], rules.shared)


@pytest.fixture
def hosts() -> Iterator[Routed]:
    with make_routed() as found:
        yield found


@FAMILIES
def test_a_relay_lets_pass_what_is_granted_and_its_answers(hosts: Routed, family: int) -> None:
    hosts.load(body(GRANTS))
    ada, cid, hub = hosts.ada, hosts.cid, hosts.hub
    assert tcp(ada, cid, CID[family], 80)
    assert tcp(ada, cid, CID[family], 8100)
    assert udp(ada, cid, CID[family], 53)
    assert ping(ada, CID[family])
    assert not tcp(ada, cid, CID[family], 81)
    assert not tcp(ada, cid, CID[family], 8101)
    assert not udp(ada, cid, CID[family], 80)
    assert not tcp(cid, ada, ADA[family], 80)
    assert not ping(cid, ADA[family])
    # Its own services are a destination like any other. It takes no answer to what no grant lets it begin.
    assert tcp(ada, hub, HUB[family], 22)
    assert not tcp(ada, hub, HUB[family], 23)
    assert not tcp(cid, hub, HUB[family], 22)
    assert not ping(ada, HUB[family])
    assert not tcp(hub, cid, CID[family], 81)


@FAMILIES
def test_a_destination_enforces_too(hosts: Routed, family: int) -> None:
    hosts.load(body(GRANTS, "cid"), hosts.cid)
    hosts.load(body(GRANTS, "ada"), hosts.ada)
    assert tcp(hosts.ada, hosts.cid, CID[family], 80)
    assert not tcp(hosts.ada, hosts.cid, CID[family], 81)
    assert not tcp(hosts.cid, hosts.ada, ADA[family], 80)
    assert udp(hosts.ada, hosts.site, SITE[family], 5000)
    assert not udp(hosts.ada, hosts.site, SITE[family], 5001)
    # What is behind a gateway needs a grant as well.
    assert not udp(hosts.site, hosts.ada, ADA[family], 5000)


@FAMILIES
def test_a_changed_policy_ends_what_it_denies_and_nothing_else(hosts: Routed, family: int) -> None:
    hosts.load(body(GRANTS))
    client, server = connected(hosts.ada, hosts.cid, CID[family], 80)
    other, end = connected(hosts.ada, hosts.cid, CID[family], 8000)
    with closing(client), closing(server), closing(other), closing(end):
        for number in range(40):
            grants = [{**GRANTS[0], "ip": ["tcp:80", *(["tcp:8000-8100"] if number % 2 else [])]}]
            hosts.load(body(grants))
            client.sendall(b"x")
            # A lost packet would be sent again after 200 ms at the earliest.
            server.settimeout(0.15)
            assert server.recv(9) == b"x"
        hosts.load(body([{**GRANTS[0], "ip": ["tcp:80"]}]))
        other.sendall(b"x")
        end.settimeout(1)
        with pytest.raises(TimeoutError):
            end.recv(9)
        # Nor does it go on in the other direction.
        end.sendall(b"x")
        with pytest.raises(TimeoutError):
            other.recv(9)


def test_path_mtu_discovery_works(hosts: Routed) -> None:
    hosts.load(body(GRANTS))
    hosts.cid.run("ip", "link", "set", "site", "mtu", "1300")
    with hosts.ada.entered(), closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
        client.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
        client.connect((SITE[0], 5000))
        client.send(bytes(1400))
        hosts.ada.run("sleep", "0.5")
        with pytest.raises(OSError, match="Message too long"):
            client.send(bytes(1400))
    assert "mtu 1300" in hosts.ada.run("ip", "route", "get", SITE[0])


@pytest.mark.parametrize("header", [135, 139, 140, 253, 254])
def test_what_hides_behind_extension_headers_is_dropped(hosts: Routed, header: int) -> None:
    """Everything is granted, and the same packets pass without the table."""

    def arrives() -> bool:
        with hosts.cid.entered():
            receiver = socket.socket(socket.AF_INET6, socket.SOCK_RAW, header)
        with hosts.ada.entered():
            sender = socket.socket(socket.AF_INET6, socket.SOCK_RAW, header)
        receiver.settimeout(1)
        with closing(receiver), closing(sender):
            # The header of TCP follows, to port 80. Some kernels drop a mobility header that has one behind it.
            following = 59 if header == 135 else 6
            sender.sendto(bytes([following, 0, 0, 0, 0, 0, 0, 0]) + b"\x30\x39\x00\x50" + bytes(16), (CID[1], 0))
            try:
                return bool(receiver.recv(99))
            except TimeoutError:
                return False

    assert arrives()
    hosts.load(body([{"src": "*", "dst": "*"}]))
    assert not arrives()
    assert tcp(hosts.ada, hosts.cid, CID[1], 80)


@FAMILIES
def test_a_source_of_the_tunnel_from_elsewhere_is_dropped(hosts: Routed, family: int) -> None:
    hosts.web.run("ip", "address", "add", ADA[family], "dev", "lo")
    hosts.web.run("ip", "route", "add", CID[family], "via", ("192.0.2.254", "2001:db8:1::fe")[family])
    kind = (socket.AF_INET, socket.AF_INET6)[family]

    def arrives() -> bool:
        with hosts.cid.entered():
            receiver = socket.socket(kind, socket.SOCK_DGRAM)
        with hosts.web.entered():
            sender = socket.socket(kind, socket.SOCK_DGRAM)
        receiver.settimeout(1)
        with closing(receiver), closing(sender):
            receiver.bind((CID[family], 53))
            sender.bind((ADA[family], 5353))
            sender.sendto(b"x", (CID[family], 53))
            try:
                return bool(receiver.recv(99))
            except TimeoutError:
                return False

    assert arrives()
    hosts.load(body(GRANTS))
    assert not arrives()


def test_translation_of_others_is_allowed_by_the_original_destination(hosts: Routed) -> None:
    """As Docker publishes a port."""
    rules = "tcp dport { 8080, 8081 } dnat ip to 192.0.2.1:80"
    chain = f"chain prerouting {{ type nat hook prerouting priority dstnat; {rules}; }}"
    hosts.hub.run("nft", f"table inet other {{ {chain}\n }}")
    before = hosts.hub.run("nft", "-a", "list", "table", "inet", "other")
    hosts.load(body(GRANTS))
    with closing(listening(hosts.web, WEB[0], 80)):
        for port, expected in ((8080, True), (8081, False)):
            with hosts.ada.entered(), closing(socket.socket()) as client:
                client.settimeout(1)
                assert (client.connect_ex((HUB[0], port)) == 0) is expected
    assert hosts.hub.run("nft", "-a", "list", "table", "inet", "other") == before


@FAMILIES
@pytest.mark.parametrize("grants", [None, GRANTS], ids=["without policy", "with policy"])
def test_a_full_tunnel_reaches_the_internet(hosts: Routed, family: int, grants: Any) -> None:
    """It has no route back, so that an answer needs translation."""
    assert not tcp(hosts.ada, hosts.web, WEB[family], 443)
    hosts.load(body(grants))
    client, server = connected(hosts.ada, hosts.web, WEB[family], 443)
    with closing(client), closing(server):
        assert server.getpeername()[0] == ("192.0.2.254", "2001:db8:1::fe")[family]
    assert tcp(hosts.ada, hosts.web, WEB[family], 80) is (grants is None)
    # Within the network nothing is translated.
    client, server = connected(hosts.ada, hosts.cid, CID[family], 80)
    with closing(client), closing(server):
        assert server.getpeername()[0] == ADA[family]


def test_global_addresses_are_not_translated(hosts: Routed) -> None:
    source = "2001:db8:8::2"
    hosts.ada.run("ip", "address", "add", source, "dev", "wg0", "nodad")
    hosts.hub.run("ip", "neigh", "add", source, "lladdr", "02:00:00:00:00:02", "dev", "wg0", "nud", "permanent")
    hosts.hub.run("ip", "route", "add", source, "dev", "wg0")
    hosts.load(body(None))
    with hosts.web.entered():
        receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    receiver.settimeout(1)
    with closing(receiver):
        receiver.bind((WEB[1], 53))
        for address, expected in ((source, source), (ADA[1], "2001:db8:1::fe")):
            with hosts.ada.entered(), closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as sender:
                sender.bind((address, 0))
                sender.sendto(b"x", (WEB[1], 53))
            assert receiver.recvfrom(9)[1][0] == expected


@FAMILIES
def test_a_local_network_without_a_route_back_is_reached(family: int) -> None:
    with make_routed(site_at="hub") as hosts:
        hosts.load(body(None, site_at="hub"))
        assert not tcp(hosts.ada, hosts.site, SITE[family], 80)
        hosts.load(body(None, site_at="hub", wireguard_masquerade=["subnets"]))
        assert tcp(hosts.ada, hosts.site, SITE[family], 80)


@FAMILIES
def test_the_segment_size_fits_the_way(hosts: Routed, family: int) -> None:
    hosts.load(body(GRANTS))
    hosts.hub.run("ip", "link", "set", "web", "mtu", "1300")
    client, server = connected(hosts.ada, hosts.web, WEB[family], 443)
    with closing(client), closing(server):
        assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) <= 1300 - (40, 60)[family]
