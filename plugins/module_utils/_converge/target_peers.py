# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Derive the target state of the peers. Nearly all of 10,000 peers stay, and are not examined one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

from .._model.endpoint import Endpoint
from .._model.interface import ENFORCE, EXACT, KEY_OF, SESSION_SECONDS, DesiredInterface, DesiredPeer, RunningPeer
from .._model.keys import NO_PRESHARED_KEY, PublicKey
from .._model.peers import PatchedPeers
from .._model.prefix import Prefix
from .circumstances import Circumstances


def target_peers(
    desired: DesiredInterface, running: Mapping[PublicKey, RunningPeer], circumstances: Circumstances
) -> Mapping[PublicKey, RunningPeer]:
    """Derive the target of all peers. Return ``running`` itself if nothing differs."""
    if desired.peers is None:
        return _without(running, desired.absent_peers)
    proven = circumstances.find_proven(running, desired.peers) if desired.peers_mode == EXACT else None
    if proven is None:
        return _target_each(desired, desired.peers, running, circumstances)
    rest = [peer for peer in desired.peers if peer.public_key not in proven.keys]
    wanted = _target_each(desired, rest, proven.others, circumstances)
    is_same = len(wanted) == len(proven.others) and all(peer is proven.others.get(key) for key, peer in wanted.items())
    return running if is_same else PatchedPeers(running, proven.others, wanted)


def _target_each(
    desired: DesiredInterface,
    peers: Sequence[DesiredPeer],
    running: Mapping[PublicKey, RunningPeer],
    circumstances: Circumstances,
) -> Mapping[PublicKey, RunningPeer]:
    """Derive the target of these peers. Return ``running`` itself if nothing differs."""
    current = dict(running.items())
    keys = list(map(KEY_OF, peers))
    there = list(map(current.get, keys))
    candidates = _peers_to_examine(peers, there, circumstances.correct) if current else peers
    unlisted: dict[PublicKey, RunningPeer] = {}
    if desired.peers_mode != EXACT:
        listed = frozenset(keys)
        unlisted = {key: peer for key, peer in current.items() if key not in listed | desired.absent_peers}
    if not candidates and len(keys) + len(unlisted) == len(current):
        return running
    wanted = {key: current[key] for key in keys if key in current}
    enforce = desired.endpoint_policy == ENFORCE
    plain = [peer for peer in candidates if peer.endpoint is None and peer.public_key not in current]
    wanted.update(zip(map(KEY_OF, plain), _new_peers(plain)))
    others = [peer for peer in candidates if peer.endpoint is not None or peer.public_key in current]
    for peer in others:
        wanted[peer.public_key] = _target_peer(peer, current.get(peer.public_key), circumstances, enforce)
    open_ended = {peer.public_key: wanted[peer.public_key] for peer in peers if peer.allowed_ips is None}
    wanted.update(_without_taken_prefixes({**unlisted, **open_ended}, desired.peers or ()))
    return wanted


def _without_taken_prefixes(
    kept: Mapping[PublicKey, RunningPeer], wanted: Iterable[DesiredPeer]
) -> Mapping[PublicKey, RunningPeer]:
    """Remove from the kept peers the prefixes that the wanted ones get: a prefix belongs to one peer."""
    if not kept:
        return kept
    taken = frozenset[Prefix]().union(*(peer.allowed_ips for peer in wanted if peer.allowed_ips))
    return {
        key: peer._replace(allowed_ips=peer.allowed_ips - taken) if taken & peer.allowed_ips else peer
        for key, peer in kept.items()
    }


def _without(running: Mapping[PublicKey, RunningPeer], absent: frozenset[PublicKey]) -> Mapping[PublicKey, RunningPeer]:
    if absent.isdisjoint(running):
        return running
    return {key: peer for key, peer in running.items() if key not in absent}


def _peers_to_examine(
    peers: Sequence[DesiredPeer], there: Sequence[RunningPeer | None], correct: Mapping[PublicKey, RunningPeer]
) -> Sequence[DesiredPeer]:
    """Select the peers that may need a change, see docs/contributing/large-peer-sets.md.

    A peer with a configured endpoint is selected unless it is in ``correct``: the kernel's may differ and be right.
    """
    differ = [
        (peer, has)
        for peer, has in zip(peers, there)
        if has is None
        or peer.endpoint is not None
        or (peer.allowed_ips is not None and peer.allowed_ips != has.allowed_ips)
        or (peer.persistent_keepalive is not None and peer.persistent_keepalive != has.persistent_keepalive)
        or (peer.preshared_key is not None and peer.preshared_key != has.preshared_key)
    ]
    return [peer for peer, has in differ if has is None or has is not correct.get(peer.public_key)]


def _new_peers(wanted: Sequence[DesiredPeer]) -> Iterator[RunningPeer]:
    """Create the peers that do not exist yet. Values that are not given are the kernel's defaults."""
    keys, _names, secrets, _endpoints, allowed_ips, keepalives = zip(*wanted) if wanted else repeat((), 6)
    columns = (
        keys,
        [NO_PRESHARED_KEY if secret is None else secret for secret in secrets],
        repeat(None),
        [frozenset() if prefixes is None else prefixes for prefixes in allowed_ips],
        [keepalive or 0 for keepalive in keepalives],
        repeat(0.0),
        repeat(0),
        repeat(0),
    )
    return map(tuple.__new__, repeat(RunningPeer), zip(*columns))


def _target_peer(
    wanted: DesiredPeer, running: RunningPeer | None, circumstances: Circumstances, enforce: bool
) -> RunningPeer:
    """Derive the target of one peer. Return ``running`` itself if nothing differs."""
    base = running or RunningPeer(wanted.public_key)
    peer = RunningPeer(
        base.public_key,
        base.preshared_key if wanted.preshared_key is None else wanted.preshared_key,
        base.endpoint if wanted.endpoint is None else _target_endpoint(wanted, running, circumstances, enforce),
        base.allowed_ips if wanted.allowed_ips is None else wanted.allowed_ips,
        base.persistent_keepalive if wanted.persistent_keepalive is None else wanted.persistent_keepalive,
        base.latest_handshake,
        base.transfer_rx,
        base.transfer_tx,
    )
    return base if peer == base else peer


def _target_endpoint(
    wanted: DesiredPeer, running: RunningPeer | None, circumstances: Circumstances, enforce: bool
) -> Endpoint | None:
    """The configured endpoint is an initial one: a live peer keeps its learned endpoint, unless ``enforce`` is set."""
    known = running.endpoint if running else None
    if wanted.endpoint is None:
        return known
    dead = running is None or circumstances.now - running.latest_handshake > SESSION_SECONDS
    reconfigured = circumstances.recorded.get(wanted.public_key, str(wanted.endpoint)) != str(wanted.endpoint)
    if known is not None and not (dead or reconfigured or enforce):
        return known
    candidates = circumstances.resolve(wanted.endpoint, wanted.label)
    # The order of a name's addresses may be random. The family of the first is what the host can use now.
    serves = known is not None and known in candidates and not (dead and known.family != candidates[0].family)
    return candidates[0] if candidates and not serves else known
