# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Group found interfaces into networks: interfaces that are each other's peers, and their peers that are no hosts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    format_ip,
    sort_prefixes,
)

from .._inventory.errors import Problems, list_names
from .._inventory.short_names import is_short, shorten_name
from .found import FoundInterface, FoundPeer

# The bytes of an address to the shortest prefix length that is assumed of a network that no interface has as its own.
_SHORTEST = {4: 16, 16: 48}


class Stranger(NamedTuple):
    """A peer that no adopted host is. ``host`` has it; ``addresses`` are its single ones in the network."""

    name: str
    host: str
    peer: FoundPeer
    addresses: tuple[Prefix, ...]


@dataclass(frozen=True)
class Component:
    """A network as it was found. ``members`` by host, each once."""

    name: str
    members: Mapping[str, FoundInterface]
    strangers: tuple[Stranger, ...]
    prefixes: tuple[Prefix, ...]

    @cached_property
    def names(self) -> dict[str, str]:
        """Public key to the name of a member or stranger."""
        known = {member.public_key: host for host, member in self.members.items()}
        return {**known, **{stranger.peer.public_key: stranger.name for stranger in self.strangers}}

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The members of which one has the other as a peer, by name, each pair once and in order."""
        names = self.names
        found = {
            (min(host, names[key]), max(host, names[key]))
            for host, member in self.members.items()
            for key in member.peers
            if names[key] in self.members
        }
        return sorted(found)

    def seen(self, name: str) -> list[tuple[str, FoundPeer]]:
        """The members that have this one as a peer, and as what."""
        return self._seen.get(self.members[name].public_key, [])

    @cached_property
    def _seen(self) -> dict[str, list[tuple[str, FoundPeer]]]:
        seen: dict[str, list[tuple[str, FoundPeer]]] = {}
        for host, member in self.members.items():
            for key, peer in member.peers.items():
                seen.setdefault(key, []).append((host, peer))
        return seen


def find_components(
    found: Iterable[FoundInterface], taken: Collection[str], problems: Problems
) -> tuple[list[Component], list[str]]:
    """The networks, by what they are to be called, and what is to be said of them. ``taken``: names of hosts.

    Those that cannot be adopted are left out, and go to ``problems``.
    """
    by_key = {each.public_key: each for each in found}
    components, notes = [], []
    used: set[str] = set()
    for group in _groups(by_key):
        before = len(problems)
        hosts = Counter(each.host for each in group)
        for each in group:
            if hosts[each.host] > 1:
                remedy = "adopt them one by one, with -e wireguard_adopt_interfaces"
                problems.add(each.host, each.path, None, "two interfaces of the host are in one network", remedy)
        if len(group) == 1 and not group[0].peers:
            notes.append(f"{group[0].host} {group[0].interface}: has no peers, left alone")
            continue
        name = _unique(Counter(each.interface for each in group).most_common(1)[0][0], used)
        members = {each.host: each for each in group}
        peers = [peer for each in group for key, peer in each.peers.items() if key not in by_key]
        prefixes = find_prefixes(group, peers)
        strangers = _strangers(members, by_key, prefixes, taken, problems)
        if len(problems) > before:
            continue
        components.append(Component(name, members, strangers, prefixes))
    return components, notes


def _groups(by_key: Mapping[str, FoundInterface]) -> list[list[FoundInterface]]:
    """Those that hang together, each group sorted, and the groups by their first ones."""
    near: dict[str, set[str]] = {key: set() for key in by_key}
    for key, each in by_key.items():
        for peer in each.peers:
            if peer in near:
                near[key].add(peer)
                near[peer].add(key)
    groups, seen = [], set[str]()
    for start in by_key:
        group, waiting = [], [start]
        while waiting:
            key = waiting.pop()
            if key not in seen:
                seen.add(key)
                group.append(by_key[key])
                waiting += near[key]
        if group:
            groups.append(sorted(group, key=lambda each: (each.host, each.interface)))
    return sorted(groups, key=lambda group: (group[0].interface, group[0].host))


def _unique(name: str, used: set[str]) -> str:
    number, chosen = 1, name
    while chosen in used:
        number += 1
        chosen = f"{name}_{number}"
    used.add(chosen)
    return chosen


def _strangers(
    members: Mapping[str, FoundInterface],
    known: Collection[str],
    prefixes: Iterable[Prefix],
    taken: Collection[str],
    problems: Problems,
) -> tuple[Stranger, ...]:
    owners: dict[str, list[str]] = {}
    for host, member in members.items():
        for key in member.peers:
            if key not in known:
                owners.setdefault(key, []).append(host)
    strangers, used = [], set(taken)
    for key, hosts in sorted(owners.items(), key=lambda item: (item[1], item[0])):
        peer = members[hosts[0]].peers[key]
        if len(hosts) > 1:
            problem = f"this peer of {list_names(hosts)} is not an adopted host"
            remedy = "add it to the inventory and adopt it too, or remove the peer from all but one of them"
            problems.add(hosts[0], members[hosts[0]].path, peer.name or key, problem, remedy)
        own = tuple(each for each in singles(peer) if is_held(each, prefixes))
        name = shorten_name(_client_name(peer, own), used)
        used.add(name)
        strangers.append(Stranger(name, hosts[0], peer, own))
    return tuple(strangers)


def _client_name(peer: FoundPeer, addresses: Iterable[Prefix]) -> str:
    """What its file calls it, else after its address, its endpoint or its key; in letters that names of files may have.

    A peer with an endpoint and without an address is most likely a server of somebody else.
    """
    text = re.sub(r"[^A-Za-z0-9_.-]+", "_", peer.name or "").strip("_.-")
    if text:
        return text
    first = next((format_ip(prefix.packed) for prefix in addresses), "")
    kind = "client"
    if peer.endpoint and not first:
        host, kind = peer.endpoint.host, "server"
        first = host if peer.endpoint.is_literal else host.partition(".")[0]
    named = [f"{start}_{_word(first)}" for start in (kind, kind[0]) if _word(first)]
    # A part of an address would be misleading.
    return next(filter(is_short, named), f"{kind}_{_word(peer.public_key[:8])}")


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def find_prefixes(members: Iterable[FoundInterface], strangers: Iterable[FoundPeer]) -> tuple[Prefix, ...]:
    """Find the prefixes of a network, which hold all its addresses.

    1. The networks of the members' addresses, unless an address has the length of a single one.
    2. In each family, a prefix that holds the remaining addresses, see ``_prefixes_around``. Strangers' addresses count
       where the first step has found none.
    3. The addresses of strangers that have none in these prefixes.
    """
    listed = list(members)
    addresses = [address for member in listed for address in member.addresses]
    networks = [each.network for each in addresses if 0 < each.length < len(each.packed) * 8]
    allowed = [prefix for member in listed for peer in member.peers.values() for prefix in peer.allowed_ips]
    of_strangers = [singles(peer) for peer in strangers]
    for size in _SHORTEST:
        outside = [each.host for each in addresses if len(each.packed) == size and not is_held(each.host, networks)]
        if not any(len(network.packed) == size for network in networks):
            outside += [each for own in of_strangers for each in own if len(each.packed) == size]
        networks += _prefixes_around(outside, allowed)
    for own in of_strangers:
        if not any(is_held(each, networks) for each in own):
            networks += own
    return tuple(each for each in sort_prefixes(set(networks)) if not _is_within_another(each, networks))


def _prefixes_around(addresses: list[Prefix], allowed: Iterable[Prefix]) -> list[Prefix]:
    """Find the prefix that holds all these single addresses, which are of one family.

    It is the longest of the ``allowed`` ones that does, else the longest possible one. If that is shorter than a
    network's should be, each address stands for itself.
    """
    if not addresses:
        return []
    size = len(addresses[0].packed)
    around = [
        prefix
        for prefix in allowed
        if _SHORTEST[size] <= prefix.length < size * 8 and all(map(prefix.covers, addresses))
    ]
    common = max(around, key=lambda prefix: prefix.length, default=_common(addresses))
    return [common] if common.length >= _SHORTEST[size] else addresses


def is_held(single: Prefix, networks: Iterable[Prefix]) -> bool:
    """Whether one of the networks has this address."""
    return any(network.covers(single) for network in networks)


def _is_within_another(prefix: Prefix, networks: Iterable[Prefix]) -> bool:
    return any(each.covers(prefix) for each in networks if each != prefix)


def singles(peer: FoundPeer) -> list[Prefix]:
    """The single addresses among a peer's allowed_ips, IPv4 before IPv6."""
    return sort_prefixes(prefix for prefix in peer.allowed_ips if prefix.length == len(prefix.packed) * 8)


def _common(prefixes: list[Prefix]) -> Prefix:
    """The smallest prefix that holds all of these, which are of one family."""
    low = min(int.from_bytes(each.packed, "big") for each in prefixes)
    high = max(int.from_bytes(each.packed, "big") for each in prefixes)
    size = len(prefixes[0].packed)
    length = size * 8 - (low ^ high).bit_length()
    shift = size * 8 - length
    return Prefix((low >> shift << shift).to_bytes(size, "big"), length)
