# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a packet must go to reach a peer, and which peers lost their session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.trigger_handshake import (
    addresses_behind,
    without_session,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import (
    AddPeer,
    AddRoute,
    Operation,
    RemovePeer,
    SetDevice,
    SetLink,
    SetPeer,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    format_ip,
    mask,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import Route, RunningState
from ansible_collections.cryptokey.wireguard.tests.unit.runs import COLLECTIONS

PEER, OTHER = PublicKey(bytes(31) + b"1"), PublicKey(bytes(31) + b"2")


def state(own: str, *peers: set[Prefix]) -> RunningState:
    """The first peer is the one that is asked about."""
    keys = [PEER, OTHER]
    running = {
        key: RunningPeer(key, allowed_ips=frozenset(prefixes)) for key, prefixes in zip(keys, peers, strict=False)
    }
    return RunningState("wg0", True, RunningDevice("wg0", peers=running), addresses=(parse_interface_address(own),))


@pytest.mark.parametrize(
    ("own", "peer", "other", "first"),
    [
        ("10.8.0.2/24", "10.8.0.1/32", "", "10.8.0.1"),
        ("10.8.0.2/24", "10.8.0.0/24", "", "10.8.0.1"),
        ("10.8.0.1/24", "10.8.0.0/24", "", "10.8.0.2"),
        ("10.8.0.1/24", "10.8.0.0/24", "10.8.0.2/32", "10.8.0.3"),
        ("10.8.0.1/24", "0.0.0.0/0", "", "198.51.100.1"),
        ("10.8.0.1/24", "0.0.0.0/0 10.8.0.9/32", "", "10.8.0.9"),
        ("fd00::2/64", "fd00::/64", "fd00::1/128", "fd00::3"),
        ("fd00::2/64", "::/0", "", "2001:db8::1"),
        ("10.8.0.0/31", "10.8.0.0/31", "", "10.8.0.1"),
        ("10.8.0.1/30", "10.8.0.0/30", "10.8.0.2/32", None),
        ("10.8.0.1/24", "", "10.8.0.2/32", None),
    ],
)
def test_the_first_address_behind_a_peer(own: str, peer: str, other: str, first: str | None) -> None:
    given_state = state(own, {*map(parse_prefix, peer.split())}, {*map(parse_prefix, other.split())})
    found = next(addresses_behind(given_state, PEER), None)
    assert (found and format_ip(found)) == first


PREFIXES = st.sets(
    st.builds(
        lambda number, length: Prefix(mask(bytes([10, 8, 0, number]), length), length),
        st.integers(0, 255),
        st.integers(8, 32),
    ),
    max_size=4,
)


@given(PREFIXES, PREFIXES)
def test_each_of_them_comes_to_the_peer(peer: set[Prefix], other: set[Prefix]) -> None:
    """By the longest prefix, as the kernel chooses."""
    running = state("10.8.0.7/24", peer, other - peer)
    for packed in addresses_behind(running, PEER):
        longest = max((p for p in peer | other if p.covers((packed, 32))), key=lambda p: p.length)
        assert longest in peer
        assert packed != bytes([10, 8, 0, 7])


REACHED = RunningPeer(
    PEER, endpoint=parse_endpoint("192.0.2.1:51820"), allowed_ips=frozenset({parse_prefix("10.8.0.1")})
)
LISTENING = RunningPeer(OTHER, allowed_ips=frozenset({parse_prefix("10.8.0.2")}))


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([AddPeer(REACHED)], [PEER]),
        ([AddPeer(LISTENING)], []),
        ([AddPeer(REACHED._replace(allowed_ips=frozenset()))], []),
        ([SetPeer(PEER, endpoint=REACHED.endpoint)], []),
        ([RemovePeer(OTHER), AddRoute(Route(parse_prefix("10.8.0.1")))], []),
        ([SetLink(up=True)], [PEER]),
        ([SetLink(mtu=1400)], []),
        ([SetLink(up=False)], []),
        ([SetDevice(private_key=PrivateKey(bytes(range(32))))], [PEER]),
        ([SetDevice(listen_port=51821)], []),
        ([AddPeer(REACHED), SetLink(up=True)], [PEER]),
    ],
)
def test_a_session_ends_with_the_peer_the_link_or_the_key(
    operations: list[Operation], expected: list[PublicKey]
) -> None:
    after = RunningState("wg0", True, RunningDevice("wg0", peers={PEER: REACHED, OTHER: LISTENING}), up=True)
    assert [peer.public_key for peer in without_session(after, operations)] == expected


SEND = """
import socket, sys
from pathlib import Path
from {package}.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from {package}.plugins.module_utils._model.keys import PublicKey
from {package}.plugins.module_utils._model.prefix import parse_interface_address, parse_prefix
from {package}.plugins.module_utils._model.state import RunningState
from {package}.plugins.module_utils._host.trigger_handshake import trigger_handshakes
key = PublicKey(bytes(31) + b"1")
peer = RunningPeer(key, allowed_ips=frozenset(map(parse_prefix, sys.argv[1:])))
state = RunningState("lo", True, RunningDevice("lo", peers={{key: peer}}))
packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
packets.bind(("lo", 3))
packets.settimeout(5)
trigger_handshakes("", state, [key])
while True:
    packet = packets.recv(2000)
    if b"cryptokey" in packet:
        break
print(socket.inet_ntop(socket.AF_INET, packet[16:20]) if packet[0] >> 4 == 4 else "IPv6")
"""


@pytest.mark.parametrize("other", ["2001:db8:7::1/128", "10.8.0.9/32"])
def test_a_host_without_addresses_of_one_family_sends_over_the_other(tmp_path: Path, other: str) -> None:
    """In a namespace of its own, whose only link has no IPv6 route."""
    (tmp_path / "send.py").write_text(SEND.format(package="ansible_collections.cryptokey.wireguard"))
    inside = ["unshare", "--map-root-user", "--net", "sh", "-ec", 'ip link set lo up; exec "$@"', "sh"]
    done = subprocess.run(
        [*inside, sys.executable, str(tmp_path / "send.py"), other, "10.8.0.9/32"],
        env={**os.environ, "PYTHONPATH": COLLECTIONS},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "10.8.0.9\n", done.stderr
