# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations applied to a state as the kernel applies them (drivers/net/wireguard/netlink.c), without a kernel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from socket import AF_INET

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import InterfaceAddress, Prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import (
    MAIN_TABLE,
    Route,
    Rule,
    RunningState,
)


def apply_all(state: RunningState, operations: Iterable[ops.Operation]) -> RunningState:
    for operation in operations:
        state = _apply(state, operation)
    return state


def _apply(state: RunningState, op: ops.Operation) -> RunningState:
    if isinstance(op, ops.CreateLink):
        assert not state.exists
        return replace(state, exists=True, device=RunningDevice("wg0"))
    if isinstance(op, ops.DeleteLink):
        assert not state.device.peers
        gone = RunningState("wg0", rules=state.rules, priorities=state.priorities, dns=state.dns)
        return replace(gone, netfilter=state.netfilter, own_table=state.own_table, src_valid_mark=state.src_valid_mark)
    if isinstance(op, ops.MoveLink):
        gone = replace(state, exists=False, device=RunningDevice(""), up=False, mtu=0, alias="")
        return replace(gone, addresses=(), routes=frozenset(), other_routes=frozenset(), lifetimes={})
    if isinstance(op, ops.AddRule):
        assert op.rule not in state.rules
        return replace(state, rules=state.rules | {op.rule}, priorities=_priorities(state, op.rule, add=True))
    if isinstance(op, ops.RemoveRule):
        assert op.rule in state.rules
        return replace(state, rules=state.rules - {op.rule}, priorities=_priorities(state, op.rule, add=False))
    if isinstance(op, ops.SetNetfilter):
        tables = {**state.netfilter, op.family: op.rules}
        return replace(state, netfilter={family: rules for family, rules in tables.items() if rules})
    if isinstance(op, ops.SetNftables):
        assert op.table != state.own_table
        return replace(state, own_table=op.table)
    if isinstance(op, ops.SetSourceValidMark):
        return replace(state, src_valid_mark=op.on)
    if isinstance(op, ops.SetDns):
        assert op.dns != state.dns
        return replace(state, dns=op.dns)
    assert state.exists, f"{op.describe()} on an interface that is not there"
    return _apply_to_interface(state, op)


def _priorities(state: RunningState, rule: Rule, add: bool) -> dict[int, tuple[int, ...]]:
    values = list(state.priorities.get(rule.family, ()))
    if add:
        values.append(rule.priority)
    else:
        values.remove(rule.priority)
    return {**state.priorities, rule.family: tuple(sorted(values))}


def _apply_to_interface(state: RunningState, op: ops.Operation) -> RunningState:
    if isinstance(op, ops.AddAddress):
        assert op.address[:2] not in {address[:2] for address in state.addresses}
        lifetimes = {**state.lifetimes, op.address: op.lifetime} if op.lifetime else state.lifetimes
        return replace(state, addresses=tuple(sorted((*state.addresses, op.address))), lifetimes=lifetimes)
    if isinstance(op, ops.RemoveAddress):
        assert op.address in state.addresses
        left = tuple(a for a in state.addresses if a != op.address)
        routes, others = (_outlasting(routes, state, left) for routes in (state.routes, state.other_routes))
        return replace(state, addresses=left, routes=routes, other_routes=others)
    if isinstance(op, ops.AddRoute):
        assert op.route not in state.routes | state.other_routes
        assert op.route.details or op.route.slot not in {route.slot for route in state.routes | state.other_routes}
        assert not op.route.source or op.route.source in {address.packed for address in state.addresses}
        assert state.up
        lifetimes = {**state.lifetimes, op.route: op.lifetime} if op.lifetime else state.lifetimes
        which = "routes" if op.route.is_owned else "other_routes"
        return replace(state, lifetimes=lifetimes, **{which: getattr(state, which) | {op.route}})
    if isinstance(op, ops.RemoveRoute):
        assert op.route in state.routes | state.other_routes
        return replace(state, routes=state.routes - {op.route}, other_routes=state.other_routes - {op.route})
    if isinstance(op, ops.SetLink):
        state = _go_down(state) if state.up and op.up is False else state
        alias = state.alias if op.alias is None else op.alias
        return replace(state, mtu=op.mtu or state.mtu, up=state.up if op.up is None else op.up, alias=alias)
    return replace(state, device=_apply_to_device(state.device, op))


def _go_down(state: RunningState) -> RunningState:
    """The kernel takes routes and IPv6 addresses away (fib_disable_ip, addrconf_ifdown)."""
    ipv4 = tuple(address for address in state.addresses if address.family == AF_INET)
    return replace(state, addresses=ipv4, routes=frozenset(), other_routes=frozenset())


def _outlasting(routes: frozenset[Route], state: RunningState, left: tuple[InterfaceAddress, ...]) -> frozenset[Route]:
    """With the last IPv4 address the IPv4 routes go, and with any those of the main table that prefer it; routes of
    IPv6 only lose that preference (fib_inetaddr_event, fib_sync_down_addr, rt6_remove_prefsrc)."""
    had, has = (any(a.family == AF_INET for a in addresses) for addresses in (state.addresses, left))
    local = {address.packed for address in left}
    lasting = set()
    for route in routes:
        stale = bool(route.source) and route.source not in local
        if route.prefix.family != AF_INET:
            lasting.add(route.without_source() if stale else route)
        elif not (had and not has) and not (stale and route.table == MAIN_TABLE):
            lasting.add(route)
    return frozenset(lasting)


def _apply_to_device(device: RunningDevice, op: ops.Operation) -> RunningDevice:
    if isinstance(op, ops.SetDevice):
        return replace(
            device,
            # The all-zero key, which is false, stands for none.
            private_key=device.private_key if op.private_key is None else op.private_key or None,
            listen_port=device.listen_port if op.listen_port is None else op.listen_port,
            fwmark=device.fwmark if op.fwmark is None else op.fwmark,
        )
    if isinstance(op, ops.ClearPeers):
        return replace(device, peers={})
    peers = dict(device.peers)
    if isinstance(op, ops.RemovePeer):
        del peers[op.public_key]
    elif isinstance(op, ops.RemovePrefixes):
        peer = peers[op.public_key]
        assert peer.allowed_ips.issuperset(op.prefixes)
        peers[op.public_key] = peer._replace(allowed_ips=peer.allowed_ips.difference(op.prefixes))
    elif isinstance(op, ops.AddPeer):
        assert op.peer.public_key not in peers
        peers = _without(peers, op.peer.allowed_ips)
        peers[op.peer.public_key] = op.peer._replace(latest_handshake=0.0, transfer_rx=0, transfer_tx=0)
    elif isinstance(op, ops.SetPeer):
        peer, moved = peers[op.public_key], frozenset(op.add)
        peers = _without(peers, moved)
        peers[op.public_key] = peer._replace(
            preshared_key=peer.preshared_key if op.preshared_key is None else op.preshared_key,
            endpoint=op.endpoint or peer.endpoint,
            persistent_keepalive=peer.persistent_keepalive
            if op.persistent_keepalive is None
            else op.persistent_keepalive,
            allowed_ips=peer.allowed_ips | moved,
        )
    return replace(device, peers=peers)


def _without(peers: dict[PublicKey, RunningPeer], moved: frozenset[Prefix]) -> dict[PublicKey, RunningPeer]:
    return {key: peer._replace(allowed_ips=peer.allowed_ips - moved) for key, peer in peers.items()}
