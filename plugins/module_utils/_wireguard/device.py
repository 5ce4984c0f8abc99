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
    """The WireGuard device of an interface in the namespace ``netns``, with its sockets in ``birth_netns``.

    Empty names are the host's own namespace. Every method raises KernelError.
    """

    def __init__(self, interface: str, netns: str = "", birth_netns: str = "") -> None:
        self._interface = interface
        self._netns = netns
        self._birth_netns = birth_netns
        self._decoder = DeviceDecoder()

    def read(self) -> RunningDevice:
        """Read the device with its peers."""
        with in_netns(self._netns):
            return read_device(self._interface, self._decoder, self._birth_netns)

    def apply(self, operations: Sequence[WireGuardOperation]) -> None:
        with in_netns(self._netns):
            wireguard.apply_operations(self._interface, operations, self._birth_netns)

    def start_sessions(self, peers: Iterable[RunningPeer]) -> None:
        """Make the kernel start a session with each peer that has an endpoint and no session.

        Turning a keepalive on sends one at once (drivers/net/wireguard/netlink.c, set_peer). The keepalives are set
        back before this returns.
        """
        operations = [
            SetPeer(peer.public_key, persistent_keepalive=seconds)
            for peer in peers
            if peer.endpoint
            for seconds in (0, _ANY_KEEPALIVE, peer.persistent_keepalive)
        ]
        if operations:
            self.apply(operations)
