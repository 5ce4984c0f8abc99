# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wireguard family's bytes: what is encoded decodes to the same, in as few messages as the format allows."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    NO_PRESHARED_KEY,
    PresharedKey,
    PrivateKey,
    PublicKey,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, mask, sort_prefixes
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.attributes import (
    decode_attributes,
    encode_attribute,
    encode_nested,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard import codec
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.codec import DeviceChange, PeerChange
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import (
    DeviceDecoder,
    decode_endpoint,
)

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
    removed_ips=st.just(()),
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
    messages = list(codec.encode_set("wg0", DeviceChange(key, port, mark), codec.encode_peers(unique)))
    device = DeviceDecoder().decode([public, *messages])
    assert (device.interface, device.private_key, device.listen_port, device.fwmark) == ("wg0", key, port, mark)
    assert device.peers == {peer.public_key: as_read(peer) for peer in unique}
    assert len(messages) == 1


RUNNING_PEERS = st.builds(
    RunningPeer,
    KEYS.map(PublicKey),
    KEYS.map(PresharedKey),
    st.none() | endpoints(),
    st.lists(prefixes(), unique=True, max_size=5).map(frozenset),
    st.integers(0, 65535),
    st.integers(0, 2**31).map(float),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
)


def listed(peer: RunningPeer, order: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """The peer as a kernel lists it; ``order`` puts attributes that stand side by side into another order."""

    def allowed_ip(prefix: Prefix) -> bytes:
        parts = [
            encode_attribute(codec.ALLOWED_IP_LENGTH, bytes([prefix.length])),
            encode_attribute(codec.ALLOWED_IP_FAMILY, struct.pack("=H", prefix.family)),
            encode_attribute(codec.ALLOWED_IP_ADDRESS, prefix.packed),
        ]
        return encode_nested(0, b"".join(order(parts)))

    parts = [
        encode_attribute(codec.PEER_PUBLIC_KEY, peer.public_key),
        encode_attribute(codec.PEER_PRESHARED_KEY, peer.preshared_key.reveal_bytes()),
        encode_attribute(codec.PEER_LAST_HANDSHAKE, struct.pack("=qq", int(peer.latest_handshake), 0)),
        encode_attribute(codec.PEER_KEEPALIVE, struct.pack("=H", peer.persistent_keepalive)),
        encode_attribute(codec.PEER_TX_BYTES, struct.pack("=Q", peer.transfer_tx)),
        encode_attribute(codec.PEER_RX_BYTES, struct.pack("=Q", peer.transfer_rx)),
        encode_attribute(codec.PEER_PROTOCOL_VERSION, struct.pack("=I", 1)),
        *([encode_attribute(codec.PEER_ENDPOINT, codec.encode_endpoint(peer.endpoint))] if peer.endpoint else []),
    ]
    if peer.allowed_ips:
        nest = b"".join(sorted(map(allowed_ip, peer.allowed_ips)))
        parts.append(encode_nested(codec.PEER_ALLOWED_IPS, nest))
    return encode_nested(codec.DEVICE_PEERS, encode_nested(0, b"".join(order(parts))))


@given(RUNNING_PEERS, st.randoms(use_true_random=False))
def test_a_peer_is_read_in_the_usual_order_and_in_any_other(peer: RunningPeer, random: Random) -> None:
    decoder = DeviceDecoder()
    for _time in range(2):  # the second by the layout that the first has
        usual = decoder.decode([listed(peer, lambda parts: parts)])
    other = DeviceDecoder().decode([listed(peer, lambda parts: random.sample(parts, len(parts)))])
    assert usual.peers == other.peers == {peer.public_key: peer}


# Few sizes and keys, so that many records look alike, and many dumps have some of the same.
CROWD = st.lists(
    st.builds(
        RunningPeer,
        st.integers(1, 40).map(lambda number: PublicKey(bytes([number]) * 32)),
        st.sampled_from([NO_PRESHARED_KEY, PresharedKey(b"p" * 32)]),
        st.none() | st.sampled_from([Endpoint("192.0.2.1", 1), Endpoint("2001:db8::1", 2)]),
        st.lists(prefixes(), unique=True, max_size=2).map(frozenset),
        st.sampled_from([0, 25]),
        st.sampled_from([0.0, 7.0]),
        st.sampled_from([0, 9]),
        st.just(0),
    ),
    unique_by=lambda peer: peer.public_key,
    max_size=30,
)


def dump(peers: list[RunningPeer], random: Random) -> list[bytes]:
    """Messages of a dump, which a kernel may end after any peer, and within any peer's allowed IPs."""
    messages = [b""]
    for peer in peers:
        ordered = sort_prefixes(peer.allowed_ips)
        cut = random.randint(0, len(ordered))
        splits = random.random() < 0.2
        parts = (ordered[:cut], ordered[cut:]) if splits else (ordered,)
        for number, some in enumerate(parts):
            if number or random.random() < 0.3:
                messages.append(b"")
            messages[-1] += listed(peer._replace(allowed_ips=frozenset(some)), list)[4:]
    return [encode_nested(codec.DEVICE_PEERS, nest) for nest in messages if nest]


@given(CROWD, CROWD, st.randoms(use_true_random=False))
def test_a_crowd_is_read_whole_and_known_again(
    first: list[RunningPeer], second: list[RunningPeer], random: Random
) -> None:
    decoder = DeviceDecoder()
    before, after = (decoder.decode(dump(peers, random)).peers for peers in (first, second))
    assert len(before) == len(first)
    assert bool(before) == bool(first)
    assert before == {peer.public_key: peer for peer in first}
    assert list(after.values()) == second
    assert len(after) == len(second)
    again = decoder.decode([encode_nested(codec.DEVICE_PEERS, listed(peer, list)[4:]) for peer in second]).peers
    assert again == after


def test_a_peer_that_is_as_it_was_is_the_same_object() -> None:
    peers = [
        RunningPeer(PublicKey(bytes([n]) * 32), allowed_ips=frozenset({Prefix(bytes([n]) * 4, 32)})) for n in range(9)
    ]
    decoder = DeviceDecoder()
    old, new = (
        decoder.decode([encode_nested(codec.DEVICE_PEERS, b"".join(listed(peer, list)[4:] for peer in some))]).peers
        for some in (peers, [*peers[2:], peers[0]._replace(persistent_keepalive=9)])
    )
    assert dict(old.items()) != dict(new.items())
    assert [key for key, peer in new.items() if old[key] is peer] == [peer.public_key for peer in peers[2:]]


def test_the_flag_that_removes_a_prefix_stands_with_that_prefix_only() -> None:
    stays, goes = Prefix(bytes(4), 8), Prefix(bytes(16), 64)
    entry = codec.encode_peer(PeerChange(PublicKey(b"\1" * 32), allowed_ips=(stays,), removed_ips=(goes,)))
    ((_index, start, end),) = decode_attributes(entry, 0, len(entry))
    values = {kind: (first, last) for kind, first, last in decode_attributes(entry, start, end)}
    flags = {}
    for _nest, first, last in decode_attributes(entry, *values[codec.PEER_ALLOWED_IPS]):
        prefix = {kind: entry[a:b] for kind, a, b in decode_attributes(entry, first, last)}
        flags[prefix[codec.ALLOWED_IP_ADDRESS]] = prefix.get(codec.ALLOWED_IP_FLAGS)
    assert flags == {stays.packed: None, goes.packed: struct.pack("=I", 1)}


def test_a_large_set_is_split_into_few_messages_and_comes_back_whole() -> None:
    hosts = [Prefix(struct.pack("!I", n), 32) for n in range(20_480)]
    peers = [PeerChange(PublicKey(bytes([n + 1]) * 32), allowed_ips=tuple(hosts[n:10_240:23])) for n in range(23)]
    peers.append(PeerChange(PublicKey(b"\xff" * 32), allowed_ips=tuple(hosts[10_240:])))
    messages = list(codec.encode_set("wg0", DeviceChange(), codec.encode_peers(peers)))
    assert max(map(len, messages)) <= 65535 + 64
    assert len(messages) < 20
    assert DeviceDecoder().decode(messages).peers == {peer.public_key: as_read(peer) for peer in peers}


def test_a_split_entry_keeps_its_flags_and_never_brings_a_peer_back() -> None:
    prefixes_ = tuple(Prefix(struct.pack("!I", n), 32) for n in range(codec.PREFIXES_A_MESSAGE + 1))
    changes = [PeerChange(PublicKey(b"\1" * 32), allowed_ips=prefixes_)]
    (message,) = codec.encode_set("wg0", DeviceChange(), codec.encode_peers(changes))
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
    assert decode_endpoint(codec.encode_endpoint(endpoint)) == endpoint


@pytest.mark.parametrize("data", [b"\2\0\1\0", b"\x20\0\1\0abcd", b"\0\0\0\0"])
def test_torn_attributes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="torn netlink attribute"):
        list(decode_attributes(data, 0, len(data)))
