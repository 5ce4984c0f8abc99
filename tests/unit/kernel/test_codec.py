# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wireguard family's bytes: what is encoded decodes to the same, in as few messages as the format allows."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel import codec
from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.attributes import (
    decode_attributes,
    encode_attribute,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.codec import DeviceChange, PeerChange
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    NO_PRESHARED_KEY,
    PresharedKey,
    PrivateKey,
    PublicKey,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, mask

KEYS = st.binary(min_size=32, max_size=32)
PACKED = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)


@st.composite
def prefixes(draw: st.DrawFn) -> Prefix:
    packed = draw(PACKED)
    length = draw(st.integers(0, len(packed) * 8))
    return Prefix(mask(packed, length), length)


@st.composite
def endpoints(draw: st.DrawFn) -> Endpoint:
    address = draw(st.ip_addresses())
    port = draw(st.integers(1, 65535))
    return parse_endpoint(f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}")


PEERS = st.builds(
    PeerChange,
    public_key=KEYS.map(PublicKey),
    flags=st.just(0),
    preshared_key=st.none() | KEYS.map(PresharedKey),
    endpoint=st.none() | endpoints(),
    persistent_keepalive=st.none() | st.integers(0, 65535),
    allowed_ips=st.lists(prefixes(), unique=True, max_size=5).map(tuple),
)


def as_read(change: PeerChange) -> RunningPeer:
    return RunningPeer(
        change.public_key,
        change.preshared_key or NO_PRESHARED_KEY,
        change.endpoint,
        frozenset(change.allowed_ips),
        change.persistent_keepalive or 0,
    )


@given(KEYS.filter(any).map(PrivateKey), st.integers(1, 65535), st.integers(0, 2**32 - 1), st.lists(PEERS, max_size=8))
def test_decode_undoes_encode(key: PrivateKey, port: int, mark: int, peers: list[PeerChange]) -> None:
    unique = list({peer.public_key: peer for peer in peers}.values())
    public = encode_attribute(codec.DEVICE_PUBLIC_KEY, bytes(32))
    messages = list(codec.encode_set("wg0", DeviceChange(key, port, mark), unique))
    device = codec.decode_device([public, *messages])
    assert (device.interface, device.private_key, device.listen_port, device.fwmark) == ("wg0", key, port, mark)
    assert device.peers == {peer.public_key: as_read(peer) for peer in unique}
    assert len(messages) == 1


def test_a_large_set_is_split_into_few_messages_and_comes_back_whole() -> None:
    hosts = [Prefix(struct.pack("!I", n), 32) for n in range(20_480)]
    peers = [PeerChange(PublicKey(bytes([n + 1]) * 32), allowed_ips=tuple(hosts[n:10_240:23])) for n in range(23)]
    peers.append(PeerChange(PublicKey(b"\xff" * 32), allowed_ips=tuple(hosts[10_240:])))
    messages = list(codec.encode_set("wg0", DeviceChange(), peers))
    assert max(map(len, messages)) <= 65535 + 64
    assert len(messages) < 20
    assert codec.decode_device(messages).peers == {peer.public_key: as_read(peer) for peer in peers}


def test_a_split_entry_keeps_its_flags_and_never_brings_a_peer_back() -> None:
    prefixes_ = tuple(Prefix(struct.pack("!I", n), 32) for n in range(codec.PREFIXES_A_MESSAGE + 1))
    (message,) = codec.encode_set("wg0", DeviceChange(), [PeerChange(PublicKey(b"\1" * 32), allowed_ips=prefixes_)])
    flags = []
    for kind, start, end in decode_attributes(message, 0, len(message)):
        if kind == codec.DEVICE_PEERS:
            for _index, first, last in decode_attributes(message, start, end):
                values = {k: message[a:b] for k, a, b in decode_attributes(message, first, last)}
                flags.append(values.get(codec.PEER_FLAGS))
    assert flags == [None, struct.pack("=I", codec.PEER_F_UPDATE_ONLY)]


def test_nothing_to_set_sends_nothing() -> None:
    assert list(codec.encode_set("wg0", DeviceChange(), [])) == []


def test_a_scoped_endpoint_survives() -> None:
    endpoint = Endpoint("fe80::1%lo", 51820)
    assert codec.decode_endpoint(codec.encode_endpoint(endpoint)) == endpoint


@pytest.mark.parametrize("data", [b"\2\0\1\0", b"\x20\0\1\0abcd", b"\0\0\0\0"])
def test_torn_attributes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="torn netlink attribute"):
        list(decode_attributes(data, 0, len(data)))
