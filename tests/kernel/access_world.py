# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole network in namespaces on one cable: hosts, clients, a LAN behind each host with subnets, and an Internet.

The Internet knows the hosts' outer addresses and no others. So what leaves a tunnel for it is answered only if it is
masqueraded.
"""

from __future__ import annotations

import errno
import select
import socket
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip, parse_prefix
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace, run

INTERNET = ("192.0.2.1", "2001:db8:ffff::1")
_ICMP = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_ECHO = {socket.AF_INET: b"\x08\0\0\0\0\0\0\1", socket.AF_INET6: b"\x80\0\0\0\0\0\0\1"}
# Answers come within this time from the first try, or after WireGuard has repeated a lost handshake.
_SETTLED_SECONDS, _PATIENCE_SECONDS, _AGAIN_SECONDS = 1.5, 12.0, 0.7


class Triple(NamedTuple):
    """``source``: an address of the namespace ``place``. ``protocol``: tcp, udp or icmp."""

    place: str
    source: str
    destination: str
    protocol: str
    port: int


class Place(NamedTuple):
    """A member of the network. ``outer``: the last part of its outer addresses. ``forwards``: families."""

    name: str
    outer: int
    subnets: Sequence[str]
    forwards: Collection[str]
    options: Mapping[str, Any]


def batch(namespace: str, *commands: str) -> None:
    """Run many commands of ``ip`` in a namespace."""
    done = subprocess.run(
        ["ip", "-n", namespace, "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{namespace}: {done.stderr}")


def lan_of(name: str) -> str:
    return f"lan-{name}"


def lan_address(subnet: str) -> str:
    """The address of the LAN's host in a subnet; that of the member is the first one."""
    return _inside(subnet, 9)


def _inside(subnet: str, number: int) -> str:
    packed = parse_prefix(subnet).packed
    return format_ip(packed[:-1] + bytes([packed[-1] + number]))


class World:
    """``with build(...) as world``. The members' interfaces are up, and each has its table."""

    def __init__(self, places: Sequence[Place], stack: ExitStack) -> None:
        self.hosts: dict[str, Namespace] = {}
        self._stack = stack
        self._make("world")
        run("ip", "-n", "world", "link", "add", "cable", "type", "bridge")
        batch(
            "world",
            "link set cable up",
            *(f"address add {address} dev cable nodad" for address in ("203.0.113.254/24", "2001:db8:113::fe/64")),
            *(f"address add {address} dev lo" for address in INTERNET),
        )
        for place in places:
            self._connect(place)
        for place in places:
            host = self.hosts[place.name]
            assert isinstance(host, Host)
            host.converge(**place.options)

    def _make(self, name: str, host: bool = False) -> Namespace:
        made = Host(name) if host else Namespace(name)
        made.create()
        self._stack.callback(made.delete)
        self.hosts[name] = made
        with made.entered():
            for setting, value in {
                "ipv4/ping_group_range": "0 0",
                "ipv4/icmp_ratelimit": "0",
                "ipv6/icmp/ratelimit": "0",
                "ipv6/conf/default/accept_dad": "0",
            }.items():
                Path("/proc/sys/net", setting).write_text(value)
        return made

    def _connect(self, place: Place) -> None:
        name, end = place.name, place.outer
        host = self._make(name, host=True)
        run("ip", "link", "add", "up0", "netns", name, "type", "veth", "peer", name, "netns", "world")
        batch("world", f"link set {name} master cable", f"link set {name} up")
        batch(
            name,
            "link set up0 up",
            *(f"address add {outer} dev up0" for outer in (f"203.0.113.{end}/24", f"198.51.100.{end}/24")),
            f"address add 2001:db8:113::{end:x}/64 dev up0 nodad",
            "route add default via 203.0.113.254",
            "route add default via 2001:db8:113::fe",
        )
        if place.subnets:
            lan = lan_of(name)
            self._make(lan)
            run("ip", "link", "add", "lan0", "netns", name, "type", "veth", "peer", "lan0", "netns", lan)
            bits = {subnet: subnet.split("/")[1] for subnet in place.subnets}
            for where, number in ((name, 1), (lan, 9)):
                addresses = (f"{_inside(subnet, number)}/{bits[subnet]}" for subnet in place.subnets)
                nodad = (f"{each} dev lan0{' nodad' if ':' in each else ''}" for each in addresses)
                batch(where, "link set lan0 up", *(f"address add {each}" for each in nodad))
            batch(lan, *(f"route add default via {_inside(subnet, 1)}" for subnet in place.subnets))
        with host.entered():
            for family, setting in (("ipv4", "ipv4/ip_forward"), ("ipv6", "ipv6/conf/all/forwarding")):
                if family in place.forwards:
                    Path("/proc/sys/net", setting).write_text("1")

    def try_all(self, triples: Sequence[Triple], expected: Sequence[bool]) -> list[bool]:
        """Send real packets for all triples at once, and tell which are answered: a refusal is an answer.

        ``expected`` only tells how long to wait.
        """
        attempts = [_Attempt(self.hosts[triple.place], triple) for triple in triples]
        start = time.monotonic()
        while True:
            waiting = [attempt for attempt in attempts if attempt.answered is None]
            hoping = any(good and each.answered is None for good, each in zip(expected, attempts))
            seconds = time.monotonic() - start
            if not waiting or seconds > (_PATIENCE_SECONDS if hoping else _SETTLED_SECONDS):
                break
            for attempt in waiting:
                attempt.send_again(seconds)
            _wait_for(waiting)
        for attempt in attempts:
            attempt.socket.close()
        return [bool(attempt.answered) for attempt in attempts]


def _wait_for(attempts: Sequence[_Attempt]) -> None:
    poll = select.poll()
    found = {attempt.socket.fileno(): attempt for attempt in attempts}
    for attempt in attempts:
        poll.register(attempt.socket, select.POLLOUT if attempt.triple.protocol == "tcp" else select.POLLIN)
    for number, _events in poll.poll(200):
        found[number].look()


class _Attempt:
    def __init__(self, host: Namespace, triple: Triple) -> None:
        self.triple = triple
        self.answered: bool | None = None
        self._sent = 0.0
        family = socket.AF_INET6 if ":" in triple.source else socket.AF_INET
        kind, protocol = {
            "tcp": (socket.SOCK_STREAM, 0),
            "udp": (socket.SOCK_DGRAM, 0),
            "icmp": (socket.SOCK_DGRAM, _ICMP[family]),
        }[triple.protocol]
        with host.entered():
            self.socket = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
        try:
            self.socket.bind((triple.source, 0))
            self.socket.connect((triple.destination, triple.port))
        except BlockingIOError:
            pass
        except OSError:
            self.answered = False  # no route
        self._data = _ECHO[family] if triple.protocol == "icmp" else b"?"
        if triple.protocol != "tcp" and self.answered is None:
            self._send()

    def send_again(self, seconds: float) -> None:
        if self.triple.protocol != "tcp" and seconds - self._sent > _AGAIN_SECONDS:
            self._sent = seconds
            self._send()

    def _send(self) -> None:
        try:
            self.socket.send(self._data)
        except OSError as error:
            self._judge(error.errno or 0)

    def look(self) -> None:
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number or self.triple.protocol == "tcp":
            self._judge(number)
            return
        try:
            self.socket.recv(4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._judge(error.errno or 0)
            return
        self.answered = True

    def _judge(self, number: int) -> None:
        """No way, such as ENETUNREACH or EHOSTUNREACH, may be said by a host on it, too."""
        if number != errno.EAGAIN:
            self.answered = number in (0, errno.ECONNREFUSED)


@contextmanager
def build(places: Sequence[Place]) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(places, stack)
