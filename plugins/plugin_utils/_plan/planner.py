# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan one interface for each member, from a network and the known public keys. Linear in the number of links."""

from __future__ import annotations

import datetime
import hashlib
import os
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import EXACT, MERGE
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import CONFIRM_OPTIONS, OPTIONS

from .._inventory.errors import HostError, Problems, list_names
from .._inventory.nouns import Link, Member, Network, PeerOptions
from .._inventory.option_parsers import DEFAULT_KEEPALIVE, PREFIX
from .._inventory.prefixes import as_text
from .._inventory.short_names import MAX_NAME, is_short, shorten_name
from .checks import check_keys, check_next_keys
from .refusals import Refusals
from .routing_loops import RoutingLoops
from .topology import TOPOLOGIES
from .topology.shape import Topology

_NOTHING = PeerOptions()
_NONE: Mapping[str, str] = MappingProxyType({})
_FAMILIES = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}


_STAND_IN_SALT = os.urandom(16)


class Plan(NamedTuple):
    """``hosts``: name to what the modules take there. ``unknown_keys``: members without a known key.
    ``refused_clients``: the problems of single clients, where these do not stop the run.

    A host's plan has the keys ``network``; ``options``, which are options of both ``interface`` and ``config``;
    ``interface_options``, which ``interface`` takes besides; ``forwarding``; ``public_key`` and ``next_public_key``,
    where they are known; and where they are asked for, ``reresolve`` in seconds and ``metrics``. ``forwarding``
    has only the families that must be forwarded: the others are not ours to turn off.

    A client's has ``public_key``, which may be None, ``interface``, ``addresses``, ``peers``, ``expired`` and, where
    they are given, ``dns``, ``dns_search``, ``mtu`` and ``valid_until``. An expired client has no peers and is no peer.

    Peers that are alike at several members are one dictionary: change none of them.
    """

    hosts: dict[str, dict[str, Any]]
    clients: dict[str, dict[str, Any]]
    unknown_keys: tuple[str, ...]
    warnings: tuple[str, ...]
    refused_clients: tuple[HostError, ...] = ()


def check_alone(network: Network, problems: Problems) -> None:
    """Add a problem for each option that the host or client itself would refuse, whatever its peers are."""
    refusals = Refusals(network, problems)
    for host in network.hosts:
        refusals.check(host, _plan_host(network, host, ())["options"])
    for client in network.clients:
        refusals.check(client, _plan_client(network, client, None, False))


def plan_network(
    network: Network,
    keys: Mapping[str, str],
    today: datetime.date,
    next_keys: Mapping[str, str] = _NONE,
    former: Collection[str] = (),
    assume_keys: bool = False,
    spare_clients: bool = False,
) -> Plan:
    """``keys``: member to public key; a client's in the inventory goes before. Every member has addresses.

    ``next_keys``: the same for those that are about to change theirs, whose peers then have ``next_public_key``.
    A peer without a key is left out, and the host's unlisted peers then stay, but for those with one of the ``former``
    keys: they are the host's ``absent_peers``. With ``assume_keys`` such a peer has a text that is no key. Raises
    FleetError, with ``spare_clients`` without the problems of single clients.
    """
    whole, expired = network, [client for client in network.clients if client.is_expired(today)]
    gone = {client.name for client in expired}
    network = replace(network, clients=tuple(client for client in network.clients if client.name not in gone))
    known = {**keys, **{client.name: client.public_key for client in whole.clients if client.public_key}}
    problems = Problems()
    check_keys(network, known, problems)
    check_next_keys(network, known, next_keys, problems)
    problems.refuse()
    topology = TOPOLOGIES[network.topology]
    relays = {host.name for host in topology.relays(network)}
    relayed = [*network.inside, *(route for host in network.members for route in host.routes)]
    hosts = {
        host.name: _plan_host(network, host, relayed if host.name in relays else host.subnets) for host in network.hosts
    }
    clients = {
        client.name: _plan_client(network, client, known.get(client.name), client.name in gone)
        for client in whole.clients
    }
    for name, plan in hosts.items():
        plan |= {
            option: of[name] for option, of in (("public_key", known), ("next_public_key", next_keys)) if of.get(name)
        }
    plans = {**clients, **{name: plan["options"] for name, plan in hosts.items()}}
    unknown = [member.name for member in whole.members if not known.get(member.name)]
    _add_peers(network, topology, plans, {**known, **dict(zip(unknown, map(stand_in, unknown)))}, next_keys)
    _add_expiries(network.clients, hosts)
    refused = _refuse(network, plans, spare_clients)
    if unknown:
        _treat_unknown(plans, frozenset(unknown), assume_keys)
    absent = sorted({*former, *filter(None, (known.get(name) for name in gone))})
    for plan in hosts.values() if absent else ():
        if plan["options"]["peers_mode"] == MERGE:
            plan["options"]["absent_peers"] = absent
    return Plan(
        hosts,
        clients,
        tuple(member.name for member in network.members if not known.get(member.name)),
        (*_apart(network, topology), *_expired(network, expired), *_long_names(whole)),
        refused,
    )


def stand_in(name: str) -> str:
    """Return a placeholder for a public key that is not known yet, so that all other options can be checked.

    No host can guess it, so none can report it as its own, which would stop the run.
    """
    return str(PublicKey(hashlib.sha256(_STAND_IN_SALT + name.encode()).digest()))


def _refuse(network: Network, plans: Mapping[str, Mapping[str, Any]], spare_clients: bool) -> tuple[HostError, ...]:
    """Raises FleetError with what hosts and clients would refuse; the problems of single clients where they do not."""
    problems = Problems()
    refusals = Refusals(network, problems)
    for member in network.members:
        refusals.check(member, plans[member.name])
    spared = problems.take_clients() if spare_clients else ()
    problems.refuse()
    return tuple(spared)


def _treat_unknown(plans: Mapping[str, dict[str, Any]], unknown: Collection[str], assume_keys: bool) -> None:
    """Remove peers without a known key, or give them a text instead; the same for clients themselves."""
    for name, plan in plans.items():
        strangers = [peer for peer in plan["peers"] if peer["name"] in unknown]
        if assume_keys:
            for peer in strangers:
                peer["public_key"] = _assumed(peer["name"])
            if "public_key" in plan and name in unknown:
                plan["public_key"] = _assumed(name)
        elif strangers:
            plan["peers"] = [peer for peer in plan["peers"] if peer["name"] not in unknown]
            if "peers_mode" in plan:
                plan["peers_mode"] = MERGE


def _assumed(name: str) -> str:
    return f"(not known yet, of {name})"


def _said(link: Link) -> PeerOptions:
    """Return the options that the host itself sets for this peer."""
    return link.host.peers.get(link.peer.name, _NOTHING)


def _add_peers(
    network: Network,
    topology: Topology,
    plans: Mapping[str, dict[str, Any]],
    keys: Mapping[str, str],
    next_keys: Mapping[str, str],
) -> None:
    """Add to each plan its peers, sorted by name. Raises FleetError for routing loops and prefixes of two peers.

    Equal entries of several plans are one dictionary.
    """
    made: dict[tuple[str, Endpoint | None, int, int, bool], dict[str, Any]] = {}
    loops = RoutingLoops(network)
    for link in topology.links(network):
        host, peer, allowed_ips = link
        # A mesh of a thousand has a million links: what few have is not looked for in each of them.
        said = _said(link) if host.peers else _NOTHING
        endpoint = peer.endpoint_for(host)
        if endpoint and not said.endpoint:
            loops.note(link, endpoint)
        key = keys[peer.name]
        plan = plans[host.name]
        keepalive = _keepalive(link, endpoint) if said.persistent_keepalive is None else said.persistent_keepalive
        if said.allowed_ips is not None:
            own = link._replace(allowed_ips=as_text(said.allowed_ips))
            plan["peers"].append(_plan_peer(own, key, endpoint, keepalive, next_keys))
            continue
        # The entry keeps the list alive, so that nothing else gets its id.
        same = (peer.name, endpoint, keepalive, id(allowed_ips), host.is_client)
        entry = made.get(same)
        if entry is None:
            entry = made[same] = _plan_peer(link, key, endpoint, keepalive, next_keys)
        plan["peers"].append(entry)
    _check_links(network, topology, plans, loops)
    for plan in plans.values():
        plan["peers"].sort(key=itemgetter("name"))


def _check_links(
    network: Network, topology: Topology, plans: Mapping[str, Mapping[str, Any]], loops: RoutingLoops
) -> None:
    """Raises FleetError for routing loops, and for prefixes that a host's own options give to two peers."""
    problems = Problems()
    if loops.suspects:
        # The allowed IPs that a host sets itself are not checked: the operator has chosen them.
        loops.check((link for link in topology.links(network) if _said(link).allowed_ips is None), problems)
    for host in network.hosts:
        if host.peers:
            _check_owners(host, plans[host.name]["peers"], problems)
    problems.refuse()


def _check_owners(host: Member, peers: Iterable[Mapping[str, Any]], problems: Problems) -> None:
    """Check that each prefix belongs to one peer. Topologies ensure that; a host's own options may break it."""
    owners: dict[str, str] = {}
    for peer in peers:
        for prefix in peer["allowed_ips"]:
            owner = owners.setdefault(prefix, peer["name"])
            if owner != peer["name"]:
                problem = f"{owner} and {peer['name']} both have this prefix on this host"
                problems.add(host.name, f"{PREFIX}peers", prefix, problem, "remove the prefix from one of the two")


def _plan_host(network: Network, host: Member, forwarded: Iterable[Prefix]) -> dict[str, Any]:
    families = {prefix.family for prefix in forwarded}
    return {
        "network": network.name,
        "options": {
            "interface": host.interface or network.interface,
            **_given(host, OPTIONS),
            "addresses": [str(address) for address in host.addresses],
            "peers": [],
            "peers_mode": EXACT,
        },
        "interface_options": _given(host, CONFIRM_OPTIONS),
        **({"reresolve": host.reresolve} if host.reresolve else {}),
        **({"metrics": _plan_metrics(host)} if host.metrics else {}),
        "forwarding": {name: True for family, name in _FAMILIES.items() if family in families},
    }


def _plan_metrics(host: Member) -> dict[str, Any]:
    return {"directory": host.metrics_directory, "interval": host.metrics_interval}


def _add_expiries(clients: Iterable[Member], hosts: Mapping[str, dict[str, Any]]) -> None:
    """Add to the metrics of each host when the clients expire that are its peers, in seconds since 1970."""
    ends = {client.name: _end_of(client.valid_until) for client in clients if client.valid_until}
    for plan in hosts.values() if ends else ():
        if "metrics" in plan:
            names = (peer["name"] for peer in plan["options"]["peers"])
            plan["metrics"]["clients"] = {name: ends[name] for name in names if name in ends}


def _end_of(day: datetime.date) -> int:
    """When the day ends in UTC."""
    after = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time(), datetime.timezone.utc)
    return int(after.timestamp())


def _given(member: Member, names: Iterable[str]) -> dict[str, Any]:
    """Those of the member's options that have one of these names, in plain types."""
    found = {name: member.options[name] for name in names if name in member.options}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _plan_client(network: Network, client: Member, key: str | None, expired: bool) -> dict[str, Any]:
    return {
        "public_key": key,
        "interface": network.interface,
        **_given(client, OPTIONS),
        **({"valid_until": client.valid_until.isoformat()} if client.valid_until else {}),
        "addresses": [str(address) for address in client.addresses],
        "peers": [],
        "expired": expired,
    }


def _plan_peer(
    link: Link, key: str, endpoint: Endpoint | None, keepalive: int, next_keys: Mapping[str, str]
) -> dict[str, Any]:
    # What is written for a client holds for longer than a change takes.
    successor = None if link.host.is_client else next_keys.get(link.peer.name)
    return {
        "name": link.peer.name,
        "public_key": key,
        **({"next_public_key": successor} if successor else {}),
        **({"endpoint": str(endpoint)} if endpoint else {}),
        "allowed_ips": link.allowed_ips,
        "persistent_keepalive": keepalive,
    }


def _keepalive(link: Link, endpoint: Endpoint | None) -> int:
    """A host without an endpoint is behind NAT, whose mapping it must keep open; the other side need not."""
    if link.host.persistent_keepalive is not None:
        return link.host.persistent_keepalive
    return DEFAULT_KEEPALIVE if endpoint and not link.host.endpoint_for(link.peer) else 0


def _apart(network: Network, topology: Topology) -> Iterable[str]:
    pairs = [f"{one.name} and {other.name}" for one, other in topology.apart(network)]
    if pairs:
        yield (
            f"Network {network.name}: pairs without a tunnel, as neither has an endpoint for the other: {len(pairs)} "
            f"({list_names(pairs)}). They connect only through a hub; set wireguard_endpoint for one of each pair."
        )


def _long_names(network: Network) -> Iterable[str]:
    names = [client.name for client in network.clients]
    long = [f"{name} (could be {shorten_name(name, names)})" for name in names if not is_short(name)]
    if long:
        yield (
            f"Network {network.name}: client names longer than {MAX_NAME} characters: {list_names(long)}. A client's "
            "file has its name. wg-quick, NetworkManager and the WireGuard app for Android refuse longer names, and "
            "the app for Windows those longer than 32."
        )


def _expired(network: Network, clients: Iterable[Member]) -> Iterable[str]:
    names = [f"{client.name} (valid until {client.valid_until})" for client in clients]
    if names:
        yield f"Network {network.name}: clients past their valid_until, which no host has as peer: {list_names(names)}."
