# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples of many peers at once are those of each by itself, and are known again while nothing is changed."""

from __future__ import annotations

import socket
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as read

from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.exposition import (
    HANDSHAKE,
    PEER_INFO,
    PEERS,
    RECEIVED,
    SENT,
    Exposition,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.peers import (
    PeerGroups,
    add_peers,
    group_peers,
    label_pieces,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import sort_prefixes
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import DeviceDecoder
from ansible_collections.cryptokey.wireguard.tests.unit.kernel.test_codec import CROWD, dump

NOW = 100.0
RANDOM = st.randoms(use_true_random=False)
HOSTILE = '100% "sure" \\ %s %d\n'


def grouped(peers: list[RunningPeer], random: Random) -> PeerGroups:
    return group_peers(DeviceDecoder().decode(dump(peers, random)).peers)


def samples(found: PeerGroups, names: dict[str, str], now: float = NOW) -> dict[str, dict[Any, float]]:
    exposition = Exposition()
    add_peers(exposition, found, label_pieces(found, "wg0", names), "wg0", names, now)
    text = b"".join(exposition.render()).decode()
    return {
        family.samples[0].name: {tuple(sorted(sample.labels.items())): sample.value for sample in family.samples}
        for family in read(text)
    }


def labels(**given_labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({"interface": "wg0", **given_labels}.items()))


@given(CROWD, RANDOM)
def test_each_peer_has_its_samples_with_its_labels(peers: list[RunningPeer], random: Random) -> None:
    names = {str(peer.public_key): HOSTILE + str(number) for number, peer in enumerate(peers) if number % 2}
    expected: dict[str, dict[Any, float]] = {SENT: {}, RECEIVED: {}, HANDSHAKE: {}, PEER_INFO: {}}
    for peer in peers:
        key = str(peer.public_key)
        allowed = ",".join(map(str, sort_prefixes(peer.allowed_ips)))
        of_peer = labels(public_key=key, allowed_ips=allowed, friendly_name=names.get(key, ""))
        expected[SENT][of_peer] = peer.transfer_tx
        expected[RECEIVED][of_peer] = peer.transfer_rx
        expected[HANDSHAKE][of_peer] = peer.latest_handshake
        expected[PEER_INFO][labels(public_key=key, endpoint=str(peer.endpoint or ""))] = 1
    found = samples(grouped(peers, random), names)
    states = {state: found[PEERS][labels(state=state)] for state in ("connected", "idle", "never")}
    del found[PEERS]
    assert found == {metric: each for metric, each in expected.items() if each}
    assert states == {
        "connected": sum(peer.latest_handshake > 0 for peer in peers),
        "idle": 0,
        "never": sum(peer.latest_handshake == 0 for peer in peers),
    }


@given(CROWD, RANDOM)
def test_peers_of_another_mapping_have_the_same_samples(peers: list[RunningPeer], random: Random) -> None:
    plain = group_peers({peer.public_key: peer for peer in peers})
    assert samples(plain, {}) == samples(grouped(peers, random), {})


def test_the_age_of_the_handshake_decides_about_the_state() -> None:
    times = {"connected": 1000.0, "idle": 819.0, "never": 0.0}
    peers = {
        PublicKey(bytes([n]) * 32): RunningPeer(PublicKey(bytes([n]) * 32), latest_handshake=each)
        for n, each in enumerate([*times.values(), 820.0], 1)
    }
    found = samples(group_peers(peers), {}, 1000.0)[PEERS]
    assert {state: found[labels(state=state)] for state in times} == {"connected": 2, "idle": 1, "never": 1}


@given(CROWD, RANDOM)
def test_handshakes_counters_and_roaming_do_not_change_the_identity(peers: list[RunningPeer], random: Random) -> None:
    seed = random.random()
    later = [
        peer._replace(
            latest_handshake=float(random.randint(0, 9)),
            transfer_rx=random.randint(0, 2**60),
            transfer_tx=random.randint(0, 2**60),
            endpoint=peer.endpoint and peer.endpoint._replace(port=random.randint(1, 65535)),
        )
        for peer in peers
    ]
    assert grouped(peers, Random(seed)).identity == grouped(later, Random(seed)).identity


@given(CROWD.filter(bool), RANDOM, st.sampled_from(["persistent_keepalive", "allowed_ips", "public_key", "gone"]))
def test_whatever_is_configured_changes_the_identity(peers: list[RunningPeer], random: Random, what: str) -> None:
    seed = random.random()
    number = random.randrange(len(peers))
    changes: dict[str, Any] = {
        "persistent_keepalive": peers[number].persistent_keepalive + 1,
        "allowed_ips": frozenset(list(peers[number].allowed_ips)[1:]) if peers[number].allowed_ips else None,
        "public_key": PublicKey(b"another".ljust(32)),
    }
    other = [*peers]
    if what == "gone":
        del other[number]
    elif changes[what] is None:
        return
    else:
        other[number] = peers[number]._replace(**{what: changes[what]})
    assert grouped(peers, Random(seed)).identity != grouped(other, Random(seed)).identity


def test_an_endpoint_has_brackets_where_wg_has_them() -> None:
    peer = RunningPeer(PublicKey(b"\1" * 32), endpoint=Endpoint("2001:db8::1", 7))
    (found,) = samples(grouped([peer], Random(1)), {})[PEER_INFO]
    assert dict(found)["endpoint"] == "[2001:db8::1]:7"


def test_a_link_whose_name_has_a_quote_leaves_the_file_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = RunningPeer(PublicKey(b"\1" * 32), endpoint=Endpoint("fe80::1%lo", 7))
    alike = grouped([peer], Random(1))
    alone = group_peers({peer.public_key: peer._replace(endpoint=Endpoint('fe80::1%a"b', 7))})
    monkeypatch.setattr(socket, "if_indextoname", lambda _index: 'a"b')
    for each in (alike, alone):
        (found,) = samples(each, {})[PEER_INFO]
        assert dict(found)["endpoint"] == '[fe80::1%a"b]:7'
