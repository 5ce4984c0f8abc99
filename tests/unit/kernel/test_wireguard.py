# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernels are told to take a prefix from a peer, and which are given a peer that takes it; and that no change of
a peer makes one that has gone meanwhile."""

from __future__ import annotations

import struct

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.attributes import decode_attributes
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard import codec
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.family import (
    _encode_changes,
    _knows_removal_flag,
    _remove_prefixes,
)

KEY = PublicKey(b"k" * 32)
MANY = tuple(parse_prefix(f"10.{n // 250}.{n % 250}.0/24") for n in range(3 * codec.PREFIXES_A_MESSAGE))
CHANGES = [
    ops.SetPeer(KEY, preshared_key=PresharedKey(b"p" * 32)),
    ops.SetPeer(KEY, endpoint=parse_endpoint("192.0.2.1:51820")),
    ops.SetPeer(KEY, persistent_keepalive=25),
    ops.SetPeer(KEY, add=MANY[:1]),
    ops.SetPeer(KEY, add=MANY),
]


def flags_of(entry: bytes) -> int:
    """The flags in a peer's entry of a set message; 0 where it has none."""
    ((_index, start, end),) = decode_attributes(entry, 0, len(entry))
    values = {kind: entry[first:last] for kind, first, last in decode_attributes(entry, start, end)}
    assert values[codec.PEER_PUBLIC_KEY] == KEY
    return int(struct.unpack("=I", values.get(codec.PEER_FLAGS, bytes(4)))[0])


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.describe()[50:90])
def test_a_peer_that_has_gone_is_not_made_by_a_change(change: ops.SetPeer) -> None:
    """WGPEER_F_UPDATE_ONLY, in each part of a change that takes several."""
    entries = _encode_changes([change], None)
    assert entries
    assert {flags_of(entry) for entry in entries} == {codec.PEER_F_UPDATE_ONLY}


def test_nor_by_the_removal_of_its_prefixes() -> None:
    changes = _remove_prefixes([ops.RemovePrefixes(KEY, None, MANY[:1])])
    assert {flags_of(entry) for entry in codec.encode_peers(changes)} == {codec.PEER_F_UPDATE_ONLY}


def test_a_new_peer_is_made_and_one_that_goes_is_removed() -> None:
    (new,) = _encode_changes([ops.AddPeer(RunningPeer(KEY))], None)
    (gone,) = _encode_changes([ops.RemovePeer(KEY)], None)
    assert (flags_of(new), flags_of(gone)) == (0, codec.PEER_F_REMOVE_ME)


@pytest.mark.parametrize(
    ("release", "known"),
    [
        ("5.6.0", False),
        ("6.1.0-56-cloud-amd64", False),
        ("6.12.57+deb13-amd64", False),
        ("6.16-rc1", True),
        ("6.16.0", True),
        ("7.0.1", True),
        ("10.2", True),
        ("custom", False),
    ],
)
def test_the_flag_came_with_6_16(release: str, known: bool) -> None:
    assert _knows_removal_flag(release) is known
