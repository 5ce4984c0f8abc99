# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses, routes and rules, through pyroute2: the same on every version that distributions ship."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from .._model.prefix import InterfaceAddress, Prefix, format_ip
from .._model.state import ETHERNET_MTU, MAIN_TABLE, Route, Rule
from .errors import KernelError

try:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    PYROUTE2_ERROR: ImportError | None = None
except ImportError as import_error:
    PYROUTE2_ERROR = import_error

# Our mark of ownership on routes (rtnetlink(7), rtm_protocol); no daemon in iproute2's rt_protos has it.
ROUTE_PROTOCOL = 87
# What belongs to the interface: routes set by hand, by wg-quick (boot), as static, or by us. Routing
# daemons and the kernel look after their own.
_OWNED_PROTOCOLS = frozenset({3, 4, ROUTE_PROTOCOL})
_UNICAST = 1
_FIB_RULE_INVERT = 2
_TO_TABLE = 1
_NO_SUPPRESSION = 0xFFFFFFFF
_SCOPE_LINK, _SCOPE_GLOBAL = 253, 0


class Link(NamedTuple):
    ifindex: int
    kind: str
    up: bool
    mtu: int


class Routing:
    """One rtnetlink socket. Use it as a context manager; every method raises KernelError."""

    def __init__(self) -> None:
        with _doing("open a netlink socket"):
            self._ipr = IPRoute()

    def __enter__(self) -> Routing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ipr.close()

    # Reading

    def link(self, interface: str) -> Link | None:
        with _doing(f"read link {interface}"):
            found = list(self._ipr.link_lookup(ifname=interface))
            if not found:
                return None
            message = next(iter(self._ipr.get_links(found[0])))
        info = message.get_attr("IFLA_LINKINFO")
        kind = (info.get_attr("IFLA_INFO_KIND") if info else None) or "physical"
        return Link(found[0], kind, bool(message["flags"] & 1), int(message.get_attr("IFLA_MTU") or 0))

    def interfaces(self) -> list[str]:
        """The names of all WireGuard interfaces, sorted."""
        names = []
        with _doing("read links"):
            for message in self._ipr.get_links():
                info = message.get_attr("IFLA_LINKINFO")
                if info and info.get_attr("IFLA_INFO_KIND") == "wireguard":
                    names.append(message.get_attr("IFLA_IFNAME"))
        return sorted(names)

    def addresses(self, index: int) -> tuple[InterfaceAddress, ...]:
        with _doing("read addresses"):
            messages = [m for m in self._ipr.get_addr(index=index) if m["index"] == index]
        found = []
        for message in messages:
            text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            found.append(InterfaceAddress(socket.inet_pton(message["family"], text), message["prefixlen"]))
        return tuple(sorted(found))

    def routes(self, index: int) -> tuple[dict[Route, int], frozenset[int]]:
        """The interface's own unicast routes with their protocols, and all tables of the host that hold a route."""
        own: dict[Route, int] = {}
        tables: set[int] = set()
        for family in _families():
            with _doing("read routes"):
                messages = list(self._ipr.get_routes(family=family))
            for message in messages:
                table = message.get_attr("RTA_TABLE") or message["table"]
                tables.add(table)
                if (
                    index
                    and message.get_attr("RTA_OIF") == index
                    and message["type"] == _UNICAST
                    and message["proto"] in _OWNED_PROTOCOLS
                ):
                    text = message.get_attr("RTA_DST") or ("0.0.0.0" if family == socket.AF_INET else "::")
                    prefix = Prefix(socket.inet_pton(family, text), message["dst_len"])
                    own[Route(prefix, table)] = message["proto"]
        return own, frozenset(tables)

    def rules(self) -> tuple[frozenset[Rule], dict[int, tuple[int, ...]]]:
        """The full-tunnel rules of the host, and the priorities of all its rules by family."""
        rules: set[Rule] = set()
        priorities: dict[int, tuple[int, ...]] = {}
        for family in _families():
            with _doing("read rules"):
                messages = list(self._ipr.get_rules(family=family))
            priorities[family] = tuple(sorted(m.get_attr("FRA_PRIORITY") or 0 for m in messages))
            rules |= {rule for message in messages for rule in _full_tunnel_rule(family, message)}
        return frozenset(rules), priorities

    def path_mtu(self, hosts: Iterable[str]) -> int:
        """The MTU of the widest path to one of the literal hosts, else the default route's, else Ethernet's, in bytes.

        As wg-quick(8) finds it: a route's own MTU goes before its link's. Scoped addresses are passed over.
        """
        widest = max((self._mtu_towards(host) for host in hosts if "%" not in host), default=0)
        return widest or self._default_mtu() or ETHERNET_MTU

    def _mtu_towards(self, host: str) -> int:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return self._route_mtu(next(iter(self._ipr.route("get", dst=host, family=family))))
        except NetlinkError:  # there is no way to it
            return 0

    def _default_mtu(self) -> int:
        with _doing("read the default route"):
            routes = list(self._ipr.get_default_routes(family=socket.AF_INET, table=MAIN_TABLE))
            return self._route_mtu(routes[0]) if routes else 0

    def _route_mtu(self, route: Any) -> int:
        metrics = route.get_attr("RTA_METRICS")
        own = metrics.get_attr("RTAX_MTU") if metrics else 0
        return int(own or self._link_mtu(route.get_attr("RTA_OIF")))

    def _link_mtu(self, index: int | None) -> int:
        return int(next(iter(self._ipr.get_links(index))).get_attr("IFLA_MTU") or 0) if index else 0

    # Writing

    def create_link(self, interface: str, netns: int | None = None) -> None:
        """With its sockets in this namespace, and itself in that of the descriptor, if one is given: the kernel does
        both in one step (drivers/net/wireguard/device.c, wg_newlink)."""
        options = {} if netns is None else {"net_ns_fd": netns}
        with _doing(f"create interface {interface}"):
            self._ipr.link("add", ifname=interface, kind="wireguard", **options)

    def move_link(self, index: int, netns: int) -> None:
        """Into the namespace of the descriptor."""
        with _doing("move the interface to another network namespace"):
            self._ipr.link("set", index=index, net_ns_fd=netns)

    def delete_link(self, index: int) -> None:
        with _doing("delete the interface"):
            self._ipr.link("del", index=index)

    def set_link(self, index: int, mtu: int | None, up: bool | None) -> None:
        with _doing("set the link"):
            if mtu is not None:
                self._ipr.link("set", index=index, mtu=mtu)
            if up is not None:
                self._ipr.link("set", index=index, state="up" if up else "down")

    def change_address(self, command: str, index: int, address: InterfaceAddress) -> None:
        with _doing(f"{command} address {address}"):
            self._ipr.addr(
                command,
                index=index,
                family=address.family,
                address=format_ip(address.packed),
                prefixlen=address.length,
            )

    def change_route(self, command: str, index: int, route: Route, protocol: int = ROUTE_PROTOCOL) -> None:
        prefix = route.prefix
        with _doing(f"{command} route {route}"):
            self._ipr.route(
                command,
                family=prefix.family,
                dst=str(prefix),
                oif=index,
                table=route.table,
                proto=protocol,
                scope=_SCOPE_LINK if prefix.family == socket.AF_INET else _SCOPE_GLOBAL,
            )

    def change_rule(self, command: str, rule: Rule) -> None:
        options: dict[str, int] = {"table": MAIN_TABLE, "suppress_prefixlen": 0}
        if rule.fwmark:
            options = {"table": rule.fwmark, "fwmark": rule.fwmark, "flags": _FIB_RULE_INVERT}
        with _doing(f"{command} rule {rule}"):
            self._ipr.rule(command, family=rule.family, priority=rule.priority, action=_TO_TABLE, **options)


def _full_tunnel_rule(family: int, message: Any) -> Iterator[Rule]:
    table = message.get_attr("FRA_TABLE") or message["table"]
    mark = message.get_attr("FRA_FWMARK") or 0
    suppressed = message.get_attr("FRA_SUPPRESS_PREFIXLEN")
    priority = message.get_attr("FRA_PRIORITY") or 0
    if mark and table == mark and message["flags"] & _FIB_RULE_INVERT:
        yield Rule(family, priority, mark)
    elif not mark and table == MAIN_TABLE and suppressed == 0:
        yield Rule(family, priority)


def _families() -> tuple[int, ...]:
    ipv6 = Path("/proc/net/if_inet6").exists()
    return (int(socket.AF_INET), int(socket.AF_INET6)) if ipv6 else (int(socket.AF_INET),)


@contextmanager
def _doing(what: str) -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        raise KernelError(error.code, what) from None
    except OSError as error:
        raise KernelError(error.errno or errno.EIO, what) from None
