# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted and what is read: separate types, since only the first can leave a thing open.

In the desired types ``None`` means "leave as it is" and an empty value clears; the running types have no gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from .endpoint import Endpoint
from .keys import NO_PRESHARED_KEY, PresharedKey, PrivateKey, PublicKey
from .prefix import InterfaceAddress, Prefix

EXACT = "exact"
MERGE = "merge"
INITIAL = "initial"
ENFORCE = "enforce"

# REJECT_AFTER_TIME: no session outlives it (WireGuard whitepaper, section 6; drivers/net/wireguard/messages.h).
SESSION_SECONDS = 180


# What people call peers, where that is known.
PeerNames = Mapping[PublicKey, str]


def label_peer(public_key: PublicKey, name: str | None) -> str:
    """How results and messages call a peer: by name and key where the name is known."""
    return f"{name} ({public_key})" if name else str(public_key)


class DesiredPeer(NamedTuple):
    """``name`` is for people only. ``persistent_keepalive`` in seconds, 0 is off."""

    public_key: PublicKey
    name: str | None = None
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    allowed_ips: frozenset[Prefix] | None = None
    persistent_keepalive: int | None = None

    @property
    def label(self) -> str:
        return label_peer(self.public_key, self.name)


@dataclass(frozen=True)
class DesiredInterface:
    """One interface as the inventory wants it.

    ``fwmark`` 0 is off. ``table``: ``auto`` (routes as wg-quick chooses them), ``off`` (none), a number or a name.
    ``peers_mode``: ``exact`` removes peers that are not listed, ``merge`` leaves them, but for those of
    ``absent_peers``, which are removed in either. ``outside_replies``:
    under a full tunnel, connections that came in outside the tunnel are answered outside it. ``keep_routes``: routes
    that no peer needs stay. ``dns`` and
    ``dns_search`` in order of preference. ``up`` False holds it down, where it has no routes and no name servers.
    ``endpoint_policy``: ``initial`` keeps what a live peer's endpoint has become, ``enforce`` does not. ``netns``: the
    network namespace of the interface, ``birth_netns`` that of its sockets; empty for the host's own. ``nftables``: the
    body of the interface's own table, empty for none.
    """

    interface: str
    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    mtu: int | None = None
    addresses: tuple[InterfaceAddress, ...] | None = None
    peers: tuple[DesiredPeer, ...] | None = None
    peers_mode: str = EXACT
    absent_peers: frozenset[PublicKey] = frozenset()
    table: str = "auto"
    outside_replies: bool = True
    keep_routes: bool = False
    dns: tuple[str, ...] | None = None
    dns_search: tuple[str, ...] | None = None
    alias: str | None = None
    up: bool = True
    endpoint_policy: str = INITIAL
    netns: str = ""
    birth_netns: str = ""
    nftables: str | None = None

    @property
    def is_apart(self) -> bool:
        """Whether the sockets live in another namespace than the interface."""
        return self.netns != self.birth_netns

    @property
    def peer_names(self) -> PeerNames:
        return {peer.public_key: peer.name for peer in self.peers or () if peer.name}


class RunningPeer(NamedTuple):
    """A peer as the kernel has it. ``latest_handshake`` in seconds since 1970, 0 for never; counters in bytes."""

    public_key: PublicKey
    preshared_key: PresharedKey = NO_PRESHARED_KEY
    endpoint: Endpoint | None = None
    allowed_ips: frozenset[Prefix] = frozenset()
    persistent_keepalive: int = 0
    latest_handshake: float = 0.0
    transfer_rx: int = 0
    transfer_tx: int = 0


# Of a peer of either type: it stands first in both.
KEY_OF = itemgetter(0)


@dataclass(frozen=True)
class RunningDevice:
    """The ``wireguard`` family's half of an interface. ``listen_port`` and ``fwmark`` 0 are unset.

    Two are equal whatever the number that the kernel gave the link; the public key follows from the private one.
    """

    interface: str
    ifindex: int = field(default=0, compare=False)
    private_key: PrivateKey | None = None
    public_key: PublicKey | None = field(default=None, compare=False)
    listen_port: int = 0
    fwmark: int = 0
    peers: Mapping[PublicKey, RunningPeer] = field(default_factory=dict)
