# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Derive the target state from the desired and the running one. Everything that the options leave open is decided here.

A target is as complete as a running state, so the difference of the two is all that must change.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .._model.dns import NO_DNS, merge_dns
from .._model.full_tunnel import DEFAULT_ROUTE, FIRST_TABLE, full_tunnel_families, netfilter_rules
from .._model.interface import EXACT, DesiredInterface, RunningDevice, RunningPeer
from .._model.keys import PublicKey
from .._model.own_table import NO_TABLE, OwnTable
from .._model.prefix import InterfaceAddress, Prefix
from .._model.state import MAIN_TABLE, UNICAST, Route, Rule, RunningState
from .circumstances import Circumstances
from .target_peers import target_peers

# Bytes that the tunnel adds to a packet: the headers of IPv6, UDP and WireGuard (wg-quick(8)).
TUNNEL_OVERHEAD = 80


def derive_target(desired: DesiredInterface, running: RunningState, circumstances: Circumstances) -> RunningState:
    """Derive the state to converge to. It is stable: the target of a target is the same target."""
    device = _target_device(desired, running.device, circumstances)
    addresses = _target_addresses(desired, running)
    allowed = _target_allowed_ips(desired, device.peers)
    # Sockets in another namespace never send into the tunnel: a default route needs no rules there.
    tunnelled = desired.up and not desired.is_apart
    families = full_tunnel_families(desired.table, allowed) if tunnelled else ()
    fwmark = _target_fwmark(desired, running, bool(families), circumstances)
    keeps_rules = desired.keep_routes and desired.up and not families
    rules = running.rules if keeps_rules else _target_rules(running, families, fwmark)
    netfilter = {
        family: netfilter_rules(desired.interface, family, fwmark, addresses, desired.outside_replies)
        for family in families
    }
    return replace(
        running,
        exists=True,
        device=replace(device, fwmark=fwmark),
        up=desired.up,
        mtu=desired.mtu or running.mtu or _tunnel_mtu(device, circumstances),
        addresses=addresses,
        routes=_target_routes(desired, running, allowed, addresses, fwmark if families else MAIN_TABLE),
        other_routes=running.other_routes if desired.up else frozenset(),
        rules=rules,
        priorities=_target_priorities(running, rules),
        netfilter=netfilter,
        src_valid_mark=running.src_valid_mark or socket.AF_INET in families,
        alias=running.alias if desired.alias is None else desired.alias,
        own_table=_target_own_table(desired, running, circumstances),
        dns=merge_dns(desired.dns, desired.dns_search, running.dns) if desired.up else NO_DNS,
    )


def _target_own_table(desired: DesiredInterface, running: RunningState, circumstances: Circumstances) -> OwnTable:
    if desired.nftables is None:
        return running.own_table
    return circumstances.list_table(desired.interface, desired.nftables) if desired.nftables else NO_TABLE


def _tunnel_mtu(device: RunningDevice, circumstances: Circumstances) -> int:
    hosts = [peer.endpoint.host for peer in device.peers.values() if peer.endpoint]
    return circumstances.path_mtu(hosts) - TUNNEL_OVERHEAD


def without_tunnel(state: RunningState) -> RunningState:
    """Return the state without the rules of the interface's own full tunnel."""
    rules = _target_rules(state, (), 0)
    return replace(state, rules=rules, priorities=_target_priorities(state, rules))


def derive_absence(running: RunningState) -> RunningState:
    """Derive the state without the interface and everything that belongs to it."""
    without = without_tunnel(running)
    return RunningState(
        running.interface,
        rules=without.rules,
        priorities=without.priorities,
        src_valid_mark=running.src_valid_mark,
        netns=running.netns,
    )


def _target_device(desired: DesiredInterface, device: RunningDevice, circumstances: Circumstances) -> RunningDevice:
    return replace(
        device,
        interface=desired.interface,
        private_key=desired.private_key or device.private_key,
        listen_port=desired.listen_port or device.listen_port,
        peers=target_peers(desired, device.peers, circumstances),
    )


def _target_allowed_ips(
    desired: DesiredInterface, peers: Mapping[PublicKey, RunningPeer]
) -> Sequence[frozenset[Prefix]]:
    """List the allowed IPs of the target's peers. If the options give all of them, no peer is decoded."""
    if desired.peers is not None and desired.peers_mode == EXACT:
        given = [peer.allowed_ips for peer in desired.peers if peer.allowed_ips is not None]
        if len(given) == len(desired.peers):
            return given
    return [peer.allowed_ips for peer in peers.values()]


def _target_fwmark(
    desired: DesiredInterface, running: RunningState, full_tunnel: bool, circumstances: Circumstances
) -> int:
    """Return the desired mark, else the present one, else for a full tunnel the first free one, as wg-quick(8) does."""
    if desired.fwmark or (desired.fwmark == 0 and not full_tunnel):
        return desired.fwmark
    mark = running.device.fwmark
    if full_tunnel:
        return mark or next(n for n in range(FIRST_TABLE, 2**32) if not circumstances.has_routes(n))
    # The mark of a full tunnel is removed with it.
    goes = any(rule.fwmark == mark for rule in running.rules) and not (desired.keep_routes and desired.up)
    return 0 if goes else mark


def _target_rules(running: RunningState, families: tuple[int, ...], fwmark: int) -> frozenset[Rule]:
    """Return the rules of the interface's own full tunnel, and those of others unchanged.

    All full tunnels of a host share the rule of the main table: it is removed with the last one.
    """
    own = {running.device.fwmark, fwmark} - {0}
    kept = {rule for rule in running.rules if rule.fwmark not in own}
    for family in DEFAULT_ROUTE:
        shared = {rule for rule in kept if rule.family == family and not rule.fwmark}
        others = any(rule.family == family and rule.fwmark for rule in kept)
        if family in families:
            kept |= _tunnel_rules(family, fwmark, running, shared)
        elif not others and any(rule.family == family for rule in running.rules - kept):
            kept -= shared
    return frozenset(kept)


def _tunnel_rules(family: int, fwmark: int, running: RunningState, shared: set[Rule]) -> set[Rule]:
    """Return the present rule if it comes after the main table's rule, else new rules before the host's second rule.

    A run that was killed may have added only the first of the new rules: it is then used.
    """
    for rule in running.rules:
        if (rule.family, rule.fwmark) == (family, fwmark) and any(other.priority < rule.priority for other in shared):
            return {rule}
    priorities = running.priorities.get(family, ())
    for half in shared:
        priority = _free_priority(other for other in priorities if other != half.priority)
        if half.priority == priority - 1:
            return {Rule(family, priority, fwmark)}
    priority = _free_priority(priorities)
    return {Rule(family, priority, fwmark), Rule(family, priority - 1)}


def _free_priority(priorities: Iterable[int]) -> int:
    """Return the priority before the second rule, as the kernel does (net/core/fib_rules.c, fib_default_rule_pref)."""
    ordered = sorted(priorities)
    return (ordered[1] if len(ordered) > 1 and ordered[1] > 2 else 32766) - 1


def _target_priorities(running: RunningState, rules: frozenset[Rule]) -> dict[int, tuple[int, ...]]:
    """Return the priorities of all rules of the host by family, after its full-tunnel rules have become ``rules``."""
    priorities = {family: list(values) for family, values in running.priorities.items()}
    for rule in running.rules - rules:
        if rule.priority in priorities.get(rule.family, ()):
            priorities[rule.family].remove(rule.priority)
    for rule in rules - running.rules:
        priorities.setdefault(rule.family, []).append(rule.priority)
    return {family: tuple(sorted(values)) for family, values in priorities.items()}


def _target_addresses(desired: DesiredInterface, running: RunningState) -> tuple[InterfaceAddress, ...]:
    """Return the given addresses, with the details that they have now.

    Unless ``peers_mode`` is exact, also return the other present addresses.
    """
    there = {address[:2]: address for address in reversed(running.addresses)}
    given = running.addresses if desired.addresses is None else (there.get(a[:2], a) for a in desired.addresses)
    others = () if desired.peers_mode == EXACT else running.addresses
    return tuple(sorted({*given, *others}))


def _target_routes(
    desired: DesiredInterface,
    running: RunningState,
    allowed: Iterable[frozenset[Prefix]],
    addresses: Iterable[InterfaceAddress],
    default_table: int,
) -> frozenset[Route]:
    """Return the routes that the peers need.

    Unless ``peers_mode`` is exact, or with ``keep_routes``, keep routes to prefixes that no peer has or had.
    """
    if not desired.up:
        return frozenset()
    if desired.table == "off":
        return running.routes
    prefixes = frozenset[Prefix]().union(*allowed)
    connected = [network for network in _connected(addresses) if network not in running.unconnected]
    wanted = _keep_present_routes(_peer_routes(desired.table, prefixes, connected, default_table), running, addresses)
    if desired.peers_mode == EXACT and not desired.keep_routes:
        return wanted
    peers = prefixes.union(*(peer.allowed_ips for peer in running.device.peers.values()))
    kept = {route for route in running.routes if route.prefix not in peers}
    if desired.keep_routes:
        own = {MAIN_TABLE, default_table, *([] if desired.table == "auto" else [int(desired.table)])}
        kept |= {route for route in running.routes if route.table not in own}
    return wanted | kept


def _peer_routes(
    table: str, prefixes: Iterable[Prefix], connected: Iterable[Prefix], default_table: int
) -> frozenset[Route]:
    """Return the routes that wg-quick(8) adds: none for a prefix inside one of the interface's own networks."""
    if table != "auto":
        return frozenset(Route(prefix, int(table)) for prefix in prefixes)
    return frozenset(
        Route(prefix, default_table if prefix in DEFAULT_ROUTE.values() else MAIN_TABLE)
        for prefix in prefixes
        if not any(network.covers(prefix) for network in connected)
    )


def _keep_present_routes(
    wanted: frozenset[Route], running: RunningState, addresses: Iterable[InterfaceAddress]
) -> frozenset[Route]:
    """Keep a wanted route that exists in another form, with a gateway, metric or source.

    Of several, keep the plain one, else the one that sorts first. A routing daemon's route also serves, and is not
    ours.
    """
    if not (running.routes or running.other_routes):
        return wanted
    missing = wanted - running.routes
    if not missing:
        return wanted
    local = {address.packed for address in addresses}
    destinations = {(route.prefix, route.table) for route in missing}
    there = {
        (route.prefix, route.table): route
        for route in sorted(running.routes, reverse=True)
        if (route.prefix, route.table) in destinations and not route.tos and (not route.source or route.source in local)
    }
    others = {route.slot for route in running.other_routes if route.kind == UNICAST}
    made = {there.get((route.prefix, route.table), route) for route in missing if route.slot not in others}
    return (wanted - missing) | made


def _connected(addresses: Iterable[InterfaceAddress]) -> list[Prefix]:
    """Return the networks that the kernel adds routes to. An IPv4 address with /32 gets none in the main table."""
    return [address.network for address in addresses if (len(address.packed), address.length) != (4, 32)]
