# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers during a key rotation: both keys are peers, and the allowed IPs belong to the key in use.

The key in use is the one with the latest handshake. A host has one key at a time, so the other one cannot have a newer
handshake; if the host goes back to its old key, that one has the latest handshake again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .._model.errors import InputError
from .._model.interface import RunningPeer
from .._model.keys import PublicKey, parse_peer_key
from .._model.names import parse_interface_name, parse_netns

Peers = Mapping[PublicKey, RunningPeer]


def with_next_keys(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of ``interface`` and ``config`` with one entry for each key.

    Raises InputError, and KernelError where the running interface cannot be read.
    """
    return {**options, "peers": list(split_peers(options["peers"], lambda: _running_peers(options)))}


def _running_peers(options: Mapping[str, Any]) -> Peers:
    from .._netlink.namespace import has_link, in_netns
    from .._wireguard.decode import DeviceDecoder
    from .._wireguard.reading import read_device

    interface, netns = parse_interface_name(options["interface"]), parse_netns(options.get("netns"), "netns")
    if not has_link(netns, interface):
        return {}
    with in_netns(netns):
        return read_device(interface, DeviceDecoder()).peers


def split_peers(entries: Sequence[Mapping[str, Any]], running: Callable[[], Peers]) -> Iterator[Mapping[str, Any]]:
    """Split the entries that have a next key. ``running`` reads the peers. Raises InputError with the option's path."""
    there = running()
    for index, entry in enumerate(entries):
        if not entry.get("next_public_key"):
            yield entry
            continue
        keys = read_pair(entry, index)
        secrets = entry.get("preshared_key"), entry.get("next_preshared_key")
        followed = _handshake(there, keys[1]) > _handshake(there, keys[0])
        for is_next, (key, secret) in enumerate(zip(keys, secrets)):
            mine = {"public_key": str(key), "preshared_key": secret, "next_public_key": None}
            if is_next == followed:
                yield {**entry, **mine}
            else:
                yield {"name": entry.get("name"), **mine, "allowed_ips": [], "persistent_keepalive": "0"}


def read_pair(entry: Mapping[str, Any], index: int) -> tuple[PublicKey, PublicKey]:
    """The key and the next key of an entry that has both. Raises InputError with the path of the option."""
    try:
        return parse_peer_key(entry["public_key"]), parse_peer_key(entry["next_public_key"], "next_public_key")
    except InputError as error:
        raise error.inside(f"peers[{index}]") from None


def _handshake(peers: Peers, key: PublicKey) -> float:
    return peers[key].latest_handshake if key in peers else 0.0
