# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory for each prefix of a peer with many of them: from the options to the verified dump.

Memory is counted by tracemalloc, so the result does not depend on how busy the machine is.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.target import derive_target
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import AddPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import sort_prefixes
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.attributes import NLA_HEADER, encode_nested
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard import codec
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.bulk_add import encode_new_peers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.codec import DeviceChange
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import DeviceDecoder
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.family import _encode_changes

SUBNETS = 9_000
OPTIONS = {
    "interface": "wg0",
    "mtu": 1420,
    "listen_port": 51820,
    "peers": [
        {
            "public_key": str(PublicKey(b"large".ljust(32, b"."))),
            "allowed_ips": [
                prefix for n in range(SUBNETS) for prefix in (f"10.{n // 256}.{n % 256}.0/24", f"fd00:{n:x}::/64")
            ],
        }
    ],
}
PRIVATE_KEY = PrivateKey(b"private".ljust(32, b"."))
# As the kernel has it with messages of 32 KiB: so many prefixes of each part of a peer.
PART = 900


def dump(peer: RunningPeer) -> list[bytes]:
    """List the messages in which the kernel splits the peer."""
    (head,) = encode_new_peers([peer._replace(allowed_ips=frozenset())])[1]
    rest = head[NLA_HEADER.size :]
    entries = codec.encode_prefixes(sort_prefixes(peer.allowed_ips))
    messages = []
    for start in range(0, len(entries), PART):
        nest = encode_nested(codec.PEER_ALLOWED_IPS, b"".join(entries[start : start + PART]))
        messages.append(encode_nested(codec.DEVICE_PEERS, encode_nested(0, rest + nest)))
        rest = codec.PUBLIC_KEY_HEADER + peer.public_key
    return messages


def target(options: Mapping[str, Any]) -> RunningState:
    return derive_target(parse_interface(options, PRIVATE_KEY), RunningState("wg0"), Circumstances(0))


def converge_once(messages: list[bytes], options: Mapping[str, Any]) -> None:
    """Do what a run does from nothing, without the kernel: the messages are its answer to the last read."""
    after = target(options)
    operations = diff_states(RunningState("wg0"), after, {})
    decoder = DeviceDecoder()
    changes = [operation for operation in operations if isinstance(operation, AddPeer)]
    for _payload in codec.encode_set("wg0", DeviceChange(), _encode_changes(changes, decoder)):
        pass
    device = replace(after.device, peers=decoder.decode(messages).peers)
    assert replace(after, device=device) == after


# Bytes for each prefix at the peak. With the options' texts and what Ansible needs for them, 130,560 prefixes then fit
# 200 MiB.
@pytest.mark.parametrize(
    ("link", "limit"),
    [({"up": False, "table": "off"}, 420), ({"up": True, "table": "auto"}, 650)],
    ids=["off", "routes"],
)
def test_a_prefix_takes_little_memory_at_the_peak(link: dict[str, Any], limit: int) -> None:
    options = {**OPTIONS, **link}
    messages = dump(*target(options).device.peers.values())
    tracemalloc.start()
    try:
        converge_once(messages, options)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / (2 * SUBNETS) <= limit
