# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations that a difference of two states consists of: plain values, each with a description for people.

No ``describe()`` shows a secret.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable
from typing import NamedTuple, Union

from .dns import NO_DNS, Dns
from .endpoint import Endpoint
from .interface import RunningPeer, label_peer
from .keys import PresharedKey, PrivateKey, PublicKey
from .own_table import OwnTable, own_table_label
from .prefix import InterfaceAddress, Prefix, sort_prefixes
from .state import Lifetime, Route, Rule


def _listed(prefixes: Iterable[Prefix]) -> str:
    return ", ".join(map(str, sort_prefixes(prefixes)))


class CreateLink(NamedTuple):
    interface: str

    def describe(self) -> str:
        return f"create interface {self.interface}"


class DeleteLink(NamedTuple):
    interface: str

    def describe(self) -> str:
        return f"delete interface {self.interface}"


class MoveLink(NamedTuple):
    """Into the network namespace ``netns``, empty for the host's own: keys and peers stay, but the link goes down and
    loses its addresses and routes (net/core/dev.c, __dev_change_net_namespace)."""

    interface: str
    netns: str

    def describe(self) -> str:
        return f"move interface {self.interface} to " + (f"netns {self.netns}" if self.netns else "the host's netns")


class SetDevice(NamedTuple):
    """``fwmark`` 0 clears; ``listen_port`` is never 0, which would pick another port at each set."""

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None

    def describe(self) -> str:
        parts = ["set private_key"] if self.private_key is not None else []
        parts += [f"set listen_port {self.listen_port}"] if self.listen_port is not None else []
        parts += [f"set fwmark {self.fwmark:#x}"] if self.fwmark else ["clear fwmark"] if self.fwmark == 0 else []
        return ", ".join(parts)


def _peer_words(
    preshared_key: PresharedKey | None,
    endpoint: Endpoint | None,
    persistent_keepalive: int | None,
    add: Collection[Prefix],
) -> list[str]:
    words = []
    if preshared_key is not None:
        words.append("set preshared_key" if preshared_key else "clear preshared_key")
    if endpoint is not None:
        words.append(f"set endpoint {endpoint}")
    if persistent_keepalive is not None:
        words.append(f"set persistent_keepalive {persistent_keepalive or 'off'}")
    if add:
        words.append(f"add allowed_ips {_listed(add)}")
    return words


class AddPeer(NamedTuple):
    """Make the peer as it is here, but for what only the kernel knows of it."""

    peer: RunningPeer
    name: str | None = None

    def describe(self) -> str:
        key, preshared_key, endpoint, allowed_ips, keepalive, *_counters = self.peer
        words = _peer_words(preshared_key or None, endpoint, keepalive or None, allowed_ips)
        return f"peer {label_peer(key, self.name)}: {', '.join(['add', *words])}"


class SetPeer(NamedTuple):
    """Change what differs of a peer that stays; None leaves a thing as it is. ``add`` are allowed_ips."""

    public_key: PublicKey
    name: str | None = None
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    persistent_keepalive: int | None = None
    add: tuple[Prefix, ...] = ()

    def describe(self) -> str:
        words = _peer_words(self.preshared_key, self.endpoint, self.persistent_keepalive, self.add)
        return f"peer {label_peer(self.public_key, self.name)}: {', '.join(words)}"


class RemovePrefixes(NamedTuple):
    public_key: PublicKey
    name: str | None
    prefixes: tuple[Prefix, ...]

    def describe(self) -> str:
        return f"peer {label_peer(self.public_key, self.name)}: remove allowed_ips {_listed(self.prefixes)}"


class RemovePeer(NamedTuple):
    public_key: PublicKey
    name: str | None = None

    def describe(self) -> str:
        return f"peer {label_peer(self.public_key, self.name)}: remove"


class ClearPeers(NamedTuple):
    """Remove all peers at once; deleting an interface that still has them takes the kernel 12 ms each."""

    peers: int

    def describe(self) -> str:
        return f"remove all {self.peers} peers"


class AddAddress(NamedTuple):
    """``lifetime`` is for an address that ends."""

    address: InterfaceAddress
    lifetime: Lifetime | None = None

    def describe(self) -> str:
        return f"add address {self.address}"


class RemoveAddress(NamedTuple):
    address: InterfaceAddress

    def describe(self) -> str:
        return f"remove address {self.address}"


class SetLink(NamedTuple):
    mtu: int | None = None
    up: bool | None = None
    alias: str | None = None

    def describe(self) -> str:
        parts = [f"set mtu {self.mtu}"] if self.mtu is not None else []
        parts += [f"set alias {self.alias!r}"] if self.alias else ["clear alias"] if self.alias == "" else []
        parts += [f"set {'up' if self.up else 'down'}"] if self.up is not None else []
        return ", ".join(parts)


class SetDns(NamedTuple):
    """Make these the interface's name servers and search domains; ``NO_DNS`` clears."""

    dns: Dns

    def describe(self) -> str:
        return "clear dns" if self.dns == NO_DNS else f"set {self.dns}"


class AddRoute(NamedTuple):
    """``lifetime`` is for a route that ends."""

    route: Route
    lifetime: Lifetime | None = None

    def describe(self) -> str:
        return f"add route {self.route}"


class RemoveRoute(NamedTuple):
    route: Route

    def describe(self) -> str:
        return f"remove route {self.route}"


class AddRule(NamedTuple):
    rule: Rule

    def describe(self) -> str:
        return f"add rule {self.rule}"


class RemoveRule(NamedTuple):
    rule: Rule

    def describe(self) -> str:
        return f"remove rule {self.rule}"


class SetNetfilter(NamedTuple):
    """Replace the interface's own netfilter table of one family; without rules, remove it."""

    interface: str
    family: int
    rules: frozenset[str]

    def describe(self) -> str:
        which = "IPv4" if self.family == socket.AF_INET else "IPv6"
        return f"{'set' if self.rules else 'remove'} the {which} netfilter table wg-quick-{self.interface}"


class SetNftables(NamedTuple):
    """Replace the interface's own nftables table in one transaction; ``NO_TABLE`` removes it."""

    interface: str
    table: OwnTable

    def describe(self) -> str:
        return f"{'set' if self.table else 'remove'} the nftables table {own_table_label(self.interface)}"


class SetSourceValidMark(NamedTuple):
    """net.ipv4.conf.all.src_valid_mark: if it is 1, reverse path filtering considers the fwmark (wg-quick(8)).

    It applies to the whole host, so it is never switched off except to restore an earlier state.
    """

    on: bool = True

    def describe(self) -> str:
        return f"set sysctl net.ipv4.conf.all.src_valid_mark {self.on:d}"


WireGuardOperation = Union[SetDevice, AddPeer, SetPeer, RemovePrefixes, RemovePeer, ClearPeers]
Operation = Union[
    WireGuardOperation,
    CreateLink,
    DeleteLink,
    MoveLink,
    AddAddress,
    RemoveAddress,
    SetLink,
    SetDns,
    AddRoute,
    RemoveRoute,
    AddRule,
    RemoveRule,
    SetNetfilter,
    SetNftables,
    SetSourceValidMark,
]
