# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random startup states, small enough that peers often meet."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface, DesiredPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    NO_PRESHARED_KEY,
    PresharedKey,
    PrivateKey,
    PublicKey,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    Prefix,
    mask,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile, WgQuickPeer


def digest(seed: str) -> bytes:
    return hashlib.sha256(seed.encode()).digest()


KEYS = [PublicKey(digest(f"peer {n}")) for n in range(5)]
PRIVATE_KEYS = [PrivateKey(digest(f"private {n}")) for n in range(2)]
PRESHARED_KEYS = [NO_PRESHARED_KEY, *(PresharedKey(digest(f"preshared {n}")) for n in range(2))]
SHARED_PREFIXES = [parse_prefix(text) for text in ("10.9.0.0/24", "10.9.0.2", "fd00::/64", "0.0.0.0/0", "::/0")]

_packed = st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
addresses = _packed.flatmap(
    # What only a kernel has to say of an address is in no file.
    lambda p: st.builds(InterfaceAddress, st.just(p), st.integers(0, len(p) * 8), details=st.just(()))
)
prefixes = st.one_of(
    st.sampled_from(SHARED_PREFIXES), addresses.map(lambda a: Prefix(mask(a.packed, a.length), a.length))
)
endpoints: st.SearchStrategy[Endpoint] = st.builds(
    lambda host, port: parse_endpoint(f"{host}:{port}"),
    st.one_of(
        st.ip_addresses(v=4).map(str),
        st.ip_addresses(v=6).map(lambda address: f"[{address}]"),
        st.sampled_from(["[fe80::1%eth0]", "hub.example.org", "HUB", "a_b.example.org."]),
    ),
    st.integers(1, 65535),
)
names = st.text(min_size=1, max_size=20).filter(lambda name: name.isprintable() and name.strip() == name)
hooks = st.builds(
    "{} = {}".format,
    st.sampled_from(["PostUp", "PreDown", "DNS", "postdown", "PreUp"]),
    st.sampled_from(
        [
            "echo %i",
            "1.1.1.1, example.org",
            "ip link set dev %i alias 'old'",
            "x='a = b' # why",
            "",
            "echo é",
            "ip rule add  table 7; true",
        ]
    ),
).map(str.strip)


def _distinct(file: WgQuickFile) -> WgQuickFile:
    """Each prefix with the first peer that has it."""
    taken: set[Prefix] = set()
    peers = []
    for peer in file.peers:
        peers.append(peer._replace(allowed_ips=peer.allowed_ips - taken))
        taken |= peer.allowed_ips
    return replace(file, peers=tuple(peers))


_peers = st.builds(
    WgQuickPeer,
    public_key=st.sampled_from(KEYS),
    name=st.none() | names,
    preshared_key=st.sampled_from(PRESHARED_KEYS),
    endpoint=st.none() | endpoints,
    allowed_ips=st.frozensets(prefixes, max_size=4),
    persistent_keepalive=st.integers(0, 65535),
)
files = st.builds(
    WgQuickFile,
    private_key=st.none() | st.sampled_from(PRIVATE_KEYS),
    listen_port=st.integers(0, 65535),
    fwmark=st.integers(0, 2**32 - 1),
    addresses=st.lists(addresses, max_size=3, unique=True).map(tuple),
    mtu=st.just(0) | st.integers(576, 9000),
    table=st.sampled_from(["auto", "off", "vpn"]) | st.integers(1, 2**32 - 1).map(str),
    save_config=st.booleans(),
    unmanaged=st.lists(hooks, max_size=4).map(tuple),
    peers=st.lists(_peers, max_size=5, unique_by=lambda peer: peer.public_key).map(tuple),
    netns=st.sampled_from(["", "", "1", "vpn"]),
).map(_distinct)
managed_files = files.map(lambda file: replace(file, save_config=False))


def _without_shared_prefixes(peers: list[DesiredPeer]) -> tuple[DesiredPeer, ...]:
    taken: set[Prefix] = set()
    distinct = []
    for peer in peers:
        distinct.append(peer if peer.allowed_ips is None else peer._replace(allowed_ips=peer.allowed_ips - taken))
        taken |= peer.allowed_ips or set()
    return tuple(distinct)


_desired_peers = st.builds(
    DesiredPeer,
    public_key=st.sampled_from(KEYS),
    name=st.none() | names,
    preshared_key=st.none() | st.sampled_from(PRESHARED_KEYS),
    endpoint=st.none() | endpoints,
    allowed_ips=st.none() | st.frozensets(prefixes, max_size=4),
    persistent_keepalive=st.none() | st.integers(0, 65535),
)
desired_interfaces = st.builds(
    DesiredInterface,
    interface=st.just("wg0"),
    private_key=st.sampled_from(PRIVATE_KEYS),
    listen_port=st.none() | st.integers(1, 65535),
    fwmark=st.none() | st.integers(0, 2**32 - 1),
    mtu=st.none() | st.integers(576, 9000),
    addresses=st.none() | st.lists(addresses, max_size=3, unique=True).map(tuple),
    peers=st.none()
    | st.lists(_desired_peers, max_size=4, unique_by=lambda peer: peer.public_key).map(_without_shared_prefixes),
    peers_mode=st.sampled_from(["exact", "merge"]),
    absent_peers=st.frozensets(st.sampled_from(KEYS), max_size=2),
    table=st.sampled_from(["auto", "off", "1234", "vpn"]),
    outside_replies=st.booleans(),
    dns=st.none() | st.sampled_from([(), ("1.1.1.1",), ("10.9.0.1", "fd00::1")]),
    alias=st.none() | st.sampled_from(["", "site: Paris", "café"]),
    up=st.booleans(),
    netns=st.sampled_from(["", "vpn"]),
    birth_netns=st.sampled_from(["", "vpn"]),
).flatmap(
    lambda desired: st.builds(
        replace,
        st.just(desired),
        # A peer is wanted or not.
        absent_peers=st.just(desired.absent_peers - {peer.public_key for peer in desired.peers or ()}),
        # Domains need a server.
        dns_search=st.none()
        | st.sampled_from([(), ("example.org",), ("corp.example", "lan")] if desired.dns else [()]),
    )
)
