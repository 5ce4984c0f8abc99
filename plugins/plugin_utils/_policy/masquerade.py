# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts masquerade what, and the rules for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .._inventory.nouns import FULL, GLOBAL_IPV6, INTERNET, SUBNETS, Member, Network
from .._inventory.prefixes import UNIQUE_LOCAL, collapse, literal_prefix
from .sets import FAMILIES, Sets, name_of

# The sets of a host's own subnets, of what comes from its network, and of all networks, but for the family.
OWN, MEMBERS, NETWORKS = "subnets", "members", "networks"


def exits(network: Network) -> frozenset[str]:
    """The hosts where a full tunnel of a member ends."""
    hubs = [hub.name for hub in network.hubs]
    found = {member.hub or hubs[0] for member in (*network.spokes, *network.clients) if hubs and _sends_all(member)}
    chosen = ((name, peer.allowed_ips or ()) for member in network.members for name, peer in member.peers.items())
    return frozenset(found | {name for name, prefixes in chosen if _has_default(prefixes)})


def exit_addresses(networks: Iterable[Network]) -> list[Prefix]:
    """The literal endpoints of the hosts where full tunnels end: addresses of theirs, and not the Internet behind."""
    hosts = [host for network in networks for ends in [exits(network)] for host in network.hosts if host.name in ends]
    endpoints = [endpoint for host in hosts for endpoint in (host.endpoint, host.endpoint_inside) if endpoint]
    return [address for address in map(literal_prefix, endpoints) if address]


def _sends_all(member: Member) -> bool:
    return member.tunnel == FULL or _has_default(member.routes)


def _has_default(prefixes: Iterable[Prefix]) -> bool:
    return any(not prefix.length for prefix in prefixes)


def masqueraded(host: Member, ends: frozenset[str]) -> tuple[str, ...]:
    """What a host masquerades; ``ends`` are the hosts of ``exits``."""
    if host.masquerade is not None:
        return host.masquerade
    return (INTERNET,) if host.name in ends else ()


def source_sets(network: Network, kinds: Sequence[str], inside: Iterable[Prefix], sets: Sets) -> list[str]:
    """Define what a host's rules need, and list the names of the sets that exist."""
    sources = collapse(network.inside)
    is_global = GLOBAL_IPV6 in kinds
    translated = [prefix for prefix in sources if len(prefix[0]) == 4 or is_global or UNIQUE_LOCAL.covers(prefix)]
    kind = MEMBERS if is_global else f"local_{MEMBERS}"
    return [*sets.add(kind, translated), *(sets.add(NETWORKS, inside) if INTERNET in kinds else ())]


def nat_rules(kinds: Sequence[str], names: Iterable[str], has_subnets: bool) -> Iterator[str]:
    """The lines of the chain. ``names`` are those of ``source_sets``; ``$ours`` are the host's interfaces."""
    known = set(names)
    members = MEMBERS if GLOBAL_IPV6 in kinds else f"local_{MEMBERS}"
    for family, word in FAMILIES:
        sources, own, networks = (name_of(kind, family) for kind in (members, OWN, NETWORKS))
        if sources not in known:
            continue
        if has_subnets:
            # What is behind this host itself is none of the tunnel's.
            yield f"{word} saddr @{own} return"
        if has_subnets and SUBNETS in kinds:
            yield f"{word} saddr @{sources} {word} daddr @{own} oifname != $ours masquerade"
        if INTERNET in kinds:
            yield f"{word} saddr @{sources} {word} daddr != @{networks} oifname != $ours masquerade"
