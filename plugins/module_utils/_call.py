# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the kernel send something to a peer now, so that it begins a session where there is none."""

from __future__ import annotations

from collections.abc import Iterable

from ._converge.operations import SetPeer
from ._kernel import wireguard
from ._model.interface import RunningDevice, RunningPeer

_ANY = 25


def call_peers(device: RunningDevice, peers: Iterable[RunningPeer], birth_netns: str) -> None:
    """Call those that have an endpoint. Their keepalives are as before when it returns. Raises KernelError.

    A keepalive that is turned on has one sent at once (drivers/net/wireguard/netlink.c, set_peer).
    """
    operations = [
        SetPeer(peer.public_key, persistent_keepalive=seconds)
        for peer in peers
        if peer.endpoint
        for seconds in (0, _ANY, peer.persistent_keepalive)
    ]
    if operations:
        wireguard.apply_operations(device.interface, operations, birth_netns)
