# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent for new peers and foretold of them, next to what the general encoder and decoder make of the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import NO_PRESHARED_KEY, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.attributes import NLA_HEADER, encode_nested
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard import codec
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.bulk_add import encode_new_peers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import DeviceDecoder

from .test_codec import RUNNING_PEERS, listed


def unused(peer: RunningPeer) -> RunningPeer:
    return peer._replace(latest_handshake=0.0, transfer_rx=0, transfer_tx=0)


UNUSED = st.lists(RUNNING_PEERS.map(unused), unique_by=lambda peer: peer.public_key, max_size=8)


def dump(records: list[bytes]) -> list[bytes]:
    return [encode_nested(codec.DEVICE_PEERS, record) for record in records]


@given(UNUSED)
def test_both_say_just_what_the_peer_is(peers: list[RunningPeer]) -> None:
    entries, records = encode_new_peers(peers)
    for encoded in (entries, records):
        assert list(DeviceDecoder().decode(dump(encoded)).peers.values()) == peers


def test_nothing_is_sent_that_a_new_peer_has_by_itself() -> None:
    plain = RunningPeer(PublicKey(b"k" * 32), NO_PRESHARED_KEY, persistent_keepalive=0)
    ((entry,), _records) = encode_new_peers([plain])
    assert entry[NLA_HEADER.size :] == codec.PUBLIC_KEY_HEADER + plain.public_key


def test_prefixes_are_sent_in_order() -> None:
    ordered = [Prefix(bytes([10, 0, 0, n]), 32) for n in range(9)] + [
        Prefix(bytes(15) + bytes([n]), 128) for n in (1, 2)
    ]
    ((entry,), _records) = encode_new_peers([RunningPeer(PublicKey(b"k" * 32), allowed_ips=frozenset(ordered))])
    places = [entry.index(prefix.packed) for prefix in ordered]
    assert places == sorted(places)


@given(UNUSED, st.data())
def test_one_as_foretold_is_the_very_object_and_others_are_read(peers: list[RunningPeer], data: st.DataObject) -> None:
    _entries, records = encode_new_peers(peers)
    used = data.draw(st.sets(st.integers(0, len(peers) - 1)) if peers else st.just(set[int]()))
    now = [peer._replace(transfer_rx=7) if number in used else peer for number, peer in enumerate(peers)]
    decoder = DeviceDecoder()
    decoder.expect_peers(zip(records, peers, strict=True))
    read = list(decoder.decode(dump([listed(peer, list)[4:] for peer in now])).peers.values())
    assert read == now
    assert {number for number, peer in enumerate(read) if peer is not peers[number]} == used
