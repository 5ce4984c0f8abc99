# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running state as JSON and back: ``decode_state(encode_state(x)) == x``.

The text has the preshared keys, and the private key unless that is left out because a file has it. The caller must
protect what it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._model.dns import Dns
from .._model.endpoint import Endpoint
from .._model.interface import RunningDevice, RunningPeer
from .._model.keys import NO_PRESHARED_KEY, PrivateKey, parse_preshared_key, parse_private_key, parse_public_key
from .._model.own_table import OwnTable
from .._model.prefix import Details, InterfaceAddress, parse_interface_address, parse_prefix, sort_prefixes
from .._model.state import Lifetime, Mortal, Route, Rule, RunningState

Plain = dict[str, Any]


def encode_state(state: RunningState, with_private_key: bool = True) -> Plain:
    """Encode the state for JSON. Without its private key, ``decode_state`` needs that as an argument."""
    return {
        "interface": state.interface,
        "exists": state.exists,
        "device": _encode_device(state.device, with_private_key),
        "up": state.up,
        "mtu": state.mtu,
        "addresses": list(map(_encode_address, state.addresses)),
        "routes": list(map(_encode_route, sorted(state.routes))),
        "other_routes": list(map(_encode_route, sorted(state.other_routes))),
        "lifetimes": [[*_encode_mortal(each), *lifetime] for each, lifetime in state.lifetimes.items()],
        "rules": [[*rule[:3], _encode_details(rule.details)] for rule in sorted(state.rules)],
        "priorities": [[family, list(priorities)] for family, priorities in state.priorities.items()],
        "netfilter": [[family, sorted(rules)] for family, rules in state.netfilter.items()],
        "src_valid_mark": state.src_valid_mark,
        "alias": state.alias,
        "dns": list(state.dns),
        "netns": state.netns,
        "own_table": state.own_table.listing,
        "sockets_elsewhere": state.sockets_elsewhere,
    }


def decode_state(plain: Mapping[str, Any], private_key: PrivateKey | None = None) -> RunningState:
    """Decode a state. ``private_key`` is used where the text has none.

    Raises KeyError, TypeError and ValueError (also InputError) for anything that ``encode_state`` did not write.
    """
    servers, search, exclusive = plain["dns"]
    device = _decode_device(plain["device"])
    return RunningState(
        plain["interface"],
        exists=plain["exists"],
        device=device if device.private_key else replace(device, private_key=private_key),
        up=plain["up"],
        mtu=plain["mtu"],
        addresses=tuple(map(_decode_address, plain["addresses"])),
        routes=frozenset(map(_decode_route, plain["routes"])),
        other_routes=frozenset(map(_decode_route, plain["other_routes"])),
        lifetimes={_decode_mortal(kind, each): Lifetime(*left) for kind, each, *left in plain["lifetimes"]},
        rules=frozenset(map(_decode_rule, plain["rules"])),
        priorities={family: tuple(priorities) for family, priorities in plain["priorities"]},
        netfilter={family: frozenset(rules) for family, rules in plain["netfilter"]},
        src_valid_mark=plain["src_valid_mark"],
        alias=plain["alias"],
        dns=Dns(tuple(servers), tuple(search), exclusive),
        netns=plain["netns"],
        own_table=OwnTable(plain["own_table"]),
        sockets_elsewhere=plain["sockets_elsewhere"],
    )


def _encode_details(details: Details) -> list[list[Any]]:
    return [[number, value.hex()] for number, value in details]


def _decode_details(plain: list[list[Any]]) -> Details:
    return tuple((number, bytes.fromhex(value)) for number, value in plain)


def _encode_address(address: InterfaceAddress) -> list[Any]:
    return [str(address), _encode_details(address.details)]


def _decode_address(plain: list[Any]) -> InterfaceAddress:
    address, details = plain
    return parse_interface_address(address)._replace(details=_decode_details(details))


def _encode_route(route: Route) -> list[Any]:
    prefix, *numbers, details = route
    return [str(prefix), *numbers, _encode_details(details)]


def _decode_route(plain: list[Any]) -> Route:
    prefix, table, metric, kind, tos, protocol, details = plain
    return Route(parse_prefix(prefix), table, metric, kind, tos, protocol, _decode_details(details))


def _decode_rule(plain: list[Any]) -> Rule:
    family, priority, fwmark, details = plain
    return Rule(family, priority, fwmark, _decode_details(details))


def _encode_mortal(mortal: Mortal) -> list[Any]:
    return ["route", _encode_route(mortal)] if isinstance(mortal, Route) else ["address", _encode_address(mortal)]


def _decode_mortal(kind: str, plain: list[Any]) -> Mortal:
    return _decode_route(plain) if kind == "route" else _decode_address(plain)


def _encode_device(device: RunningDevice, with_private_key: bool) -> Plain:
    key = device.private_key if with_private_key else None
    return {
        "interface": device.interface,
        "ifindex": device.ifindex,
        "private_key": key.reveal_base64() if key else None,
        "public_key": str(device.public_key) if device.public_key else None,
        "listen_port": device.listen_port,
        "fwmark": device.fwmark,
        "peers": [_encode_peer(peer) for peer in device.peers.values()],
    }


def _decode_device(plain: Mapping[str, Any]) -> RunningDevice:
    private_key, public_key = plain["private_key"], plain["public_key"]
    peers = map(_decode_peer, plain["peers"])
    return RunningDevice(
        plain["interface"],
        plain["ifindex"],
        parse_private_key(private_key) if private_key else None,
        parse_public_key(public_key) if public_key else None,
        plain["listen_port"],
        plain["fwmark"],
        {peer.public_key: peer for peer in peers},
    )


def _encode_peer(peer: RunningPeer) -> list[Any]:
    key, preshared_key, endpoint, allowed_ips, *numbers = peer
    return [
        str(key),
        preshared_key.reveal_base64() if preshared_key else None,
        list(endpoint) if endpoint else None,
        list(map(str, sort_prefixes(allowed_ips))),
        *numbers,
    ]


def _decode_peer(plain: list[Any]) -> RunningPeer:
    key, preshared_key, endpoint, allowed_ips, *numbers = plain
    return RunningPeer(
        parse_public_key(key),
        parse_preshared_key(preshared_key) if preshared_key else NO_PRESHARED_KEY,
        Endpoint(*endpoint) if endpoint else None,
        frozenset(map(parse_prefix, allowed_ips)),
        *numbers,
    )
