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
from .pings import Pings
from .resolve import SideResolver
from .sets import FAMILIES, Sets, by_set, name_of, render_prefixes

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
# What containers behind the own translation of a host that is no gateway open.
_OWN_FLOWS = ("iifname != $wg ct direction original accept", "iifname $wg ct direction reply accept")
# The host's own public address is not the Internet for what comes out of the tunnel.
_NOT_LOCAL = "ct direction original fib daddr type local return"
_LAST = "counter name denied drop"


class Rules(NamedTuple):
    """The shared parts of one network, and of each host that has a table, which of them and what is its own.

    ``pings``: those that the policy allows, None without a policy.
    """

    shared: dict[str, Any]
    hosts: dict[str, dict[str, Any]]
    pings: Pings | None = None


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
    return Rules(compiler.shared, hosts, Pings(network, resolver) if network.policy is not None else None)


class _Line(NamedTuple):
    """A grant in one family: the match of its source, that of its destination, and those of its services.

    ``sets``: that of its source, and that of its destination if it has one. ``internet``: whether it is for the
    Internet.
    """

    number: int
    sets: tuple[str, ...]
    source: str
    destination: str
    word: str
    services: tuple[str, ...]
    internet: bool

    @property
    def own(self) -> str:
        """The set of a host's own addresses."""
        return name_of(SELF, 4 if self.word == "ip" else 6)

    def rules(self, source: str, destination: str) -> list[str]:
        """One rule for each service."""
        return [" ".join(filter(None, (source, destination, service, "accept"))) for service in self.services]


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
            numbers = None if self._is_relay(host) else self._concerns.to_host(host) | self._concerns.from_host(host)
            parts.append(self._made_once(("gateway", numbers), lambda: self._gateway(numbers)))
        elif policy is not None:
            to_host, from_host = self._concerns.to_host(host), self._concerns.from_host(host)
            key = ("leaf", to_host, from_host, clamps)
            parts.append(self._made_once(key, lambda: self._leaf(to_host, from_host, clamps)))
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
        rules = [rule for line in lines if not line.internet for rule in line.rules(line.source, line.destination)]
        outside = [rule for line in lines if line.internet for rule in line.rules(line.source, line.destination)]
        sets = [name for line in lines for name in line.sets]
        return self._part(sets, self._access([_ONLY_OURS, _CLAMP, "jump access"], rules, outside))

    def _leaf(self, to_host: frozenset[int], from_host: frozenset[int], clamps: bool) -> str:
        """Grants to the host, and for the answers to what it begins itself, grants from it."""
        arriving = [line for line in self._lines if line.number in to_host and not line.internet]
        leaving = [line for line in self._lines if line.number in from_host]
        rules = [
            rule for line in arriving for rule in line.rules(line.source, f"ct original {line.word} daddr @{line.own}")
        ]
        outside: list[str] = []
        for line in leaving:
            found = line.rules(f"ct original {line.word} saddr @{line.own}", line.destination)
            (outside if line.internet else rules).extend(found)
        sets = [*(line.sets[0] for line in arriving), *(name for line in leaving for name in line.sets[1:])]
        sets += sorted({line.own for line in (*arriving, *leaving)})
        forward = [_ONLY_OURS, *([_CLAMP] if clamps else []), *_OWN_FLOWS, "jump access"]
        return self._part(sets, self._access(forward, rules, outside))

    def _access(self, forward: Sequence[str], rules: Sequence[str], outside: Sequence[str]) -> str:
        """``outside``: the rules for the Internet."""
        chains = [_chain("internet", [_NOT_LOCAL, *outside], "")] if outside else []
        jump = ["jump internet"] if outside else []
        return "\n".join(
            [
                "counter denied {\n}",
                *chains,
                _chain("access", [*_FIRST, *rules, *jump, _LAST], ""),
                _chain("forward", forward),
                _chain("input", ["iifname $wg jump access"]),
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
        yield from self._grant_to(grant, Side(internet=True))

    def _grant_to(self, grant: Grant, dst: Side) -> Iterator[_Line]:
        name = self._network.name
        sources = self._resolver.sources(name, grant.src)
        destinations = self._resolver.destinations(name, dst)
        for place, (family, word) in enumerate(FAMILIES):
            services = tuple(dict.fromkeys(text for each in grant.services for text in _service(each, family)))
            if not (sources[place] and destinations[place] and services):
                continue
            source = self._named("s", grant.number, family, sources[place])
            sets: tuple[str, ...] = (source,)
            match = ""
            if not dst.everything:
                destination = self._named("i" if dst.internet else "d", grant.number, family, destinations[place])
                sets, match = (source, destination), f"ct original {word} daddr @{destination}"
            source_match = f"ct original {word} saddr @{source}"
            yield _Line(grant.number, sets, source_match, match, word, services, dst.internet and not dst.everything)

    def _named(self, letter: str, number: int, family: int, prefixes: Sequence[Prefix]) -> str:
        """The name of a set with this content, which another grant may have defined."""

        def define() -> str:
            (name,) = self._sets.add(f"{letter}{number}", prefixes)
            return name

        return self._made_once(("set", family, tuple(prefixes)), define)


def _by_name(kind: str, prefixes: Iterable[Prefix]) -> dict[str, list[str]]:
    return {name: render_prefixes(found) for name, found in by_set(kind, prefixes).items()}


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
