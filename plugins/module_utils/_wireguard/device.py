# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One running device where it is, for those who want nothing of its links, addresses and routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._model.interface import RunningDevice, RunningPeer
from .._model.operations import SetPeer, WireGuardOperation
from .._netlink.namespace import entered
from . import family as wireguard
from .decode import DeviceDecoder
from .reading import read_device

_ANY_KEEPALIVE = 25


class Device:
    """The device of an interface in a network namespace, with its sockets in another one; empty for the host's own."""

    def __init__(self, interface: str, netns: str = "", birth_netns: str = "") -> None:
        self._interface = interface
        self._netns = netns
        self._birth_netns = birth_netns
        self._decoder = DeviceDecoder()

    def read(self) -> RunningDevice:
        """Raises KernelError, as all of these do."""
        with entered(self._netns):
            return read_device(self._interface, self._decoder, self._birth_netns)

    def apply(self, operations: Sequence[WireGuardOperation]) -> None:
        with entered(self._netns):
            wireguard.apply_operations(self._interface, operations, self._birth_netns)

    def call(self, peers: Iterable[RunningPeer]) -> None:
        """Have the kernel send something to those that have an endpoint now, so that it begins a session where there is
        none. Their keepalives are as before when it returns.

        A keepalive that is turned on has one sent at once (drivers/net/wireguard/netlink.c, set_peer).
        """
        operations = [
            SetPeer(peer.public_key, persistent_keepalive=seconds)
            for peer in peers
            if peer.endpoint
            for seconds in (0, _ANY_KEEPALIVE, peer.persistent_keepalive)
        ]
        if operations:
            self.apply(operations)
