# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ``interface`` that a wg-quick file and the file of its nftables table stand for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._model.errors import InputError
from .._model.interface import EXACT, DesiredInterface, DesiredPeer, RunningPeer
from .._model.keys import PublicKey
from .._model.own_table import TABLE_FILE_MARK, OwnTable, table_script
from .._wgquick.file import WgQuickFile
from .._wgquick.lines import read_alias

_PLACE = "$body"


def desired_of(file: WgQuickFile, interface: str, options: Mapping[str, Any], nftables: str) -> DesiredInterface:
    """The interface as the file has it. ``options``: what the file does not say. ``nftables``: the body of its table.

    Endpoints are left out: a running peer keeps the one that it has learned. Name servers are, too, since programs
    would have to be started to read them.
    """
    peers = tuple(
        DesiredPeer(
            peer.public_key,
            peer.name,
            peer.preshared_key,
            allowed_ips=peer.allowed_ips,
            persistent_keepalive=peer.persistent_keepalive,
        )
        for peer in file.peers
    )
    return DesiredInterface(
        interface,
        private_key=file.private_key,
        listen_port=file.listen_port or None,
        fwmark=file.fwmark or None,
        mtu=file.mtu or None,
        addresses=file.addresses,
        peers=peers,
        peers_mode=str(options.get("peers_mode", EXACT)),
        table=file.table,
        outside_replies=bool(options.get("outside_replies", True)),
        keep_routes=bool(options.get("keep_routes", False)),
        alias=read_alias(file.unmanaged),
        netns=str(options.get("netns") or ""),
        birth_netns=str(options.get("birth_netns") or ""),
        nftables=nftables,
    )


def follow_keys(
    peers: Iterable[DesiredPeer], read_running: Callable[[], Mapping[PublicKey, RunningPeer]]
) -> tuple[DesiredPeer, ...]:
    """The peers during a key rotation, when the file has two keys of the same name, one of them without allowed IPs.

    They belong to the key with the latest handshake, whatever the file says: a run that does not change the file would
    leave them there, too (``_rotation.key_transition``). ``read_running`` is needed only where there are two keys.
    """
    peers = tuple(peers)
    named: dict[str, list[DesiredPeer]] = {}
    for peer in peers:
        if peer.name:
            named.setdefault(peer.name, []).append(peer)
    pairs = [
        (used, idle)
        for pair in named.values()
        if len(pair) == 2
        for used, idle in [sorted(pair, key=lambda peer: not peer.allowed_ips)]
        if used.allowed_ips and not idle.allowed_ips
    ]
    running, moved = read_running() if pairs else {}, {}
    for used, idle in pairs:
        keys = used.public_key, idle.public_key
        since, next_since = (running[key].latest_handshake if key in running else 0.0 for key in keys)
        if next_since > since:
            moved[idle.public_key] = idle._replace(
                allowed_ips=used.allowed_ips, persistent_keepalive=used.persistent_keepalive
            )
            moved[used.public_key] = used._replace(allowed_ips=frozenset(), persistent_keepalive=0)
    return tuple(moved.get(peer.public_key, peer) for peer in peers)


def parse_table_file(text: str, interface: str, path: str) -> str:
    """The body of the table in a file as ``config`` writes it, empty for somebody else's file, which it leaves alone.

    Raises InputError for one of its own that was changed by hand.
    """
    if not text.startswith(TABLE_FILE_MARK):
        return ""
    before, after = table_script(interface, OwnTable("", _PLACE)).split(_PLACE)
    start = text.find(before)
    if start < 0 or not text.endswith(after) or text[:start].count("\n") > 1:
        problem = "not as cryptokey.wireguard.config has written it"
        raise InputError("nftables table", path, problem, "run Ansible again for this host")
    return text[start + len(before) : len(text) - len(after)]
