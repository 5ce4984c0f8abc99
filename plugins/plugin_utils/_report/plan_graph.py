# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of ``plan`` seen as a graph: the members of each network and the links between them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

HUB = "hub"
HOST = "host"
CLIENT = "client"


@dataclass
class Member:
    """A host or client in one network. ``addresses`` are bare, ``peers`` as the plan has them.

    ``kind`` is ``hub`` for whoever passes on packets to other members. ``known``: whether its public key is.
    ``endpoint`` is where others look for it, ``behind`` what is reached through it besides its own addresses.
    """

    name: str
    kind: str
    addresses: tuple[str, ...]
    peers: Sequence[Mapping[str, Any]]
    known: bool
    expired: bool = False
    endpoint: str = ""
    behind: tuple[str, ...] = ()


@dataclass
class Picture:
    """One network; ``members`` by name, in the order of their names, clients last."""

    network: str
    members: dict[str, Member] = field(default_factory=dict)


class Link(NamedTuple):
    """Two members of whom at least one has the other as a peer; ``whole`` when both do, by keys that are known.

    The second one can be called, if only one can.
    """

    names: tuple[str, str]
    whole: bool
    second_called: bool
    both_called: bool


def read_pictures(plan: Mapping[str, Any]) -> list[Picture]:
    """The networks of a plan by their names."""
    pictures: dict[str, Picture] = {}
    unknown = set(plan.get("unknown_keys") or ())
    for host in sorted(plan["hosts"]):
        for entry in plan["hosts"][host]:
            options = entry["options"]
            member = Member(host, HOST, _bare(options["addresses"]), options["peers"], host not in unknown)
            _picture(pictures, entry["network"]).members[host] = member
    for network, clients in (plan.get("clients") or {}).items():
        for name in sorted(clients):
            entry = clients[name]
            expired = bool(entry.get("expired"))
            member = Member(name, CLIENT, _bare(entry["addresses"]), entry["peers"], name not in unknown, expired)
            _picture(pictures, network).members[name] = member
    for picture in pictures.values():
        _see_through_peers(picture)
    return [pictures[name] for name in sorted(pictures)]


def _picture(pictures: dict[str, Picture], network: str) -> Picture:
    return pictures.setdefault(network, Picture(network))


def _bare(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(address.partition("/")[0] for address in addresses)


def _see_through_peers(picture: Picture) -> None:
    """What a member is to the others, which only their peer entries say."""
    reached: dict[str, dict[str, None]] = {}
    for member in picture.members.values():
        for peer in member.peers:
            seen = picture.members.get(peer["name"])
            if seen is not None:
                seen.endpoint = seen.endpoint or peer.get("endpoint") or ""
                reached.setdefault(seen.name, {}).update(dict.fromkeys(peer["allowed_ips"]))
    addresses = _Addresses(picture.members.values())
    for name, prefixes in reached.items():
        member = picture.members[name]
        own = {_host_prefix(address) for address in member.addresses}
        behind = tuple(prefix for prefix in prefixes if prefix not in own)
        if any(addresses.has_other(prefix, name) for prefix in behind):
            member.kind = HUB
        else:
            member.behind = behind


def _host_prefix(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


class _Addresses:
    """The addresses of all members in order, so that who lies in a prefix is found by halving."""

    def __init__(self, members: Iterable[Member]) -> None:
        pairs = [(ip_address(text), member.name) for member in members for text in member.addresses]
        self._sorted = {
            version: sorted((int(address), name) for address, name in pairs if address.version == version)
            for version in (4, 6)
        }

    def has_other(self, prefix: str, name: str) -> bool:
        """Whether another member's address lies in the prefix."""
        network = ip_network(prefix, strict=False)
        entries = self._sorted[network.version]
        first = bisect_left(entries, (int(network.network_address), ""))
        last = bisect_right(entries, (int(network.broadcast_address), "\U0010ffff"))
        return any(owner != name for _address, owner in entries[first:last])


def links(picture: Picture) -> Iterator[Link]:
    """Each pair once, by their names."""
    ends: dict[tuple[str, str], dict[str, bool]] = {}
    for member in picture.members.values():
        for peer in member.peers:
            first, second = sorted((member.name, peer["name"]))
            # Whom a member has as a peer, and whether it can call that one.
            ends.setdefault((first, second), {})[peer["name"]] = bool(peer.get("endpoint"))
    for (first, second), called in sorted(ends.items()):
        names = (second, first) if called.get(first) and not called.get(second) else (first, second)
        known = all(name not in picture.members or picture.members[name].known for name in names)
        yield Link(
            names, known and len(called) == 2, bool(called.get(names[1])), all(called.get(name) for name in names)
        )
