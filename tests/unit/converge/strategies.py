# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random desired and running states, small enough that they often collide."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS, Dns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import (
    DesiredInterface,
    DesiredPeer,
    RunningDevice,
    RunningPeer,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    NO_PRESHARED_KEY,
    PresharedKey,
    PrivateKey,
    PublicKey,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import OwnTable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import (
    Lifetime,
    Mortal,
    Route,
    Rule,
    RunningState,
)


def secret_bytes(seed: str) -> bytes:
    return hashlib.sha256(seed.encode()).digest()


KEYS = [PublicKey(secret_bytes(f"peer {n}")) for n in range(5)]
PRIVATE_KEYS = [PrivateKey(secret_bytes(f"private {n}")) for n in range(2)]
PRESHARED_KEYS = [NO_PRESHARED_KEY, *(PresharedKey(secret_bytes(f"preshared {n}")) for n in range(2))]
PREFIXES = [
    parse_prefix(text)
    for text in (
        *(f"10.9.0.{n}/32" for n in range(4)),
        "10.9.0.0/24",
        "192.168.7.0/24",
        "fd00::1/128",
        "fd00:1::/64",
        "0.0.0.0/0",
        "::/0",
    )
]
ENDPOINTS = [parse_endpoint(text) for text in ("192.0.2.1:51820", "192.0.2.2:51821", "[2001:db8::1]:51820")]
# By name, each with the addresses that it has in the order of preference.
NAMES = {
    Endpoint("hub.example.org", 51820): (ENDPOINTS[2], ENDPOINTS[0]),
    Endpoint("paris.example.org", 51821): (ENDPOINTS[1],),
    Endpoint("gone.example.org", 51820): (),
}
ADDRESSES = [
    parse_interface_address(text) for text in ("10.9.0.1/24", "10.9.0.2/24", "10.8.0.1/32", "fd00::1/64", "fd00::2/128")
]
# The same ones as somebody else makes them, secondary, with flags, a label or an end.
DETAILED = [address._replace(details=((0, bytes([n, 0x80])), (n + 3, b"x"))) for n, address in enumerate(ADDRESSES)]
# By hand in another way, with another metric, with a preferred source, and a routing daemon's.
ROUTES = [
    route
    for prefix in PREFIXES
    for table in (254, 1234)
    for plain in [Route(prefix, table)]
    for route in (
        plain,
        plain._replace(protocol=3),
        plain._replace(metric=100, protocol=3),
        plain._replace(protocol=4, details=((0, b"."), (7, b"\x0a\x09\x00\x01"))),
        plain._replace(protocol=4, details=((0, b"."), (7, b"\xfd\x00" + bytes(13) + b"\x01"))),
        plain._replace(protocol=3, details=((0, b"."), (8, b"mtu"))),
        plain._replace(protocol=12, metric=32),
        plain._replace(protocol=12, details=((0, b"."), (5, b"via"))),
    )
    if not (route.source and len(route.source) != len(prefix.packed))
]
DNS = [NO_DNS, Dns(("10.9.0.1",), (), True), Dns(("fd00::1", "10.9.0.1"), ("corp.example",), False)]
# Bodies, which are also what the simulated nft prints.
TABLES = ["chain input { }\n", "chain forward { }\n"]
NOW = 1_000_000.0
T = TypeVar("T")


def resolve(endpoint: Endpoint, _peer: str) -> tuple[Endpoint, ...]:
    return NAMES.get(endpoint, (endpoint,))


def optional(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | strategy


@st.composite
def owners(draw: st.DrawFn, keys: list[PublicKey]) -> dict[PublicKey, frozenset[Prefix]]:
    """Every prefix to one peer at most."""
    allowed: dict[PublicKey, set[Prefix]] = {key: set() for key in keys}
    for prefix in PREFIXES:
        key = draw(st.sampled_from([*keys, None]))
        if key is not None:
            allowed[key].add(prefix)
    return {key: frozenset(prefixes) for key, prefixes in allowed.items()}


@st.composite
def desired_interfaces(draw: st.DrawFn) -> DesiredInterface:
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
    allowed = draw(owners(keys))
    peers = tuple(
        DesiredPeer(
            key,
            draw(optional(st.sampled_from(["hub", "paris"]))),
            draw(optional(st.sampled_from(PRESHARED_KEYS))),
            draw(optional(st.sampled_from([*ENDPOINTS, *NAMES]))),
            allowed[key] if draw(st.booleans()) else None,
            draw(optional(st.sampled_from([0, 25]))),
        )
        for key in keys
    )
    return DesiredInterface(
        "wg0",
        private_key=draw(st.sampled_from(PRIVATE_KEYS)),
        listen_port=draw(optional(st.sampled_from([51820, 51821]))),
        fwmark=draw(optional(st.sampled_from([0, 7]))),
        mtu=draw(optional(st.sampled_from([1280, 1420]))),
        addresses=draw(optional(st.lists(st.sampled_from(ADDRESSES), unique=True).map(tuple))),
        peers=draw(optional(st.just(peers))),
        peers_mode=draw(st.sampled_from(["exact", "merge"])),
        absent_peers=draw(st.frozensets(st.sampled_from(KEYS), max_size=2)) - frozenset(keys),
        table=draw(st.sampled_from(["auto", "off", "1234"])),
        outside_replies=draw(st.booleans()),
        dns=draw(optional(st.sampled_from([(), *(dns.servers for dns in DNS)]))),
        dns_search=draw(optional(st.sampled_from([(), ("lan",)]))),
        alias=draw(optional(st.sampled_from(["", "to Paris"]))),
        up=draw(st.booleans()),
        keep_routes=draw(st.booleans()),
        endpoint_policy=draw(st.sampled_from(["initial", "enforce"])),
        netns=draw(st.sampled_from(["", "vpn"])),
        birth_netns=draw(st.sampled_from(["", "vpn"])),
        nftables=draw(optional(st.sampled_from(["", *TABLES]))),
    )


@st.composite
def running_states(draw: st.DrawFn) -> RunningState:
    possible = [
        Rule(f, priority, mark, details)
        for f in (2, 10)
        for priority, mark in ((32765, 51820), (32764, 0), (99, 9))
        for details in ((), ((0, b"."), (21, b"\x03")))
    ]
    rules = frozenset(draw(st.lists(st.sampled_from(possible), unique_by=lambda rule: rule[:3])))
    priorities = {f: tuple(sorted([0, 32766, 32767, *(r.priority for r in rules if r.family == f)])) for f in (2, 10)}
    # A record of resolvconf may outlive its interface.
    dns = draw(st.sampled_from(DNS))
    own_table = OwnTable(draw(st.sampled_from(["", *TABLES])))
    host = RunningState("wg0", rules=rules, priorities=priorities, dns=dns, own_table=own_table)
    host = replace(host, src_valid_mark=draw(st.booleans()))
    if not draw(st.booleans()):
        return host
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True))
    allowed = draw(owners(keys))
    peers = {
        key: RunningPeer(
            key,
            draw(st.sampled_from(PRESHARED_KEYS)),
            draw(optional(st.sampled_from(ENDPOINTS))),
            allowed[key],
            draw(st.sampled_from([0, 25])),
            draw(st.sampled_from([0.0, NOW - 10, NOW - 200])),
        )
        for key in keys
    }
    device = RunningDevice(
        "wg0",
        7,
        draw(optional(st.sampled_from(PRIVATE_KEYS))),
        None,
        draw(st.sampled_from([0, 51820, 40000])),
        draw(st.sampled_from([0, 7, 51820])),
        peers,
    )
    up = draw(st.booleans())
    addresses = draw(
        st.lists(st.sampled_from([*ADDRESSES, *DETAILED]), unique_by=lambda address: address[:2]).map(sorted)
    )
    local = {address.packed for address in addresses}
    routes = draw(st.lists(st.sampled_from(ROUTES), unique_by=lambda route: route.slot)) if up else []
    routes = [route for route in routes if not route.source or route.source in local]
    mortal: list[Mortal] = [address for address in addresses if address.details]
    mortal += [route for route in routes if route.details]
    lifetimes = st.builds(Lifetime, st.integers(1, 9), st.integers(0, 9))
    return RunningState(
        "wg0",
        exists=True,
        device=device,
        up=up,
        mtu=draw(st.sampled_from([1280, 1420])),
        addresses=tuple(addresses),
        routes=frozenset(route for route in routes if route.is_owned),
        other_routes=frozenset(route for route in routes if not route.is_owned),
        lifetimes=draw(st.dictionaries(st.sampled_from(mortal), lifetimes)) if mortal else {},
        rules=rules,
        priorities=priorities,
        alias=draw(st.sampled_from(["", "to Paris", "by hand"])),
        dns=dns,
        src_valid_mark=host.src_valid_mark,
        own_table=own_table,
    )
