# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the host's links, addresses, routes and rules one interface concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .._model.prefix import InterfaceAddress, Prefix
from .._model.state import ETHERNET_MTU, MAIN_TABLE, Route, Rule
from .rtnetlink import KernelRoute, KernelRule, RouteNetlink, families

# Our mark of ownership on routes (rtnetlink(7), rtm_protocol); no daemon in iproute2's rt_protos has it.
ROUTE_PROTOCOL = 87
# What belongs to the interface: routes set by hand, by wg-quick (boot), as static, or by us. Routing
# daemons and the kernel look after their own.
_OWNED_PROTOCOLS = frozenset({3, 4, ROUTE_PROTOCOL})
_UNICAST = 1
FIB_RULE_INVERT = 2


def wireguard_interfaces(netlink: RouteNetlink) -> list[str]:
    """The names of all WireGuard interfaces, sorted."""
    return sorted(link.name for link in netlink.links() if link.kind == "wireguard")


def interface_addresses(netlink: RouteNetlink, index: int) -> tuple[InterfaceAddress, ...]:
    return tuple(sorted(InterfaceAddress(packed, length) for packed, length, _index in netlink.addresses(index)))


def taken_address(
    netlink: RouteNetlink, interface: str, wanted: Iterable[InterfaceAddress]
) -> tuple[InterfaceAddress, str] | None:
    """The first of the addresses that another link has, as it stands there, and the link's name.

    An address that the interface has already is passed over, and so are link-local ones, which every link has for
    itself, and an address that stands without a network on both, as on links without one of their own.
    """
    found = netlink.addresses()
    link = netlink.link(interface)
    own = {address.packed for address in found if link and address.ifindex == link.ifindex}
    others = {address.packed: address for address in found if address.packed not in own}
    for address in wanted:
        other = others.get(address.packed)
        if other is None or _is_link_local(address.packed):
            continue
        bits = 8 * len(address.packed)
        owner = netlink.link_of(other.ifindex)
        if owner and not address.length == other.length == bits:
            return InterfaceAddress(other.packed, other.length), owner.name
    return None


def _is_link_local(packed: bytes) -> bool:
    return len(packed) == 16 and packed[0] == 0xFE and packed[1] & 0xC0 == 0x80


def unicast_routes(netlink: RouteNetlink, index: int) -> list[tuple[Route, int]]:
    """All unicast routes by the interface, with their protocols."""
    return [
        (Route(Prefix(route.packed, route.length), route.table), route.protocol)
        for family in families()
        for route in netlink.routes(family, oif=index)
        if route.oif == index and route.kind == _UNICAST
    ]


def owned(routes: Iterable[tuple[Route, int]]) -> dict[Route, int]:
    """Those that are the interface's own, with their protocols."""
    return {route: protocol for route, protocol in routes if protocol in _OWNED_PROTOCOLS}


def unconnected(addresses: Iterable[InterfaceAddress], routes: Iterable[tuple[Route, int]]) -> frozenset[Prefix]:
    """The addresses' networks to which the kernel's own route is gone."""
    others = {route for route, protocol in routes if protocol not in _OWNED_PROTOCOLS}
    return frozenset(address.network for address in addresses if Route(address.network, MAIN_TABLE) not in others)


def has_routes(netlink: RouteNetlink, table: int) -> bool:
    """Whether the routing table holds a route."""
    return any(route.table == table for family in families() for route in netlink.routes(family, table=table))


def policy_rules(netlink: RouteNetlink) -> tuple[frozenset[Rule], dict[int, tuple[int, ...]]]:
    """The full-tunnel rules of the host, and the priorities of all its rules by family."""
    rules: set[Rule] = set()
    priorities: dict[int, tuple[int, ...]] = {}
    for family in families():
        found = netlink.rules(family)
        priorities[family] = tuple(sorted(rule.priority for rule in found))
        rules |= {tunnel for rule in found for tunnel in _full_tunnel_rule(rule)}
    return frozenset(rules), priorities


def _full_tunnel_rule(rule: KernelRule) -> Iterator[Rule]:
    if rule.fwmark and rule.table == rule.fwmark and rule.flags & FIB_RULE_INVERT:
        yield Rule(rule.family, rule.priority, rule.fwmark)
    elif not rule.fwmark and rule.table == MAIN_TABLE and rule.suppress_prefixlength == 0:
        yield Rule(rule.family, rule.priority)


def path_mtu(netlink: RouteNetlink, hosts: Iterable[str]) -> int:
    """The MTU of the widest path to one of the literal hosts, else the default route's, else Ethernet's, in bytes.

    As wg-quick(8) finds it: a route's own MTU goes before its link's. Scoped addresses are passed over.
    """
    ways = (netlink.route_to(host) for host in hosts if "%" not in host)
    widest = max((_route_mtu(netlink, way) for way in ways if way), default=0)
    return widest or _default_mtu(netlink) or ETHERNET_MTU


def _default_mtu(netlink: RouteNetlink) -> int:
    default = next((route for route in netlink.routes(families()[0], table=MAIN_TABLE) if not route.length), None)
    return _route_mtu(netlink, default) if default else 0


def _route_mtu(netlink: RouteNetlink, route: KernelRoute) -> int:
    link = netlink.link_of(route.oif) if route.oif and not route.mtu else None
    return route.mtu or (link.mtu if link else 0)
