# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compile the networks' policies and masquerading to the nftables table of each interface.

Tables of many hosts share nearly everything. So the sets and chains of a network are kept once, as text, and a host has
the names of its own; ``compose`` puts them together. ``$wg`` in a chain is the interface, ``$ours`` the host's
WireGuard interfaces. Rules look at a connection's original addresses and port in both directions, for every packet:
answers pass, a changed policy acts on connections that exist, and translation by others does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .._inventory.nouns import Member, Network
from .._inventory.policy import ICMP, ICMPV6, LAST_PORT, Grant, Service, Side
from .._inventory.prefixes import collapse
from .._inventory.services import EXTENSION_HEADERS
from .concerns import Concerns
from .masquerade import OWN, exits, masqueraded, nat_rules, source_sets
from .resolve import SideResolver
from .sets import FAMILIES, Sets, name_of, render_prefixes

# The set of a host's own addresses, but for the family.
SELF = "own"
_CLAMP = "tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu"
_ONLY_OURS = "iifname != $wg oifname != $wg return"
_HEADERS = ", ".join(map(str, sorted(EXTENSION_HEADERS)))
# What always passes, and what never does.
_FIRST = (
    "icmp type destination-unreachable icmp code frag-needed accept",
    "icmpv6 type packet-too-big accept",
    # What hides behind extension headers that the kernel does not know, or cannot see past.
    f"meta nfproto ipv6 meta l4proto {{ {_HEADERS} }} counter name denied drop",
    "ct state related meta l4proto { 1, 58 } accept",
    # The host does not receive its own addresses from elsewhere. Only IPv4 drops such packets by itself.
    "iifname != $wg ct direction original fib saddr type local counter name denied drop",
    # Such a source comes by the tunnel only.
    "iifname != $wg ct direction original fib saddr oifname $wg counter name denied drop",
)
# On a host that is no gateway, what it opens itself, and containers behind its own translation.
_OWN_FLOWS = ("iifname != $wg ct direction original accept", "iifname $wg ct direction reply accept")
_LAST = "counter name denied drop"


class Rules(NamedTuple):
    """The shared parts of one network, and of each host that has a table, which of them and what is its own."""

    shared: dict[str, Any]
    hosts: dict[str, dict[str, Any]]


class Placement(NamedTuple):
    """``relays``: the hosts of a network that pass on what others send. ``interfaces``: all interfaces of each host."""

    relays: frozenset[str]
    interfaces: Mapping[str, Sequence[str]]


def compile_rules(network: Network, resolver: SideResolver, placement: Placement) -> Rules:
    """Compile the rules of one network. Linear in members and grants."""
    ends = exits(network)
    kinds = {host.name: masqueraded(host, ends) for host in network.hosts}
    if network.policy is None and not any(kinds.values()) and not any(host.subnets for host in network.hosts):
        return Rules({}, {})
    compiler = _Compiler(network, resolver, placement, ends)
    hosts = {host.name: entry for host in network.hosts if (entry := compiler.entry(host, kinds[host.name]))}
    return Rules(compiler.shared, hosts)


class _Line(NamedTuple):
    """A grant in one family: the match of its source, that of its destination, and those of its services."""

    number: int
    sets: tuple[str, ...]
    source: str
    destination: str
    word: str
    services: tuple[str, ...]


class _Compiler:
    """Compiles the rules of one network. Equal parts of several hosts are made once."""

    def __init__(self, network: Network, resolver: SideResolver, placement: Placement, ends: frozenset[str]) -> None:
        self._network = network
        self._resolver = resolver
        self._placement = placement
        self._ends = ends
        self._sets = Sets()
        self._parts: dict[str, dict[str, Any]] = {}
        self._made: dict[tuple[object, ...], str] = {}
        policy = network.policy
        self._lines = [line for grant in policy.grants for line in self._grant(grant)] if policy else []
        self._concerns = Concerns(network, resolver)

    @property
    def shared(self) -> dict[str, Any]:
        return {"sets": self._sets.texts, "parts": self._parts}

    # --- a host ---

    def entry(self, host: Member, kinds: Sequence[str]) -> dict[str, Any]:
        """Which parts a host has, and what is its own; empty for a host without a table."""
        policy, is_off = self._network.policy, host.masquerade == ()
        forwards = self._is_relay(host) or bool(host.subnets)
        clamps = bool(kinds) or (bool(host.subnets) and not is_off) or (policy is not None and forwards)
        parts: list[str] = []
        own: dict[str, list[str]] = {}
        if policy is not None and forwards:
            numbers = None if self._is_relay(host) else self._concerns.of_gateway(host)
            parts.append(self._made_once(("gateway", numbers), lambda: self._gateway(numbers)))
        elif policy is not None:
            numbers = self._concerns.of_leaf(host)
            parts.append(self._made_once(("leaf", numbers, clamps), lambda: self._leaf(numbers, clamps)))
            own |= _by_name(SELF, (address.host for address in host.addresses))
        elif clamps:
            parts.append(self._made_once(("clamp",), lambda: self._part((), _chain("forward", [_ONLY_OURS, _CLAMP]))))
        if kinds:
            parts.append(self._made_once(("nat", kinds, bool(host.subnets)), lambda: self._nat(host, kinds)))
            own |= _by_name(OWN, collapse(host.subnets))
        if not parts:
            return {}
        return {
            "parts": parts,
            **({"own": own} if own else {}),
            **({"interfaces": list(self._placement.interfaces[host.name])} if kinds else {}),
        }

    def _is_relay(self, host: Member) -> bool:
        """Whether it forwards for others: a hub, an exit, or a host between networks."""
        name = host.name
        return name in self._placement.relays or name in self._ends or len(self._placement.interfaces[name]) > 1

    # --- parts ---

    def _made_once(self, key: tuple[object, ...], make: Any) -> str:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _part(self, sets: Iterable[str], text: str) -> str:
        """Keep a part under a key that changes with all that is in it."""
        names = list(dict.fromkeys(sets))
        digest = hashlib.sha256("\n".join([*(self._sets.texts.get(name, name) for name in names), text]).encode())
        key = digest.hexdigest()[:16]
        self._parts[key] = {"sets": names, "text": text}
        return key

    def _gateway(self, numbers: frozenset[int] | None) -> str:
        lines = [line for line in self._lines if numbers is None or line.number in numbers]
        rules = [
            " ".join([line.source, *([line.destination] if line.destination else []), *service, "accept"])
            for line in lines
            for service in ([text] if text else [] for text in line.services)
        ]
        sets = [name for line in lines for name in line.sets]
        return self._part(sets, self._access([_ONLY_OURS, _CLAMP, "jump access"], rules))

    def _leaf(self, numbers: frozenset[int], clamps: bool) -> str:
        lines = [line for line in self._lines if line.number in numbers]
        rules = [
            " ".join([line.source, f"ct original {line.word} daddr @{_own(line.word)}", *service, "accept"])
            for line in lines
            for service in ([text] if text else [] for text in line.services)
        ]
        sets = [*(line.sets[0] for line in lines), *sorted({_own(line.word) for line in lines})]
        forward = [_ONLY_OURS, *([_CLAMP] if clamps else []), "jump access"]
        return self._part(sets, self._access(forward, [*_OWN_FLOWS, *rules]))

    def _access(self, forward: Sequence[str], rules: Sequence[str]) -> str:
        local = ["iifname $wg ct direction reply accept", "iifname $wg jump access"]
        return "\n".join(
            [
                "counter denied {\n}",
                _chain("access", [*_FIRST, *rules, _LAST], ""),
                _chain("forward", forward),
                _chain("input", local),
            ]
        )

    def _nat(self, host: Member, kinds: Sequence[str]) -> str:
        names = source_sets(self._network, kinds, self._resolver.inside, self._sets)
        own = [name_of(OWN, family) for family, _word in FAMILIES] if host.subnets else []
        rules = nat_rules(kinds, names, bool(host.subnets))
        return self._part([*names, *own], _chain("nat", list(rules), "type nat hook postrouting priority srcnat"))

    # --- grants ---

    def _grant(self, grant: Grant) -> Iterator[_Line]:
        dst = grant.dst
        if dst.everything or not dst.internet:
            yield from self._grant_to(grant, dst)
            return
        yield from self._grant_to(grant, dst._replace(internet=False))
        # The host's own public address is not the Internet for what comes out of the tunnel.
        yield from self._grant_to(grant, Side(internet=True), "fib daddr type != local")

    def _grant_to(self, grant: Grant, dst: Side, *conditions: str) -> Iterator[_Line]:
        name = self._network.name
        sources = self._resolver.sources(name, grant.src)
        destinations = self._resolver.destinations(name, dst)
        for place, (family, word) in enumerate(FAMILIES):
            services = tuple(dict.fromkeys(text for each in grant.services for text in _service(each, family)))
            if not (sources[place] and destinations[place] and services):
                continue
            source = self._named("s", grant.number, family, sources[place])
            sets: tuple[str, ...] = (source,)
            matches = list(conditions)
            if not dst.everything:
                letter = "i" if dst.internet else "d"
                destination = self._named(letter, grant.number, family, destinations[place])
                sets = (source, destination)
                matches.insert(0, f"ct original {word} daddr @{destination}")
            match = " ".join(matches)
            yield _Line(grant.number, sets, f"ct original {word} saddr @{source}", match, word, services)

    def _named(self, letter: str, number: int, family: int, prefixes: Sequence[Prefix]) -> str:
        """The name of a set with this content, which another grant may have defined."""

        def define() -> str:
            (name,) = self._sets.add(f"{letter}{number}", prefixes)
            return name

        return self._made_once(("set", family, tuple(prefixes)), define)


def _own(word: str) -> str:
    return name_of(SELF, 4 if word == "ip" else 6)


def _by_name(kind: str, prefixes: Iterable[Prefix]) -> dict[str, list[str]]:
    found = list(prefixes)
    names = ((name_of(kind, family), 4 if family == 4 else 16) for family, _word in FAMILIES)
    parts = {name: render_prefixes(each for each in found if len(each[0]) == size) for name, size in names}
    return {name: texts for name, texts in parts.items() if texts}


def _chain(name: str, rules: Sequence[str], hook: str | None = None) -> str:
    hook = f"type filter hook {name} priority filter" if hook is None else hook
    lines = [f"{hook}; policy accept;"] if hook else []
    return "\n".join([f"chain {name} {{", *(f"  {rule}" for rule in [*lines, *rules]), "}"])


def _service(service: Service, family: int) -> Iterator[str]:
    """The matches of a service in one family, empty for all protocols. By number: hosts may lack /etc/protocols."""
    protocol = service.protocol
    if protocol is None:
        yield ""
        return
    if family == 6 and protocol == ICMP:
        protocol = ICMPV6
    elif family == 4 and protocol == ICMPV6:
        return
    match = f"meta l4proto {protocol}"
    if (service.first, service.last) == (0, LAST_PORT):
        yield match
        return
    ports = str(service.first) if service.first == service.last else f"{service.first}-{service.last}"
    # One port or range in each rule: nft 1.0.6 prints sets of them wrongly.
    yield f"{match} ct original proto-dst {ports}"
