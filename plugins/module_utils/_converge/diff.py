# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare two states: list the fewest operations from the first to the second, in the least disruptive order."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import NamedTuple

from .._model.interface import KEY_OF, PeerNames, RunningDevice, RunningPeer
from .._model.keys import PublicKey
from .._model.operations import (
    AddAddress,
    AddPeer,
    AddRoute,
    AddRule,
    ClearPeers,
    CreateLink,
    DeleteLink,
    Operation,
    RemoveAddress,
    RemovePeer,
    RemovePrefixes,
    RemoveRoute,
    RemoveRule,
    SetDevice,
    SetDns,
    SetLink,
    SetNetfilter,
    SetNftables,
    SetPeer,
    SetSourceValidMark,
)
from .._model.peers import PatchedPeers
from .._model.prefix import InterfaceAddress, Prefix, sort_prefixes
from .._model.state import MAIN_TABLE, Route, RunningState


def diff_states(before: RunningState, after: RunningState, names: PeerNames) -> list[Operation]:
    """List the operations that turn ``before`` into ``after``; none when they are equal.

    Rules are removed first and added last, so that the tunnel's own packets are never sent into the tunnel. A prefix
    that moves is only added to its new peer: the kernel removes it from the old one in the same step. The interface's
    own table is loaded before everything else and removed last, so that its policy fails closed.
    """
    if not after.exists:
        return list(_diff_absence(before, after))
    return [
        *_load_own_table(before, after),
        *_remove_rules(before, after),
        *([] if before.exists else [CreateLink(after.interface)]),
        *_diff_device(before.device, after.device),
        *_diff_peers(before.device.peers, after.device.peers, names),
        *_diff_addresses(before, after),
        *_diff_link(before, after),
        *_diff_dns(before, after),
        *_diff_netfilter(before, after),
        *_diff_routes(before, after),
        *(AddRule(rule) for rule in sorted(after.rules - before.rules)),
        *_remove_own_table(before, after),
    ]


def _remove_rules(before: RunningState, after: RunningState) -> Iterator[Operation]:
    """Remove rules in reverse order.

    A full tunnel's rule without the main table's rule would send traffic for other networks into the tunnel.
    """
    return (RemoveRule(rule) for rule in sorted(before.rules - after.rules, reverse=True))


def _load_own_table(before: RunningState, after: RunningState) -> Iterator[Operation]:
    if after.own_table and before.own_table != after.own_table:
        yield SetNftables(after.interface, after.own_table)


def _remove_own_table(before: RunningState, after: RunningState) -> Iterator[Operation]:
    if before.own_table and not after.own_table:
        yield SetNftables(before.interface, after.own_table)


def _diff_absence(before: RunningState, after: RunningState) -> Iterator[Operation]:
    yield from _load_own_table(before, after)
    yield from _remove_rules(before, after)
    yield from _diff_dns(before, after)
    if before.exists:
        if before.device.peers:
            yield ClearPeers(len(before.device.peers))
        yield DeleteLink(before.interface)
    yield from _diff_netfilter(before, after)
    yield from _remove_own_table(before, after)
    yield from (AddRule(rule) for rule in sorted(after.rules - before.rules))


def _diff_device(before: RunningDevice, after: RunningDevice) -> Iterator[Operation]:
    changes = SetDevice(
        private_key=None if before.private_key == after.private_key else after.private_key,
        listen_port=after.listen_port if after.listen_port not in (0, before.listen_port) else None,
        fwmark=None if before.fwmark == after.fwmark else after.fwmark,
    )
    if changes != SetDevice():
        yield changes


def _diff_peers(
    before: Mapping[PublicKey, RunningPeer], after: Mapping[PublicKey, RunningPeer], names: PeerNames
) -> Iterator[Operation]:
    """List the changes of peers.

    Most of 10,000 peers are the same objects on both sides: see docs/contributing/large-peer-sets.md.
    """
    if before is after:
        return
    if isinstance(after, PatchedPeers) and after.base is before:
        before, after = after.others, after.wanted
    had, has = dict(before.items()), after if isinstance(after, dict) else dict(after.items())
    pairs = zip(map(had.get, has), has.values())
    changed = [(old, new) for old, new in pairs if old is not new]
    losing = [(old.allowed_ips - new.allowed_ips, new.public_key) for old, new in changed if old is not None]
    if any(lost for lost, _key in losing):
        gained = frozenset[Prefix]().union(*(_gained(old, new) for old, new in changed))
        for lost, key in losing:
            if lost - gained:
                yield RemovePrefixes(key, names.get(key), tuple(lost - gained))
    new_peers = [new for old, new in changed if old is None]
    yield from map(tuple.__new__, repeat(AddPeer), zip(new_peers, map(names.get, map(KEY_OF, new_peers))))
    for old, new in changed:
        if old is not None:
            change = _diff_peer(old, new, names.get(new.public_key))
            if change != SetPeer(new.public_key, change.name):
                yield change
    gone = had.keys() - has.keys()
    yield from (RemovePeer(key, names.get(key)) for key in had if gone and key in gone)


def _gained(before: RunningPeer | None, after: RunningPeer) -> frozenset[Prefix]:
    return after.allowed_ips if before is None else after.allowed_ips - before.allowed_ips


def _diff_peer(before: RunningPeer, after: RunningPeer, name: str | None) -> SetPeer:
    return SetPeer(
        after.public_key,
        name,
        preshared_key=None if before.preshared_key == after.preshared_key else after.preshared_key,
        endpoint=None if before.endpoint == after.endpoint else after.endpoint,
        persistent_keepalive=None
        if before.persistent_keepalive == after.persistent_keepalive
        else after.persistent_keepalive,
        add=tuple(sort_prefixes(after.allowed_ips - before.allowed_ips)),
    )


class _AddressChange(NamedTuple):
    """Addresses, grouped by how they change.

    Those whose details differ are all removed before they are added again, with all others of the same IPv4 network:
    the first address of a network becomes its primary one.
    """

    staying: list[InterfaceAddress]
    new: list[InterfaceAddress]
    unmade: list[InterfaceAddress]
    remade: list[InterfaceAddress]
    gone: list[InterfaceAddress]


def _address_change(before: RunningState, after: RunningState) -> _AddressChange:
    had, wanted = set(before.addresses), set(after.addresses)
    differing = {address[:2] for address in had - wanted} & {address[:2] for address in wanted - had}
    networks = {a.network for a in had if a[:2] in differing and a.family == socket.AF_INET}
    remade = {a for a in had | wanted if a[:2] in differing or a.network in networks}
    ordered = sorted(after.addresses, key=lambda address: (address.details, address))
    return _AddressChange(
        [address for address in before.addresses if address in wanted - remade],
        [address for address in ordered if address not in had | remade],
        [address for address in before.addresses if address in remade],
        [address for address in ordered if address in remade],
        [address for address in before.addresses if address not in wanted | remade],
    )


def _diff_addresses(before: RunningState, after: RunningState) -> Iterator[Operation]:
    change = _address_change(before, after)
    lifetimes = after.lifetimes
    now = {address for address in (*change.new, *change.remade) if not _waits_for_link(address, before, after)}
    yield from (AddAddress(address, lifetimes.get(address)) for address in change.new if address in now)
    yield from map(RemoveAddress, change.unmade)
    yield from (AddAddress(address, lifetimes.get(address)) for address in change.remade if address in now)
    yield from map(RemoveAddress, change.gone)


def _diff_link(before: RunningState, after: RunningState) -> Iterator[Operation]:
    changes = SetLink(
        mtu=after.mtu if before.mtu != after.mtu else None,
        up=after.up if before.up != after.up else None,
        alias=after.alias if before.alias != after.alias else None,
    )
    if changes != SetLink():
        yield changes
    there = frozenset() if before.up and not after.up else frozenset(before.addresses)
    for address in sorted(after.addresses, key=lambda address: address.details):
        if address not in there and _waits_for_link(address, before, after):
            yield AddAddress(address, after.lifetimes.get(address))


def _waits_for_link(address: InterfaceAddress, before: RunningState, after: RunningState) -> bool:
    """Whether the address must be added after the link is changed.

    The kernel removes IPv6 addresses when the interface goes down. When it comes up, the kernel adds no route to the
    network of an address with a lifetime or a peer (net/ipv6/addrconf.c, addrconf_ifdown, fixup_permanent_addr).
    """
    is_lost, has_no_route = before.up and not after.up, after.up and not before.up and address.details
    return address.family == socket.AF_INET6 and bool(is_lost or has_no_route)


def _diff_dns(before: RunningState, after: RunningState) -> Iterator[Operation]:
    if before.dns != after.dns:
        yield SetDns(after.dns)


def _diff_netfilter(before: RunningState, after: RunningState) -> Iterator[Operation]:
    for family in sorted({*before.netfilter, *after.netfilter}):
        rules = after.netfilter.get(family, frozenset())
        if before.netfilter.get(family, frozenset()) != rules:
            yield SetNetfilter(before.interface, family, rules)
    if after.src_valid_mark != before.src_valid_mark:
        yield SetSourceValidMark(after.src_valid_mark)


def _diff_routes(before: RunningState, after: RunningState) -> Iterator[Operation]:
    """Add new routes, longest prefixes first as in wg-quick(8); then remove the others.

    An interface that is down has no routes: the kernel removes them.
    """
    if after.up:
        present = _lasting(before.routes, before, after)
        # Routes of other programs, added since, that occupy the slots of ours.
        intruders = _in_slots(before.other_routes - after.other_routes, after.routes - present)
        yield from _exchange_routes(present, after.routes, after, (present - after.routes) | intruders)


def diff_other_routes(now: RunningState, before: RunningState) -> Iterator[Operation]:
    """List what restores other programs' routes that the kernel removed with the link or its addresses.

    Newer routes stay, except those in the way. Apply this after the operations that turn ``now`` into ``before``.
    """
    if before.up:
        present = _lasting(now.other_routes, now, before)
        gone = _in_slots(present - before.other_routes, before.other_routes - present)
        yield from _exchange_routes(present, before.other_routes, before, gone)


def _in_slots(routes: frozenset[Route], of: frozenset[Route]) -> frozenset[Route]:
    """Select the routes that occupy a slot of the routes ``of``. Usually ``routes`` is empty, not ``of``."""
    slots = {route.slot for route in of} if routes else set()
    return frozenset(route for route in routes if route.slot in slots)


def _exchange_routes(
    present: frozenset[Route], wanted: frozenset[Route], after: RunningState, gone: frozenset[Route]
) -> Iterator[Operation]:
    """Remove the routes in the way, add the missing ones, then remove the rest of ``gone``.

    Routes without details are added first: the gateways of other routes are reached through them.
    """
    missing = sorted(wanted - present, key=lambda route: (bool(route.details), -route.prefix.length, route))
    in_the_way = _in_slots(gone, wanted - present)
    yield from map(RemoveRoute, sorted(in_the_way))
    yield from (AddRoute(route, after.lifetimes.get(route)) for route in missing)
    yield from map(RemoveRoute, sorted(gone - in_the_way))


def _lasting(routes: frozenset[Route], before: RunningState, after: RunningState) -> frozenset[Route]:
    """Return the routes that remain after the change of addresses.

    When the last IPv4 address of an interface is removed, the kernel removes all its IPv4 routes. With any IPv4 address
    it removes the main table's routes with this preferred source. IPv6 routes only lose their preferred source
    (net/ipv4/fib_frontend.c, fib_inetaddr_event; net/ipv4/fib_semantics.c, fib_sync_down_addr; net/ipv6/route.c,
    rt6_remove_prefsrc).
    """
    change = _address_change(before, after)
    if not (change.gone or change.unmade):
        return routes
    kept = {address.packed for address in (*change.staying, *change.new)}
    lost = {address.packed for address in (*change.gone, *change.unmade)} - kept
    bare = any(len(packed) == 4 for packed in lost) and not any(len(packed) == 4 for packed in kept)
    return frozenset(
        route if route.prefix.family == socket.AF_INET or route.source not in lost else route.without_source()
        for route in routes
        if route.prefix.family != socket.AF_INET or not (bare or (route.source in lost and route.table == MAIN_TABLE))
    )
