# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub that forwards between a tunnel, the Internet and a local network, without WireGuard: rules only see names.

``ada`` and ``cid`` are at the hub's bridge ``wg0``, each with an address of its own as behind a tunnel, so that they
reach each other only through the hub. ``web`` is the Internet, ``site`` is behind cid or the hub. Neither has a
route back.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace, connect, run

HUB, ADA, CID = ("10.8.0.1", "fd00:8::1"), ("10.8.0.2", "fd00:8::2"), ("10.8.0.4", "fd00:8::4")
WEB, SITE = ("192.0.2.1", "2001:db8:1::1"), ("192.168.7.9", "fd00:7::9")
_SECONDS = 1.0


class Routed(NamedTuple):
    hub: Namespace
    ada: Namespace
    cid: Namespace
    web: Namespace
    site: Namespace

    def load(self, body: str, host: Namespace | None = None) -> None:
        """Replace the table in one transaction, as the host does."""
        name = "inet cryptokey-wg0"
        text = f"add table {name}\ndelete table {name}\ntable {name} {{\n{body}}}\n"
        with (host or self.hub).entered():
            run("bash", "-c", f"nft -f - <<'END'\n{text}END")


@contextmanager
def make_routed(site_at: str = "cid") -> Iterator[Routed]:
    names = ("hub", "ada", "cid", "web", "site")
    found = Routed(*map(Namespace, names))
    made: list[Namespace] = []
    try:
        for each in found:
            each.create()
            made.append(each)
            for setting in ("ipv4.conf.all.rp_filter=0", "ipv4.conf.default.rp_filter=0", "ipv4.ip_forward=1"):
                each.run("sysctl", "-qw", f"net.{setting}")
            each.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.send_redirects=0")
            each.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv4.conf.default.send_redirects=0")
        _connect_all(found, site_at)
        yield found
    finally:
        for each in made:
            each.delete()


def _connect_all(hosts: Routed, site_at: str) -> None:
    hub = hosts.hub
    hub.run("ip", "link", "add", "wg0", "address", "02:00:00:00:00:01", "type", "bridge")
    hub.run("ip", "link", "set", "wg0", "up")
    for address, length in zip(HUB, (24, 64)):
        hub.run("ip", "address", "add", f"{address}/{length}", "dev", "wg0", *(["nodad"] if ":" in address else []))
    for number, (host, addresses) in enumerate(((hosts.ada, ADA), (hosts.cid, CID)), 2):
        mac = f"02:00:00:00:00:{number:02x}"
        port = f"to-{host.name}"
        run("ip", "link", "add", port, "netns", hub.name, "type", "veth", "peer", "wg0", "netns", host.name)
        hub.run("ip", "link", "set", port, "master", "wg0", "up")
        host.run("ip", "link", "set", "wg0", "address", mac, "up")
        for address, gateway in zip(addresses, HUB):
            host.run("ip", "address", "add", address, "dev", "wg0", *(["nodad"] if ":" in address else []))
            # A tunnel has no neighbours to be asked for.
            host.run("ip", "neigh", "add", gateway, "lladdr", "02:00:00:00:00:01", "dev", "wg0", "nud", "permanent")
            hub.run("ip", "neigh", "add", address, "lladdr", mac, "dev", "wg0", "nud", "permanent")
            host.run("ip", "route", "add", gateway, "dev", "wg0")
            host.run("ip", "route", "add", "default", "via", gateway, "dev", "wg0")
    connect(hub, "192.0.2.254/24", hosts.web, "192.0.2.1/24")
    router = hosts.cid if site_at == "cid" else hub
    connect(router, "192.168.7.1/24", hosts.site, "192.168.7.9/24")
    for end, device, address in (
        (hub, "web", "2001:db8:1::fe/64"),
        (hosts.web, "hub", "2001:db8:1::1/64"),
        (router, "site", "fd00:7::1/64"),
        (hosts.site, router.name, "fd00:7::9/64"),
    ):
        end.run("ip", "address", "add", address, "dev", device, "nodad")
    if site_at == "cid":
        hosts.site.run("ip", "route", "add", "10.8.0.0/24", "via", "192.168.7.1")
        hosts.site.run("ip", "route", "add", "fd00:8::/64", "via", "fd00:7::1")
        hub.run("ip", "route", "add", "192.168.7.0/24", "via", CID[0])
        hub.run("ip", "route", "add", "fd00:7::/64", "via", CID[1])


def _open(host: Namespace, address: str, kind: socket.SocketKind) -> socket.socket:
    with host.entered():
        found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    found.settimeout(_SECONDS)
    return found


def listening(host: Namespace, address: str, port: int) -> socket.socket:
    found = _open(host, address, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    found.listen()
    return found


def connected(source: Namespace, host: Namespace, address: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Both ends of a TCP connection. Raises TimeoutError."""
    with closing(listening(host, address, port)) as server, ExitStack() as failing:
        client = _open(source, address, socket.SOCK_STREAM)
        failing.callback(client.close)
        client.connect((address, port))
        accepted, _peer = server.accept()
        failing.pop_all()
    accepted.settimeout(_SECONDS)
    return client, accepted


def tcp(source: Namespace, host: Namespace, address: str, port: int) -> bool:
    try:
        for end in connected(source, host, address, port):
            end.close()
    except TimeoutError:
        return False
    return True


def udp(source: Namespace, host: Namespace, address: str, port: int) -> bool:
    """Whether a datagram arrives, and its answer too."""
    with (
        closing(_open(host, address, socket.SOCK_DGRAM)) as server,
        closing(_open(source, address, socket.SOCK_DGRAM)) as client,
    ):
        server.bind((address, port))
        client.sendto(b"?", (address, port))
        try:
            _data, peer = server.recvfrom(9)
            server.sendto(b"!", peer)
            return client.recv(9) == b"!"
        except TimeoutError:
            return False


def ping(source: Namespace, address: str) -> bool:
    try:
        source.run("ping", "-n", "-c", "1", "-W", "1", address)
    except RuntimeError:
        return False
    return True
