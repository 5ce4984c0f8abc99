# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One running WireGuard device, without its link, addresses and routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .._model.interface import RunningDevice, RunningPeer
from .._model.operations import SetPeer, WireGuardOperation
from .._netlink.namespace import in_netns
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
        with in_netns(self._netns):
            return read_device(self._interface, self._decoder, self._birth_netns)

    def apply(self, operations: Sequence[WireGuardOperation]) -> None:
        with in_netns(self._netns):
            wireguard.apply_operations(self._interface, operations, self._birth_netns)

    def start_sessions(self, peers: Iterable[RunningPeer]) -> None:
        """Make the kernel send something to each peer that has an endpoint, so that it starts a session where there is
        none. The keepalives are unchanged when this returns.

        Turning a keepalive on sends one at once (drivers/net/wireguard/netlink.c, set_peer).
        """
        operations = [
            SetPeer(peer.public_key, persistent_keepalive=seconds)
            for peer in peers
            if peer.endpoint
            for seconds in (0, _ANY_KEEPALIVE, peer.persistent_keepalive)
        ]
        if operations:
            self.apply(operations)
