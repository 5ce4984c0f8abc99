# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tunnels must carry traffic before a change is confirmed.

These are the tunnels that the change affects, if they worked before, or if they are new and this host starts the
handshake. A hub cannot wait for each of a thousand laptops: if only the interface itself has changed, one of the peers
that were connected must be connected again. On a new interface one of the peers that this host calls must answer, since
a member of a mesh may be down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from .._model.interface import SESSION_SECONDS, RunningPeer
from .._model.keys import PublicKey
from .._model.state import RunningState


class RequiredProof(NamedTuple):
    """One of these peers must answer: more received bytes than ``peers`` says, or a handshake after ``since``."""

    peers: Mapping[PublicKey, int]
    since: float


def required_proofs(before: RunningState, after: RunningState, since: float) -> list[RequiredProof]:
    """List what must answer after the change from ``before`` to ``after``, made at ``since`` in seconds since 1970.

    Peers that the change does not affect need not answer, nor do those of an interface that is down.
    """
    if not after.up:
        return []
    own_changed = not before.exists or _own(before) != _own(after)
    each: list[RequiredProof] = []
    one_of_new: dict[PublicKey, int] = {}
    one_of_old: dict[PublicKey, int] = {}
    for key, peer in after.device.peers.items():
        old = before.device.peers.get(key)
        starts_handshake = bool(peer.endpoint and peer.persistent_keepalive)
        if old is None:
            if starts_handshake and before.exists:
                each.append(RequiredProof({key: 0}, since))
            elif starts_handshake:
                one_of_new[key] = 0
            continue
        peer_changed = _settings(old) != _settings(peer)
        was_connected = since - old.latest_handshake <= SESSION_SECONDS
        if not was_connected or not (peer_changed or own_changed):
            continue
        received = old.transfer_rx if old.transfer_rx <= peer.transfer_rx else 0
        if starts_handshake or peer_changed:
            each.append(RequiredProof({key: received}, since))
        else:
            one_of_old[key] = received
    return [*each, *(RequiredProof(peers, since) for peers in (one_of_new, one_of_old) if peers)]


def missing_proofs(wanted: Iterable[RequiredProof], peers: Mapping[PublicKey, RunningPeer]) -> list[RequiredProof]:
    """Select the proofs that are still missing, by the kernel's present counters of the peers."""
    return [
        need
        for need in wanted
        if not any(
            key in peers and (peers[key].transfer_rx > received or peers[key].latest_handshake >= need.since)
            for key, received in need.peers.items()
        )
    ]


def _own(state: RunningState) -> RunningState:
    """The interface without its peers, and without the host's other rules."""
    return replace(state, device=replace(state.device, peers={}), rules=frozenset(), priorities={})


def _settings(peer: RunningPeer) -> RunningPeer:
    return peer._replace(latest_handshake=0.0, transfer_rx=0, transfer_tx=0)
