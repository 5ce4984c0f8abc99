# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose where to ping the peers of an interface, to see whether its tunnels carry traffic. Pure.

``plans`` are the hosts of a plan: ``{HOST: [{"network": ..., "options": {"peers": [...], ...}, ...}]}``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix

Plans = Mapping[str, Sequence[Mapping[str, Any]]]


def ping_targets(
    interface: Mapping[str, Any], plans: Plans, among: Collection[str] | None = None, host: str | None = None
) -> list[dict[str, str]]:
    """The targets of ``ping`` for the peers of an interface that are hosts; where ``among`` is given, no other ones.

    A peer is pinged at its first address of each family that can be pinged: both ends have an address of the family,
    they send it to each other, and the access rules allow it. A peer without any is a target by its ``public_key``,
    which is judged by its handshake. ``host`` has the interface; without it, what the peer sends back is taken for
    granted.
    """
    wanted = None if among is None else set(among)
    own = [address.partition("/")[0] for address in interface["options"]["addresses"]]
    silent = frozenset(interface.get("silent", ()))
    found: list[dict[str, str]] = []
    for peer in interface["options"]["peers"]:
        name = peer["name"]
        others = [] if wanted is not None and name not in wanted else same_network(name, interface, plans)
        for other in others:
            back = _peer_of(other, host)
            families: dict[bool, str] = {}
            for address in other["options"]["addresses"]:
                bare = address.partition("/")[0]
                if (":" in bare) not in families and bare not in silent and _can_ping(peer, bare, own, back):
                    families[":" in bare] = bare
            pings = [{"name": name, "address": address} for address in families.values()]
            found += pings or [{"name": name, "public_key": peer["public_key"]}]
    return found


def _can_ping(peer: Mapping[str, Any], address: str, own: Iterable[str], back: Mapping[str, Any] | None) -> bool:
    """Whether packets to the address go to the peer, and answers to one of the ``own`` addresses come ``back``."""
    sources = [source for source in own if (":" in source) == (":" in address)]
    if not sources or not _sends(peer, address):
        return False
    return back is None or any(_sends(back, source) for source in sources)


def _sends(peer: Mapping[str, Any], address: str) -> bool:
    """Whether the allowed IPs of the peer hold the address."""
    texts = peer["allowed_ips"]
    whole = f"{address}/{128 if ':' in address else 32}"
    if whole in texts:  # as almost always, and without parsing what may be long
        return True
    single = parse_prefix(whole)
    return any(parse_prefix(text).covers(single) for text in texts if (":" in text) == (":" in address))


def _peer_of(interface: Mapping[str, Any], name: str | None) -> Mapping[str, Any] | None:
    """The peer of this name, where the interface has it. A plan's peers are sorted by name."""
    peers = interface["options"]["peers"]
    place = bisect_left(peers, name, key=lambda peer: peer["name"]) if name else len(peers)
    return peers[place] if place < len(peers) and peers[place]["name"] == name else None


def same_network(host: str, interface: Mapping[str, Any], plans: Plans) -> list[Mapping[str, Any]]:
    """What this host has in the interface's network; nothing when it is a client."""
    return [other for other in plans.get(host, ()) if other["network"] == interface["network"]]
