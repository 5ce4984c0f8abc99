# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check hosts that are in several networks: their interfaces share ports, names and the routing table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, sort_key

from .._inventory import option_parsers
from .._inventory.errors import Problems, list_names
from .._inventory.nouns import FULL, Member, Network


class _Membership(NamedTuple):
    network: Network
    host: Member
    sends_all: bool


class MultiNetworkHosts:
    """The hosts that are in several networks, with their memberships: ``several`` has them by name."""

    def __init__(self, networks: Sequence[Network]) -> None:
        every: dict[str, list[_Membership]] = {}
        for network in networks if len(networks) > 1 else ():
            spokes = {spoke.name for spoke in network.spokes}
            for host in network.hosts:
                sends_all = host.tunnel == FULL and host.name in spokes
                every.setdefault(host.name, []).append(_Membership(network, host, sends_all))
        self.several = {name: memberships for name, memberships in every.items() if len(memberships) > 1}

    def describe(self, name: str, network: Network) -> str:
        """The networks of a member, for people; ``network`` is the one of a member that has no other."""
        networks = [membership.network for membership in self.several.get(name, ())] or [network]
        shown = [f"{each.name}, which is {', '.join(map(str, each.prefixes))}" for each in networks]
        return ("the network " if len(shown) == 1 else "the networks ") + ", and ".join(shown)


def check_multi_network_hosts(hosts: MultiNetworkHosts, problems: Problems) -> None:
    """Check each host that is in several networks, and each pair of networks that share hosts."""
    shared: dict[tuple[str, str], list[str]] = {}
    networks: dict[str, Network] = {}
    for name, memberships in hosts.several.items():
        for first, second in combinations(memberships, 2):
            _check_pair(first, second, problems)
            shared.setdefault((first.network.name, second.network.name), []).append(name)
            networks |= {membership.network.name: membership.network for membership in (first, second)}
    for (one, other), names in shared.items():
        _check_routes(networks[one], networks[other], names, problems)


def _check_pair(first: _Membership, second: _Membership, problems: Problems) -> None:
    """Two interfaces of one host."""
    one, at_one, other, at_other = first.network, first.host, second.network, second.host
    if (at_one.interface or one.interface) == (at_other.interface or other.interface):
        problem = f"{one.name} has the same interface name, and the host is in both networks"
        option = f"{option_parsers.NETWORKS}.{other.name}.interface"
        interface = at_other.interface or other.interface
        problems.add(at_one.name, option, interface, problem, "use another name there, such as wg1")
    sockets = [(host.options.get("birth_netns", ""), host.options.get("listen_port")) for host in (at_one, at_other)]
    if sockets[0][1] and sockets[0] == sockets[1]:
        problem = f"the host uses this port in the network {one.name} too"
        remedy = (
            f"set {option_parsers.OVERRIDES}.{other.name}.listen_port, or its default "
            f"{option_parsers.NETWORKS}.{other.name}.port, to another port"
        )
        problems.add(at_other.name, "wireguard_listen_port", sockets[1][1], problem, remedy)
    elif at_one.endpoint and at_one.endpoint == at_other.endpoint:
        problem = f"it leads to the host's interface in the network {one.name}"
        remedy = f"remove the port, or set {option_parsers.OVERRIDES}.{other.name}.endpoint"
        problems.add(at_other.name, "wireguard_endpoint", str(at_other.endpoint), problem, remedy)
    if first.sends_all and second.sends_all:
        problem = f"all traffic already goes through the network {one.name}"
        remedy = f"set {option_parsers.OVERRIDES} with split for one of them"
        problems.add(at_other.name, "wireguard_tunnel", FULL, problem, remedy)


class _RouteClaim(NamedTuple):
    prefix: Prefix
    network: str
    owner: str


def _check_routes(one: Network, other: Network, shared: Sequence[str], problems: Problems) -> None:
    """A host in both networks could not tell where to send what lies in both."""
    outer: list[_RouteClaim] = []
    claims = (*_claims(one), *_claims(other))
    for claim in sorted(claims, key=lambda claim: (sort_key(claim.prefix), claim.network)):
        outer = [each for each in outer if each.prefix.covers(claim.prefix)]
        for each in outer:
            # A host may be the way from one to the other: it sends what is behind itself into no tunnel.
            confused = [name for name in shared if name not in (claim.owner, each.owner)]
            if each.network != claim.network and confused:
                option = "wireguard_subnets" if claim.owner else f"{option_parsers.NETWORKS}.{claim.network}.prefixes"
                whose = f"{each.prefix} of {each.owner or 'the network itself'} in the network {each.network}"
                remedy = f"make them disjoint for {list_names(confused)}, or remove it from one network"
                problem = f"overlaps with {whose}"
                problems.add(claim.owner, option, str(claim.prefix), problem, remedy)
        outer.append(claim)


def _claims(network: Network) -> Iterator[_RouteClaim]:
    for prefix in network.prefixes:
        yield _RouteClaim(prefix, network.name, "")
    for host in network.hosts:
        for subnet in host.subnets:
            yield _RouteClaim(subnet, network.name, host.name)
