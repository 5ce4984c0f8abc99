# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the host's links, addresses, routes and rules that concern one interface."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .._model.prefix import InterfaceAddress, Prefix
from .._model.state import ETHERNET_MTU, MAIN_TABLE, UNICAST, Lifetime, Mortal, Route, Rule
from .._netlink.entries import decode_address, decode_route, decode_rule
from .._netlink.rtnetlink import KernelLink, KernelRoute, RouteNetlink, families

_RTPROT_REDIRECT, _RTPROT_KERNEL = 1, 2


def wireguard_interfaces(netlink: RouteNetlink) -> list[str]:
    """List the names of all WireGuard interfaces, sorted."""
    return sorted(link.name for link in netlink.links() if link.kind == "wireguard")


class Addresses(NamedTuple):
    """The addresses of a link, sorted, and the lifetimes of those that expire."""

    found: tuple[InterfaceAddress, ...]
    lifetimes: dict[Mortal, Lifetime]


def interface_addresses(netlink: RouteNetlink, link: KernelLink) -> Addresses:
    """Read the addresses of the link, without temporary ones, which the kernel adds (RFC 8981)."""
    messages = netlink.address_messages(link.ifindex)
    found = [each for each in (decode_address(data, link.name) for data in messages) if each.ifindex == link.ifindex]
    given = [each for each in found if not each.is_temporary]
    lifetimes: dict[Mortal, Lifetime] = {each.address: each.lifetime for each in given if each.lifetime}
    return Addresses(tuple(sorted(each.address for each in given)), lifetimes)


def taken_address(
    netlink: RouteNetlink, interface: str, wanted: Iterable[InterfaceAddress]
) -> tuple[InterfaceAddress, str] | None:
    """Find the first of the addresses that another link has. Return it with its length there, and the link's name.

    Skip addresses that the interface already has, link-local ones, which each link has of its own, and addresses that
    are /32 or /128 on both links, as on links without a network of their own.
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


class Routes(NamedTuple):
    """The routes through a link: its own, and those of others.

    ``connected``: the networks to which others or the kernel have a route in the main table. ``lifetimes``: of routes
    that expire.
    """

    owned: frozenset[Route]
    others: frozenset[Route]
    connected: frozenset[Prefix]
    lifetimes: dict[Mortal, Lifetime]


def interface_routes(netlink: RouteNetlink, index: int) -> Routes:
    messages = (data for family in families() for data in netlink.route_messages(family, oif=index))
    found = [each for each in (decode_route(data, index) for data in messages) if index in each.indices]
    lasting = [each for each in found if not each.is_cached and each.route.protocol != _RTPROT_REDIRECT]
    owned = frozenset(each.route for each in lasting if each.route.is_owned)
    rest = [each for each in lasting if not each.route.is_owned]
    return Routes(
        owned,
        frozenset(each.route for each in rest if each.route.protocol != _RTPROT_KERNEL),
        frozenset(each.route.prefix for each in rest if each.route.kind == UNICAST and each.route.table == MAIN_TABLE),
        {each.route: each.lifetime for each in lasting if each.lifetime and each.route.protocol != _RTPROT_KERNEL},
    )


def unconnected(addresses: Iterable[InterfaceAddress], connected: frozenset[Prefix]) -> frozenset[Prefix]:
    """Return the networks of the addresses to which the kernel's own route is missing."""
    return frozenset(address.network for address in addresses if address.network not in connected)


def has_routes(netlink: RouteNetlink, table: int) -> bool:
    """Whether the routing table holds a route."""
    return any(route.table == table for family in families() for route in netlink.routes(family, table=table))


def policy_rules(netlink: RouteNetlink) -> tuple[frozenset[Rule], dict[int, tuple[int, ...]]]:
    """Return the full-tunnel rules of the host, and the priorities of all its rules by family."""
    rules: set[Rule] = set()
    priorities: dict[int, tuple[int, ...]] = {}
    for family in families():
        found = list(map(decode_rule, netlink.rule_messages(family)))
        priorities[family] = tuple(sorted(priority for priority, _rule in found))
        rules.update(rule for _priority, rule in found if rule)
    return frozenset(rules), priorities


def path_mtu(netlink: RouteNetlink, hosts: Iterable[str]) -> int:
    """Return the largest MTU of the paths to the literal hosts, else the default route's, else Ethernet's, in bytes.

    As in wg-quick(8), a route's own MTU takes precedence over its link's. Addresses with a scope are skipped.
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
