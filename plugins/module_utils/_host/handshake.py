# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check peers by their handshakes, for peers that a ping cannot reach."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Protocol

from .._model.errors import InputError
from .._model.interface import SESSION_SECONDS, RunningDevice, RunningPeer
from .._model.keys import PublicKey

_PAUSE_SECONDS = 0.2


class SessionDevice(Protocol):
    """The part of ``_wireguard.device.Device`` that is used here."""

    def read(self) -> RunningDevice:
        """Return the interface with its peers."""

    def start_sessions(self, peers: Iterable[RunningPeer]) -> None:
        """Start a handshake with each of these peers."""


def find_alive(
    device: SessionDevice,
    keys: Collection[PublicKey],
    seconds: float,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    lock: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> frozenset[PublicKey]:
    """Return the peers that have a session. Raises KernelError.

    The others are sent an empty packet once, and have ``seconds`` to answer. With 0 nothing is sent. ``lock`` is held
    while their keepalives are set for this.
    """

    def alive() -> frozenset[PublicKey]:
        peers = device.read().peers
        found = (peers[key] for key in keys if key in peers)
        return frozenset(peer.public_key for peer in found if now() - peer.latest_handshake <= SESSION_SECONDS)

    found = alive()
    if seconds <= 0 or len(found) == len(keys):
        return found
    # A run that holds the lock contacts the peers itself, or ends their sessions.
    with suppress(InputError), lock():
        peers = device.read().peers
        device.start_sessions(peers[key] for key in keys if key in peers and key not in found)
    # Not the time of day, which may be set back meanwhile.
    end = clock() + seconds
    while len(found) < len(keys) and clock() < end:
        sleep(_PAUSE_SECONDS)
        found |= alive()
    return found
