# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back to a state that was: what a plan leaves alone, since no desired state asks for it, is put back as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .._model.interface import RunningPeer
from .._model.keys import ZERO_KEY, PrivateKey, PublicKey
from .._model.state import RunningState
from .operations import Operation, RemovePeer, SetDevice
from .plan import Names, plan_operations, plan_other_routes


def plan_restore(now: RunningState, before: RunningState, names: Names) -> list[list[Operation]]:
    """The steps that make ``now`` into ``before`` again; none when that is so already. Each is to be applied by itself:
    operations that are applied together do not undo one another, and are sent in an order of their own.

    A private key that was there, as its public half shows, and is not known any more, stays what it is now. Handshakes
    and counters stay. So does the endpoint of a peer that had none and has shaken hands since: it has been learned, and
    there is no way to take it from the peer but with its session.
    """
    others = list(plan_other_routes(now, before)) if before.exists else []
    if not (now.exists and before.exists):
        return [step for step in [plan_operations(now, before, names), others] if step]
    strays = _given_endpoints(now.device.peers, before.device.peers)
    kept = {key: peer for key, peer in now.device.peers.items() if key not in strays}
    known = replace(now, device=replace(now.device, peers=kept)) if strays else now
    aim = before
    if before.device.private_key is None:
        there_was_none = before.device.public_key is None and now.device.private_key
        private_key = PrivateKey(ZERO_KEY) if there_was_none else now.device.private_key
        aim = replace(before, device=replace(before.device, private_key=private_key))
    # While the interface is up the kernel would choose a port; going down is among the operations.
    no_port = not before.up and before.device.listen_port == 0 != now.device.listen_port
    steps: list[list[Operation]] = [
        [RemovePeer(key, names.get(key)) for key in strays],
        plan_operations(known, aim, names),
        [SetDevice(listen_port=0)] if no_port else [],
        others,
    ]
    return [step for step in steps if step]


def _given_endpoints(now: Mapping[PublicKey, RunningPeer], before: Mapping[PublicKey, RunningPeer]) -> list[PublicKey]:
    """The peers that had no endpoint, and have one that somebody set. They are to be made anew, which costs nothing:
    without an endpoint there was no session."""
    had_none = ((key, peer) for key, peer in before.items() if peer.endpoint is None and key in now)
    return [key for key, peer in had_none if now[key].endpoint and now[key].latest_handshake <= peer.latest_handshake]
