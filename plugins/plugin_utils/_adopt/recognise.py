# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Derive an inventory from a network that was found. Pure.

Each possible topology is written as an inventory and planned, by the code that plans every run. Where the plan of a
host differs from what was found, the inventory gets an exception, ``wireguard_peers``. The topology with the fewest
exceptions is chosen; ``custom`` can describe any network.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import DEFAULT_ROUTE
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    Prefix,
    format_ip,
)

from .._inventory import option_parsers
from .._inventory.errors import FleetError, HostError, Problems
from .._inventory.nouns import DEFAULT_PORT, FULL
from .._inventory.prefixes import as_text
from .._plan.planner import plan_network
from .._plan.reader import read_networks
from .._plan.reconcile import reconcile
from .._registry.member_record import Records
from .components import Component
from .found import FoundInterface, FoundPeer

Variables = dict[str, Any]
Given = Mapping[str, Mapping[str, Any]]

HUB_AND_SPOKE = "hub_and_spoke"


class Proposal(NamedTuple):
    """``options`` of the network, and by host its variables without ``wireguard_``. ``gained`` and ``lost`` are pairs
    of a host and a peer that the inventory makes or unmakes."""

    component: Component
    options: Variables
    hosts: dict[str, Variables]
    gained: tuple[tuple[str, str], ...] = ()
    lost: tuple[tuple[str, str], ...] = ()

    @property
    def topology(self) -> str:
        return str(self.options.get("topology", HUB_AND_SPOKE))

    @property
    def exceptions(self) -> int:
        return sum(len(options.get("peers", ())) for options in self.hosts.values())


class _Candidate(NamedTuple):
    """A topology that could be meant, and its hubs."""

    topology: str
    hubs: tuple[str, ...] = ()

    def options(self, component: Component) -> Variables:
        names = sorted(component.members)
        if self.topology == HUB_AND_SPOKE:
            spokes = [name for name in names if name not in self.hubs]
            return {"hubs": list(self.hubs), **({"spokes": spokes} if spokes else {})}
        if self.topology == "custom":
            links = [{"from": one, "to": other} for one, other in component.pairs]
            return {"topology": self.topology, **({"links": links} if links else {})}
        return {"topology": self.topology, "members": names}


def recognise(component: Component, given: Given, today: datetime.date) -> tuple[Proposal, list[str]]:
    """Return the inventory with the fewest exceptions, and notes about it. ``given``: by host, the ``wireguard_*``
    variables that the inventory has already. Raises FleetError."""
    attempts = [_attempt(component, candidate, given, today) for candidate in _candidates(component)]
    proposals = [each for each in attempts if isinstance(each, Proposal)]
    errors = [each for each in attempts if isinstance(each, FleetError)]
    if not proposals:
        raise errors[-1]
    best = min(proposals, key=lambda each: (len(each.lost), len(each.gained), each.exceptions))
    _check_lost(best)
    return best, list(_notes(best, errors))


def _candidates(component: Component) -> Iterator[_Candidate]:
    """List the topologies that could be meant. Of several that fit equally well, the first one is chosen."""
    with_clients = {stranger.host for stranger in component.strangers}
    for hubs in _possible_hubs(component, with_clients):
        has_spokes = len(hubs) < len(component.members)
        if has_spokes or with_clients:
            yield _Candidate(HUB_AND_SPOKE, tuple(sorted(hubs)))
    # A mesh in which only one member has an endpoint would be a star.
    with_endpoint = [name for name in component.members if any(peer.endpoint for _host, peer in component.seen(name))]
    if not with_clients and (len(with_endpoint) > 1 or len(component.members) == 2):
        yield _Candidate("site_to_site")
        yield _Candidate("mesh")
    yield _Candidate("custom")


def _possible_hubs(component: Component, with_clients: Collection[str]) -> list[set[str]]:
    """List the sets of hubs to try: the members with clients or several tunnels, else each member by itself."""
    tunnels = Counter(name for pair in component.pairs for name in pair)
    hubs = {*with_clients, *(name for name, count in tunnels.items() if count > 1)}
    return [hubs] if hubs else [{name} for name in sorted(component.members)]


def _check_lost(proposal: Proposal) -> None:
    """Refuse a pair whose files cannot have made its working tunnel."""
    problems = Problems()
    names = proposal.component.names
    for host, member in proposal.component.members.items():
        for key, peer in member.peers.items():
            if peer.alive and (host, names[key]) in proposal.lost:
                problem = "it has a tunnel with this peer, but neither file has an endpoint for the other"
                problems.add(host, member.path, names[key], problem, "add an Endpoint to one of them")
    problems.refuse()


def _attempt(component: Component, candidate: _Candidate, given: Given, today: datetime.date) -> Proposal | FleetError:
    try:
        return _propose(component, candidate, given, today)
    except FleetError as error:
        return error


def _propose(component: Component, candidate: _Candidate, given: Given, today: datetime.date) -> Proposal:
    draft = _Draft(component, candidate, given)
    proposal = Proposal(component, draft.options(), draft.hosts())
    # Where the others call a host decides what keepalives it has by itself, so that those come last.
    _say(proposal, plan(proposal, given, today), ("allowed_ips", "endpoint"))
    planned = plan(proposal, given, today)
    for host, options in proposal.hosts.items():
        _say_keepalive(component.members[host], options, planned[host])
    _say(proposal, plan(proposal, given, today), ("persistent_keepalive",))
    planned = plan(proposal, given, today)
    names = component.names
    gained, lost = [], []
    for host, member in component.members.items():
        theirs = {str(peer["public_key"]) for peer in planned[host]["peers"]}
        gained += [(host, names[key]) for key in theirs.difference(member.peers)]
        lost += [(host, names[key]) for key in member.peers if key not in theirs]
    return proposal._replace(gained=tuple(sorted(gained)), lost=tuple(sorted(lost)))


def _say(proposal: Proposal, planned: Mapping[str, Mapping[str, Any]], options: Collection[str]) -> None:
    """Have each host say itself where these options of its peers are others than planned."""
    names = proposal.component.names
    for host, member in proposal.component.members.items():
        said: dict[str, Variables] = proposal.hosts[host].get("peers", {})
        for peer in planned[host]["peers"]:
            found = member.peers.get(peer["public_key"])
            differs = _exception(found, peer, options) if found else {}
            if differs:
                said.setdefault(names[peer["public_key"]], {}).update(differs)
        if said:
            proposal.hosts[host]["peers"] = dict(sorted(said.items()))


def plan(proposal: Proposal, given: Given, today: datetime.date) -> dict[str, Mapping[str, Any]]:
    """Plan the proposed inventory. Return the module options by host. Raises FleetError."""
    component = proposal.component
    hosts = {
        name: {
            **{f"{option_parsers.PREFIX}{option}": value for option, value in options.items()},
            **_own(given.get(name, {})),
        }
        for name, options in proposal.hosts.items()
    }
    groups = {"all": sorted(hosts)}
    (network,) = read_networks({component.name: proposal.options}, groups, hosts.__getitem__)
    keys = {name: key for key, name in component.names.items()}
    completed = reconcile(network, Records(), keys, today.isoformat()).network
    return {name: entry["options"] for name, entry in plan_network(completed, keys, today).hosts.items()}


def _own(given: Mapping[str, Any]) -> dict[str, Any]:
    """What an inventory has said of a host before; what is of its networks as a whole is not part of it."""
    return {name: value for name, value in given.items() if name in option_parsers.HOST_VARIABLES and value is not None}


def _exception(found: FoundPeer, planned: Mapping[str, Any], options: Collection[str]) -> Variables:
    """Those of the options with which the peer was found and that are planned otherwise."""
    had = {
        "allowed_ips": as_text(found.allowed_ips),
        "endpoint": str(found.endpoint) if found.endpoint else "",
        "persistent_keepalive": found.persistent_keepalive,
    }
    differs = {option: had[option] for option in options if had[option] != planned.get(option, "")}
    return {option: "off" if value == "" else value for option, value in differs.items()}


def _say_keepalive(member: FoundInterface, options: Variables, planned: Mapping[str, Any]) -> None:
    """One for all peers, where the host has the same for all and the rule would have another."""
    found = {key: peer.persistent_keepalive for key, peer in member.peers.items()}
    theirs = {peer["public_key"]: peer["persistent_keepalive"] for peer in planned["peers"]}
    if len(set(found.values())) == 1 and any(theirs.get(key, value) != value for key, value in found.items()):
        options["persistent_keepalive"] = next(iter(found.values()))


class _Draft:
    """Write a network in one topology, without exceptions."""

    def __init__(self, component: Component, candidate: _Candidate, given: Given) -> None:
        self._component = component
        self._shape = candidate
        self._given = given
        self._endpoints = {name: self._endpoint(name) for name in component.members}
        called = Counter(self._port(name) for name, endpoint in self._endpoints.items() if endpoint)
        self._network_port = called.most_common(1)[0][0] if called else DEFAULT_PORT
        self._interface = Counter(member.interface for member in component.members.values()).most_common(1)[0][0]
        self._subnets = self._find_subnets()

    def options(self) -> Variables:
        component = self._component
        options: Variables = {"prefixes": [str(prefix) for prefix in component.prefixes]}
        options.update(self._shape.options(component))
        if self._interface != "wg0":
            options["interface"] = self._interface
        if self._network_port != DEFAULT_PORT:
            options["port"] = self._network_port
        if component.strangers:
            options["clients"] = {stranger.name: self._client(stranger) for stranger in component.strangers}
        return options

    def _client(self, stranger: Any) -> Variables:
        addresses = [format_ip(prefix.packed) for prefix in stranger.addresses]
        several = self._shape.topology != HUB_AND_SPOKE or len(self._shape.hubs) > 1
        return {
            "public_key": stranger.peer.public_key,
            "addresses": addresses,
            **({"hub": stranger.host} if several else {}),
        }

    def hosts(self) -> dict[str, Variables]:
        return {name: self._host(name, member) for name, member in self._component.members.items()}

    def _host(self, name: str, member: FoundInterface) -> Variables:
        endpoint, port = self._endpoints[name], self._port(name)
        variables: Variables = {"addresses": [self._address(address) for address in member.addresses]}
        if endpoint:
            variables["endpoint"] = _endpoint_text(endpoint, port)
        if port and port != (self._network_port if self._is_called(name) else 0):
            variables["listen_port"] = port
        if member.interface != self._interface:
            variables["interface"] = member.interface
        for option, value in (("mtu", member.mtu), ("fwmark", member.fwmark)):
            if value:
                variables[option] = value
        if member.table != "auto":
            variables["table"] = member.table
        if member.routes:
            variables["keep_routes"] = True
        if self._subnets[name]:
            variables["subnets"] = as_text(self._subnets[name])
        if self._shape.topology == HUB_AND_SPOKE and name not in self._shape.hubs:
            variables.update(self._spoke(name, member))
        return variables

    def _spoke(self, name: str, member: FoundInterface) -> Variables:
        homes = [hub for hub in self._shape.hubs if self._component.members[hub].public_key in member.peers]
        homes = homes or [hub for hub, _peer in self._component.seen(name) if hub in self._shape.hubs]
        sent = [prefix for peer in member.peers.values() for prefix in peer.allowed_ips]
        return {
            **({"hub": homes[0]} if homes and len(self._shape.hubs) > 1 else {}),
            **({"tunnel": FULL} if any(default in sent for default in DEFAULT_ROUTE.values()) else {}),
        }

    def _address(self, address: InterfaceAddress) -> str:
        """Bare where the planner gives it this length."""
        holding = [prefix.length for prefix in self._component.prefixes if prefix.covers(address.host)]
        return format_ip(address.packed) if max(holding, default=0) == address.length else str(address)

    def _endpoint(self, name: str) -> Endpoint | None:
        """Where most of the others look for the member. What the inventory says goes before, and is not repeated."""
        if self._given.get(name, {}).get(f"{option_parsers.PREFIX}endpoint"):
            return None
        seen = Counter(peer.endpoint for _host, peer in self._component.seen(name) if peer.endpoint)
        return min(seen, key=lambda endpoint: (-seen[endpoint], str(endpoint)), default=None)

    def _is_called(self, name: str) -> bool:
        given = self._given.get(name, {})
        return bool(
            self._endpoints[name]
            or given.get(f"{option_parsers.PREFIX}endpoint")
            or given.get(f"{option_parsers.PREFIX}endpoint_inside")
        )

    def _port(self, name: str) -> int:
        """The port of the file; who is called without one there keeps the one that runs."""
        member = self._component.members[name]
        called = any(peer.endpoint for _host, peer in self._component.seen(name)) or member.listen_port
        return member.listen_port or (member.running_port if called else 0)

    def _find_subnets(self) -> dict[str, list[Prefix]]:
        """What is behind each member by all that have it as a peer. A network is behind one member only."""
        component, hubs = self._component, set(self._shape.hubs)
        found: dict[str, list[Prefix]] = {}
        claimed = list(component.prefixes)
        for name in sorted(component.members, key=lambda name: (name in hubs, name)):
            own = {address.host for address in component.members[name].addresses}
            views = [peer.allowed_ips - own for host, peer in component.seen(name) if self._counts(name, host, peer)]
            common: Collection[Prefix] = frozenset.intersection(*views) if views else frozenset()
            found[name] = [prefix for prefix in as_sorted(common) if prefix.length and not _overlaps(prefix, claimed)]
            claimed += found[name]
        return found

    def _counts(self, name: str, viewer: str, peer: FoundPeer) -> bool:
        """For a hub, count only spokes that do not send everything to it; for other members, any host that has them."""
        if name not in self._shape.hubs:
            return True
        return viewer not in self._shape.hubs and peer.allowed_ips.isdisjoint(DEFAULT_ROUTE.values())


def _overlaps(prefix: Prefix, others: Iterable[Prefix]) -> bool:
    return any(map(prefix.overlaps, others))


def as_sorted(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """In a fixed order."""
    return sorted(prefixes, key=lambda prefix: (len(prefix.packed), prefix))


def _endpoint_text(endpoint: Endpoint, port: int) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return host if endpoint.port == port else str(endpoint)


def _notes(proposal: Proposal, errors: Iterable[FleetError]) -> Iterator[str]:
    name = proposal.component.name
    for host, peer in proposal.gained:
        yield f"Network {name}: {peer} has {host} as a peer, but not the other way round; {host} gets the peer"
    for host, peer in proposal.lost:
        yield f"Network {name}: {host} has {peer} as a peer, but neither has an endpoint for the other; it is removed"
    lacking = sorted({each.host for error in errors for each in error.problems if _is_no_endpoint(each)})
    # What somebody else runs is called, and need not be called by it.
    is_foreign = len(proposal.hosts) == 1 and all(each.peer.endpoint for each in proposal.component.strangers)
    if lacking and proposal.topology == "custom" and not is_foreign:
        yield (
            f"Network {name}: it could be a hub and its spokes, but no file has an endpoint of {', '.join(lacking)}, "
            "so it is written as links. To get a hub, define wireguard_endpoint there and adopt again."
        )


def _is_no_endpoint(problem: HostError) -> bool:
    return problem.option == f"{option_parsers.PREFIX}endpoint" and problem.value is None


def host_variables(proposals: Sequence[Proposal]) -> dict[str, Variables]:
    """By host, its variables: plain where it is in one network, else those of each network by itself."""
    by_host: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        for host in proposal.hosts:
            by_host.setdefault(host, []).append(proposal)
    variables = {}
    for host, networks in sorted(by_host.items()):
        if len(networks) == 1:
            options = networks[0].hosts[host]
            variables[host] = {f"{option_parsers.PREFIX}{option}": value for option, value in options.items()}
        else:
            variables[host] = {option_parsers.OVERRIDES: {each.component.name: each.hosts[host] for each in networks}}
    return variables
