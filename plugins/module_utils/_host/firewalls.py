# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find rules of other programs that drop what an interface forwards or receives. They are never changed.

The first packet of a connection is followed through the chains of the forward and the input hook. A false alarm is
worse than a missed drop: a drop counts only if it is certain, and an accept rule that names the interface, its port or
an address counts as a match. A rule that cannot be judged, such as one with a limit or an iptables extension, decides
nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .._model.full_tunnel import netfilter_table
from .._model.own_table import own_table_name

_ACCEPT, _DROP, _RETURN = "accept", "drop", "return"
_UDP = ("udp", 17)
_PROTOCOLS = (("meta", "l4proto"), ("payload", "ip", "protocol"), ("payload", "ip6", "nexthdr"))
# The kernel refuses loops of jumps. This limit is for invalid listings.
_DEEPEST = 16

Rule = Sequence[Mapping[str, Any]]


class Passage(NamedTuple):
    """The first packet of a connection. ``port``: its UDP port here, 0 for a packet that is forwarded."""

    iif: str
    oif: str = ""
    port: int = 0


class Chain(NamedTuple):
    """One chain with its rules. ``hook``: empty unless a base chain of type filter. ``policy``: accept by default."""

    family: str
    table: str
    name: str
    hook: str
    policy: str
    rules: list[Rule]


Chains = Mapping[tuple[str, str, str], Chain]


def find_drops(
    listing: Mapping[str, Any], interface: str, families: Collection[str], port: int, links: Iterable[str] | None
) -> list[str]:
    """Describe what drops new connections, with the commands that allow them.

    ``listing``: the JSON of ``nft -j list ruleset``. ``families``: those of ``ip`` and ``ip6`` that are forwarded.
    ``port``: the UDP port that must be reachable, 0 for none. ``links``: the other interfaces that packets can be
    forwarded to, None if the interface does not forward.

    Raises AttributeError, KeyError, TypeError or ValueError for other JSON.
    """
    chains = _read_chains(listing)
    packets = {
        "forward": [] if links is None else [Passage(interface, link) for link in (interface, *links)],
        "input": [Passage("", port=port)] if port else [],
    }
    # Most peers connect over IPv4, so an input chain for IPv6 alone does not count.
    counted = {"forward": {*families, "inet"}, "input": {"ip", "inet"}}
    found = (
        _describe(chains, chain, interface, port)
        for chain in chains.values()
        if _is_foreign(chain) and chain.family in counted.get(chain.hook, ()) and packets[chain.hook]
        if not any(_passes(chains, chain, interface, packet) for packet in packets[chain.hook])
    )
    return list(dict.fromkeys(found))


def _is_foreign(chain: Chain) -> bool:
    return not chain.table.startswith((own_table_name(""), netfilter_table("")))


def _read_chains(listing: Mapping[str, Any]) -> Chains:
    """Read the chains with their rules. Raises KeyError, TypeError or ValueError if this is not a listing."""
    chains: dict[tuple[str, str, str], Chain] = {}
    for item in listing["nftables"]:
        if "chain" in item:
            entry = item["chain"]
            hook = entry.get("hook", "") if entry.get("type") == "filter" else ""
            key = entry["family"], entry["table"], entry["name"]
            chains[key] = Chain(*key, hook, entry.get("policy", _ACCEPT), [])
    for item in listing["nftables"]:
        if "rule" in item:
            entry = item["rule"]
            chains[entry["family"], entry["table"], entry["chain"]].rules.append(entry["expr"])
    return chains


def _passes(chains: Chains, chain: Chain, interface: str, packet: Passage) -> bool:
    verdict = _follow(chains, chain, interface, packet, 0)
    return (chain.policy if verdict == _RETURN else verdict) != _DROP


def _follow(chains: Chains, chain: Chain, interface: str, packet: Passage, depth: int) -> str:
    """Return the verdict of a chain. In doubt, it lets the packet continue."""
    for rule in chain.rules if depth < _DEEPEST else ():
        fits = _fits(rule, interface, packet)
        if fits is False:
            continue
        for statement in rule:
            kind = next(iter(statement))
            if kind in ("drop", "reject") and fits:
                return _DROP
            if kind in (_ACCEPT, "queue") and fits is not None:
                return _ACCEPT
            if kind == _RETURN and fits:
                return _RETURN
            if kind == "vmap":
                return _ACCEPT
            if kind in ("jump", "goto"):
                target = chains.get((chain.family, chain.table, statement[kind]["target"]))
                verdict = _follow(chains, target, interface, packet, depth + 1) if target else _RETURN
                if verdict == _ACCEPT or (verdict == _DROP and fits):
                    return verdict
                if kind == "goto" and fits:
                    return _RETURN
    return _RETURN


def _fits(rule: Rule, interface: str, packet: Passage) -> bool | None:
    """Whether the rule matches the packet, None if unknown.

    An accept rule that names the interface, its port or an address matches.
    """
    named = False
    doubtful = False
    extended = any("xt" in statement for statement in rule)
    for statement in rule:
        ((kind, value),) = statement.items()
        if kind == "match":
            fits, names = _matches(value, interface, packet)
            if fits is False:
                return False
            # Older versions of iptables have the port in an extension, which nft does not show.
            named |= names or bool(fits and packet.port and extended and _key(value["left"]) in _PROTOCOLS)
            doubtful |= fits is None
        else:
            doubtful |= kind in ("xt", "limit", "quota", "ct count")
    if named and any(_ACCEPT in statement for statement in rule):
        return True
    return None if doubtful else True


def _matches(match: Mapping[str, Any], interface: str, packet: Passage) -> tuple[bool | None, bool]:
    """Whether the packet matches (None if unknown), and whether the match names the interface, port or an address."""
    right = match["right"]
    key = _key(match["left"])
    fits: bool | None = None
    names = False
    if key in (("meta", "iifname"), ("meta", "iif"), ("meta", "oifname"), ("meta", "oif")):
        link = packet.iif if str(key[1]).startswith("iif") else packet.oif
        # A received packet may come from any interface but these two.
        fits = _has_name(right, link) if link else (None if not _has_name(right, "lo") else False)
        fits = False if not link and _has_name(right, interface) else fits
        names = bool(link == interface and _has_name(right, interface) and match["op"] != "!=")
    elif key == ("ct", "state"):
        fits = "new" in _values(right)
    elif key in _PROTOCOLS:
        fits = any(value in _UDP for value in _values(right)) if packet.port else None
    elif key[:1] == ("payload",) and key[1:] in (("udp", "dport"), ("th", "dport")):
        fits = _has_number(right, packet.port) if packet.port else None
        names = bool(fits)
    elif key[:1] == ("payload",) and key[1:2] in (("tcp",), ("icmp",), ("icmpv6",)):
        fits = False if packet.port else None
    elif key[:1] == ("payload",) and key[2:] in (("saddr",), ("daddr",)):
        names = not packet.port
    if fits is not None and match["op"] == "!=":
        fits = not fits
    return fits, names


def _key(left: Any) -> tuple[str, ...]:
    """Return what a match compares, such as ``("meta", "iifname")``; empty for other forms."""
    return next(((kind, *map(str, of.values())) for kind, of in left.items() if isinstance(of, dict)), ())


def _values(right: Any) -> list[Any]:
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    return list(right) if isinstance(right, list) else [right]


def _has_name(right: Any, link: str) -> bool:
    names = [str(value) for value in _values(right)]
    return any(link == name or (name.endswith("*") and link.startswith(name[:-1])) for name in names)


def _has_number(right: Any, number: int) -> bool | None:
    for value in _values(right):
        low, high = value["range"] if isinstance(value, dict) and "range" in value else (value, value)
        if not (isinstance(low, int) and isinstance(high, int)):
            return None
        if low <= number <= high:
            return True
    return False


def _describe(chains: Chains, chain: Chain, interface: str, port: int) -> str:
    what = f"what {interface} forwards" if chain.hook == "forward" else f"packets to UDP port {port} of {interface}"
    where = f"the chain {chain.name} of the nftables table {chain.family} {chain.table}"
    commands = " and ".join(f"'{command}'" for command in _remedies(chains, chain, interface, port))
    return f"{where} drops {what}. To allow it, run {commands}"


def _remedies(chains: Chains, chain: Chain, interface: str, port: int) -> list[str]:
    forward = chain.hook == "forward"
    others = {name for family, table, name in chains if (family, table) == (chain.family, chain.table)}
    iptables = "ip6tables" if chain.family == "ip6" else "iptables"
    if chain.table == "firewalld":
        what = f"--zone=trusted --add-interface={interface}" if forward else f"--add-port={port}/udp"
        return [f"firewall-cmd --permanent {what}", "firewall-cmd --reload"]
    if forward and "DOCKER-USER" in others:
        return [f"{iptables} -I DOCKER-USER {way} {interface} -j ACCEPT" for way in ("-i", "-o")]
    if any(name.startswith("ufw") for name in others):
        return [f"ufw route allow in on {interface}" if forward else f"ufw allow {port}/udp"]
    if chain.table == "filter" and chain.name in ("FORWARD", "INPUT"):
        if forward:
            return [f"{iptables} -I FORWARD {way} {interface} -j ACCEPT" for way in ("-i", "-o")]
        return [f"{iptables} -I INPUT -p udp --dport {port} -j ACCEPT"]
    insert = f"nft insert rule {chain.family} {chain.table} {chain.name}"
    if forward:
        return [f'{insert} {key} "{interface}" accept' for key in ("iifname", "oifname")]
    return [f"{insert} udp dport {port} accept"]
