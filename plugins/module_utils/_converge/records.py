# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations as plain dictionaries for the results of modules. They contain public keys only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .._model import operations as ops
from .._model.dns import Dns
from .._model.interface import RunningPeer
from .._model.keys import PublicKey, Secret
from .._model.prefix import Prefix, sort_prefixes
from .._model.state import RunningState

Record = dict[str, Any]
# A limit, since Ansible searches every string of the result for every secret of the arguments.
MANY = 1000


def list_operations(operations: Iterable[ops.Operation], state: RunningState) -> list[Record]:
    """Describe the operations as records of ``action``, ``peer``, ``attribute``, ``before`` and ``after``.

    ``state``: the state before them. Return at most the first ``MANY`` records.
    """
    return list(islice((record for operation in operations for record in _records(operation, state)), MANY))


def _records(operation: ops.Operation, state: RunningState) -> Iterator[Record]:
    if isinstance(operation, (ops.AddPeer, ops.SetPeer, ops.RemovePrefixes, ops.RemovePeer)):
        return _of_peer(operation, state)
    if isinstance(operation, ops.SetDevice):
        return _of_device(operation, state)
    if isinstance(operation, (ops.SetLink, ops.SetDns)):
        return _of_link(operation, state)
    return iter([_whole(operation, state)])


def _record(action: str, attribute: str, before: object, after: object, peer: PublicKey | None = None) -> Record:
    return {
        "action": action,
        "peer": None if peer is None else str(peer),
        "attribute": attribute,
        "before": before,
        "after": after,
    }


def _of_peer(
    operation: ops.AddPeer | ops.SetPeer | ops.RemovePrefixes | ops.RemovePeer, state: RunningState
) -> Iterator[Record]:
    if isinstance(operation, ops.AddPeer):
        yield _record("add", "peers", None, _peer(operation.peer), operation.peer.public_key)
        return
    key = operation.public_key
    was = state.device.peers.get(key, RunningPeer(key))
    if isinstance(operation, ops.RemovePeer):
        yield _record("remove", "peers", _peer(was), None, key)
    elif isinstance(operation, ops.RemovePrefixes):
        yield _record("remove", "allowed_ips", _prefixes(operation.prefixes), None, key)
    else:
        _key, _name, preshared_key, endpoint, keepalive, add = operation
        if preshared_key is not None:
            yield _record("set", "preshared_key", _secret(was.preshared_key), _secret(preshared_key), key)
        if endpoint is not None:
            yield _record("set", "endpoint", str(was.endpoint) if was.endpoint else None, str(endpoint), key)
        if keepalive is not None:
            yield _record("set", "persistent_keepalive", was.persistent_keepalive, keepalive, key)
        if add:
            yield _record("add", "allowed_ips", None, _prefixes(add), key)


def _of_device(operation: ops.SetDevice, state: RunningState) -> Iterator[Record]:
    device = state.device
    if operation.private_key is not None:
        yield _record("set", "private_key", _secret(device.private_key), _secret(operation.private_key))
    if operation.listen_port is not None:
        yield _record("set", "listen_port", device.listen_port, operation.listen_port)
    if operation.fwmark is not None:
        yield _record("set", "fwmark", device.fwmark, operation.fwmark)


def _of_link(operation: ops.SetLink | ops.SetDns, state: RunningState) -> Iterator[Record]:
    if isinstance(operation, ops.SetDns):
        for attribute, before, after in zip(("dns", "dns_search"), _dns(state.dns), _dns(operation.dns)):
            if before != after:
                yield _record("set", attribute, before, after)
        return
    for attribute in ("mtu", "alias", "up"):
        value = getattr(operation, attribute)
        if value is not None:
            yield _record("set", attribute, getattr(state, attribute), value)


def _whole(operation: ops.Operation, state: RunningState) -> Record:
    """Describe an operation that adds, removes or sets a thing as a whole."""
    if isinstance(operation, ops.CreateLink):
        return _record("add", "interface", None, operation.interface)
    if isinstance(operation, ops.DeleteLink):
        return _record("remove", "interface", operation.interface, None)
    if isinstance(operation, ops.MoveLink):
        return _record("set", "netns", state.netns or None, operation.netns or None)
    if isinstance(operation, ops.ClearPeers):
        return _record("remove", "peers", operation.peers, 0)
    if isinstance(operation, ops.SetNetfilter):
        before = sorted(state.netfilter.get(operation.family, ()))
        return _record("set", "netfilter", before, sorted(operation.rules))
    if isinstance(operation, ops.SetNftables):
        return _record("set", "nftables", state.own_table.listing or None, operation.table.listing or None)
    if isinstance(operation, ops.SetSourceValidMark):
        return _record("set", "src_valid_mark", state.src_valid_mark, operation.on)
    for attribute, add, remove in (
        ("addresses", ops.AddAddress, ops.RemoveAddress),
        ("routes", ops.AddRoute, ops.RemoveRoute),
        ("rules", ops.AddRule, ops.RemoveRule),
    ):
        if isinstance(operation, add):
            return _record("add", attribute, None, str(operation[0]))
        if isinstance(operation, remove):
            return _record("remove", attribute, str(operation[0]), None)
    raise TypeError(type(operation).__name__)


def _peer(peer: RunningPeer) -> Record:
    return {
        "has_preshared_key": bool(peer.preshared_key),
        "endpoint": str(peer.endpoint) if peer.endpoint else None,
        "allowed_ips": _prefixes(peer.allowed_ips),
        "persistent_keepalive": peer.persistent_keepalive,
    }


def _prefixes(prefixes: Iterable[Prefix]) -> list[str]:
    return [str(prefix) for prefix in sort_prefixes(prefixes)]


def _secret(secret: Secret | None) -> str | None:
    return "(hidden)" if secret else None


def _dns(dns: Dns) -> tuple[list[str], list[str]]:
    return list(dns.servers), list(dns.search)
