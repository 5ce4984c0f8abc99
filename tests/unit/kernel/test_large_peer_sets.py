# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decode the example record of the contributor page about large peer sets, and compare it with the model there."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import NO_PRESHARED_KEY, parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.attributes import encode_nested
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard import codec
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import DeviceDecoder

PAGE = (Path(__file__).parents[3] / "docs/contributing/large-peer-sets.md").read_text()
KEY = "e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY="
PEER = RunningPeer(
    parse_public_key(KEY),
    NO_PRESHARED_KEY,
    Endpoint("192.0.2.7", 51820),
    frozenset([parse_prefix("10.8.0.5/32")]),
    25,
    latest_handshake=1764288000.0,
    transfer_rx=1480,
    transfer_tx=9000,
)


def documented_record() -> bytes:
    return b"".join(map(bytes.fromhex, re.findall(r"^\| `([0-9a-f ]+)` \|", PAGE, re.MULTILINE)))


def test_the_documented_bytes_are_the_documented_peer() -> None:
    dump = [encode_nested(codec.DEVICE_PEERS, documented_record())]
    decoder = DeviceDecoder()
    first = decoder.decode(dump).peers
    assert first == {PEER.public_key: PEER}
    # The page says that an unchanged record gives the same object.
    assert decoder.decode(dump).peers[PEER.public_key] is first[PEER.public_key]


def test_the_documented_model_is_that_peer() -> None:
    model = dict(re.findall(r"^    (\w+)=(.*?),(?:  #.*)?$", PAGE, re.MULTILINE))
    assert list(model) == list(RunningPeer._fields)
    assert model["public_key"] == f'"{KEY}"'
    assert model["endpoint"] == 'Endpoint("192.0.2.7", 51820)'
    assert model["allowed_ips"] == r'frozenset({Prefix(b"\x0a\x08\x00\x05", 32)})'
    for field in ("persistent_keepalive", "latest_handshake", "transfer_rx", "transfer_tx"):
        assert model[field] == repr(getattr(PEER, field))
