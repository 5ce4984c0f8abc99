# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tunnels have to show that they work, for a change to be taken as good.

Those that it concerns, as far as they worked before, or are new and this host is the one that calls. A hub cannot
vouch for each of a thousand laptops: where just the interface itself has changed, one of those that were there has to
be there again. On a new interface one of those that it calls has to answer, as a member of a mesh may be away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from .._model.interface import SESSION_SECONDS, RunningPeer
from .._model.keys import PublicKey
from .._model.state import RunningState


class Need(NamedTuple):
    """One of these peers has to answer: more bytes from it than ``peers`` says, or a handshake since ``since``."""

    peers: Mapping[PublicKey, int]
    since: float


def needs(before: RunningState, after: RunningState, since: float) -> list[Need]:
    """What the change from ``before`` to ``after``, made at ``since`` in seconds since 1970, has to show.

    Peers that neither it nor the interface's own changes concern need not, nor do those of an interface that is down.
    """
    if not after.up:
        return []
    own_changed = not before.exists or _own(before) != _own(after)
    each: list[Need] = []
    one_of_new: dict[PublicKey, int] = {}
    one_of_old: dict[PublicKey, int] = {}
    for key, peer in after.device.peers.items():
        old = before.device.peers.get(key)
        concerned = old is None or _settings(old) != _settings(peer)
        called = bool(peer.endpoint and peer.persistent_keepalive)
        if old is None:
            if called and before.exists:
                each.append(Need({key: 0}, since))
            elif called:
                one_of_new[key] = 0
        elif since - old.latest_handshake <= SESSION_SECONDS and (concerned or own_changed):
            received = old.transfer_rx if old.transfer_rx <= peer.transfer_rx else 0
            if called or concerned:
                each.append(Need({key: received}, since))
            else:
                one_of_old[key] = received
    return [*each, *(Need(peers, since) for peers in (one_of_new, one_of_old) if peers)]


def unproved(wanted: Iterable[Need], peers: Mapping[PublicKey, RunningPeer]) -> list[Need]:
    """Those of the needs that are not met yet, by what the kernel knows of the peers now."""
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
