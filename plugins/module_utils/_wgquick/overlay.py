# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply desired state to startup state: options that are not given stay as the file has them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from .._model.errors import InputError
from .._model.full_tunnel import DEFAULT_ROUTE, post_up_commands
from .._model.interface import EXACT, DesiredInterface, DesiredPeer
from .._model.keys import PublicKey
from .._model.prefix import InterfaceAddress, Prefix
from .file import DIRECTORY, WgQuickFile, WgQuickPeer
from .lines import alias_lines, dns_lines, is_replaced, table_lines
from .moved import HOST

_T = TypeVar("_T")

_FULL_TUNNEL = DesiredPeer(PublicKey(bytes(32)), allowed_ips=frozenset(DEFAULT_ROUTE.values()))
_OWN_COMMANDS = post_up_commands(DesiredInterface("", peers=(_FULL_TUNNEL,)))


def overlay(desired: DesiredInterface, file: WgQuickFile, table_file: str = "") -> WgQuickFile:
    """Return the content that the file should have. Raises InputError if the file cannot be managed.

    ``table_file`` has the interface's own nftables table; if not given, it is beside the file's usual place.

    ``overlay(desired, overlay(desired, file)) == overlay(desired, file)``. Peers keep their place in the file.
    """
    if file.save_config:
        raise InputError(
            "SaveConfig", "true", "wg-quick would overwrite the file when it stops", "remove the line from the file"
        )
    table_file = table_file or f"{DIRECTORY}/{desired.interface}.nft"
    existing = tuple(peer for peer in file.peers if peer.public_key not in desired.absent_peers)
    peers = existing if desired.peers is None else _overlay_peers(desired, desired.peers, existing)
    return WgQuickFile(
        private_key=desired.private_key or file.private_key,
        listen_port=_given(desired.listen_port, file.listen_port),
        fwmark=_given(desired.fwmark, file.fwmark),
        addresses=_overlay_addresses(desired, file),
        mtu=_given(desired.mtu, file.mtu),
        table=desired.table,
        unmanaged=(
            *table_lines(desired, table_file),
            *dns_lines(desired, file.unmanaged),
            *_own_hooks(desired, peers),
            *alias_lines(desired),
            *(line for line in file.unmanaged if not _is_own(line) and not is_replaced(desired, line, table_file)),
        ),
        peers=peers,
        netns=(desired.netns or HOST) if desired.is_apart else "",
    )


def _given(value: _T | None, otherwise: _T) -> _T:
    return otherwise if value is None else value


def _overlay_addresses(desired: DesiredInterface, file: WgQuickFile) -> tuple[InterfaceAddress, ...]:
    if desired.addresses is None:
        return file.addresses
    return (
        desired.addresses if desired.peers_mode == EXACT else tuple(dict.fromkeys(file.addresses + desired.addresses))
    )


def _overlay_peers(
    desired: DesiredInterface, wanted: Iterable[DesiredPeer], existing: tuple[WgQuickPeer, ...]
) -> tuple[WgQuickPeer, ...]:
    by_key = {peer.public_key: peer for peer in wanted}
    # A prefix has one owner: a peer that a wanted one takes it from is left without.
    taken = frozenset[Prefix]().union(*(peer.allowed_ips or () for peer in by_key.values()))
    peers = {}
    for peer in existing:
        if peer.public_key in by_key:
            peers[peer.public_key] = _overlay_peer(by_key[peer.public_key], peer, taken)
        elif desired.peers_mode != EXACT:
            peers[peer.public_key] = peer._replace(allowed_ips=peer.allowed_ips - taken)
    new = {key: _overlay_peer(peer, WgQuickPeer(key), taken) for key, peer in by_key.items() if key not in peers}
    return (*peers.values(), *new.values())


def _overlay_peer(wanted: DesiredPeer, peer: WgQuickPeer, taken: frozenset[Prefix]) -> WgQuickPeer:
    return WgQuickPeer(
        public_key=wanted.public_key,
        name=wanted.name or peer.name,
        preshared_key=_given(wanted.preshared_key, peer.preshared_key),
        endpoint=_given(wanted.endpoint, peer.endpoint),
        allowed_ips=_given(wanted.allowed_ips, peer.allowed_ips - taken),
        persistent_keepalive=_given(wanted.persistent_keepalive, peer.persistent_keepalive),
    )


def _own_hooks(desired: DesiredInterface, peers: Iterable[WgQuickPeer]) -> tuple[str, ...]:
    """List our PostUp lines. They come before all others, so that the tunnel does not wait for those.

    There are none if the interface is in another namespace than its sockets.
    """
    if desired.is_apart:
        return ()
    whole = tuple(DesiredPeer(peer.public_key, allowed_ips=peer.allowed_ips) for peer in peers)
    return tuple(f"PostUp = {command}" for command in post_up_commands(replace(desired, peers=whole)))


def _is_own(line: str) -> bool:
    key, _equals, value = line.partition("#")[0].partition("=")
    return key.strip().lower() == "postup" and value.strip() in _OWN_COMMANDS
