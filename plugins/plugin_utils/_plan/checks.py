# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold between the members of a network, whatever its topology. Each check costs a sort at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    check_host_address,
    format_ip,
    sort_key,
)

from .._inventory import option_parsers
from .._inventory.close import nearest
from .._inventory.errors import Problems, list_names
from .._inventory.nouns import Network
from .multi_network import MultiNetworkHosts, check_multi_network_hosts
from .topology import TOPOLOGIES


class _Claim(NamedTuple):
    """A prefix and who says that it is theirs; ``host`` is empty for the network itself."""

    prefix: Prefix
    host: str
    option: str


def check_networks(networks: Sequence[Network], problems: Problems) -> None:
    several = MultiNetworkHosts(networks)
    for network in networks:
        TOPOLOGIES[network.topology].check(network, problems)
        _check_size(network, problems)
        _check_prefixes(network, problems)
        _check_pools(network, problems)
        _check_addresses(network, several, problems)
        _check_host_addresses(network, problems)
        _check_overlaps(network, problems)
        _check_sites(network, problems)
        _check_namespaces(network, problems)
    _check_peers(networks, problems)
    check_multi_network_hosts(several, problems)


def _check_size(network: Network, problems: Problems) -> None:
    if len(network.members) < 2:
        names = list_names([member.name for member in network.members]) or "none"
        remedy = "add another host to its groups, or remove the network"
        problems.add("", f"{option_parsers.NETWORKS}.{network.name}", None, f"its only member is {names}", remedy)


def _check_prefixes(network: Network, problems: Problems) -> None:
    """Only a network whose members have no addresses needs none."""
    if not network.prefixes and not all(member.unnumbered for member in network.members):
        problems.add("", f"{option_parsers.NETWORKS}.{network.name}.prefixes", None, *option_parsers.NO_PREFIXES)


def _check_pools(network: Network, problems: Problems) -> None:
    for pool in network.pools:
        if not any(prefix.covers(pool) for prefix in network.prefixes):
            prefixes = ", ".join(map(str, network.prefixes))
            remedy = f"use a pool within the network, which is {prefixes}"
            problems.add(
                "", f"{option_parsers.NETWORKS}.{network.name}.pools", str(pool), "outside the network", remedy
            )


def _check_addresses(network: Network, several: MultiNetworkHosts, problems: Problems) -> None:
    owners: dict[bytes, str] = {}
    for member in network.members:
        for address in member.addresses:
            owner, host = owners.setdefault(address.packed, member.name), address.host
            if owner != member.name:
                problem, remedy = f"{owner} has this address too", "give each host its own"
            elif not any(prefix.covers(host) for prefix in network.prefixes):
                problem = "outside " + several.describe(member.name, network)
                remedy = (
                    f"give an address inside, or add its network to {option_parsers.NETWORKS}.{network.name}.prefixes"
                )
            else:
                continue
            option = option_parsers.option_of(network.name, member, "addresses")
            problems.add(*option, format_ip(address.packed), problem, remedy)


def _check_host_addresses(network: Network, problems: Problems) -> None:
    """To the others, an address of any length lies in the network's prefix; in its own, the host checks it too."""
    for member in network.members:
        owner, option = option_parsers.option_of(network.name, member, "addresses")
        for address, prefix in product(member.addresses, network.prefixes):
            if prefix != address.network:
                problems.catch(owner, partial(check_host_address, address, prefix, option), None)


def _claims(network: Network) -> Iterator[_Claim]:
    for prefix in network.prefixes:
        yield _Claim(prefix, "", f"{option_parsers.NETWORKS}.{network.name}.prefixes")
    for member in network.members:
        for subnet in member.subnets:
            yield _Claim(subnet, member.name, "wireguard_subnets")


def _check_overlaps(network: Network, problems: Problems) -> None:
    """Prefixes are nested or disjoint, so that sorted ones overlap only with the last one that was not covered."""
    outer: _Claim | None = None
    # At the same prefix the network stands first, and the host is named.
    for claim in sorted(_claims(network), key=lambda claim: (sort_key(claim.prefix), claim.host)):
        if outer is None or not outer.prefix.covers(claim.prefix):
            outer = claim
            continue
        named, other = (claim, outer) if claim.host else (outer, claim)
        problems.add(
            named.host,
            named.option,
            str(named.prefix),
            f"overlaps with {other.prefix} of {other.host or 'the network itself'} in {other.option}",
            "make them disjoint: a prefix can be in one place only",
        )


def _check_sites(network: Network, problems: Problems) -> None:
    for host in network.hosts:
        if host.endpoint_inside and not host.site:
            problem, remedy = "only hosts of the same site use it, and this host has none", "set wireguard_site too"
            problems.add(host.name, "wireguard_endpoint_inside", str(host.endpoint_inside), problem, remedy)


def _check_namespaces(network: Network, problems: Problems) -> None:
    """Each namespace forwards by settings of its own, which nothing sets at boot."""
    relays = {host.name for host in TOPOLOGIES[network.topology].relays(network)}
    for member in network.members:
        if member.options.get("netns") and (member.name in relays or member.subnets):
            problem = "the host forwards packets, which is not supported in a namespace"
            remedy = "remove it on a hub, and on a host with wireguard_subnets"
            problems.add(member.name, "wireguard_netns", member.options["netns"], problem, remedy)


def _check_peers(networks: Sequence[Network], problems: Problems) -> None:
    """What a host says of its peers is for all its networks, unless it is an override for one of them."""
    if not any(host.peers for network in networks for host in network.hosts):
        return
    known: dict[str, set[str]] = {}
    for network in networks:
        members = {member.name for member in network.members}
        for host in network.hosts:
            known.setdefault(host.name, set()).update(members - {host.name})
    for network in networks:
        for host in network.hosts:
            for name in sorted(set(host.peers) - known[host.name]):
                remedy = nearest(name, known[host.name])
                problems.add(host.name, f"wireguard_peers.{name}", None, "not another member of its networks", remedy)


def check_keys(network: Network, keys: Mapping[str, str], problems: Problems) -> None:
    """``keys``: member to public key. Two members with one key are a clone and its original."""
    owners: dict[str, str] = {}
    for member in network.members:
        key = keys.get(member.name)
        owner = owners.setdefault(key, member.name) if key else member.name
        if owner == member.name:
            continue
        if member.is_client:
            remedy = "make a separate key pair on each device"
        else:
            remedy = f"remove /etc/wireguard/private/{network.interface}.key on one of them and run again"
        problem = f"{owner} has this key too; one was probably cloned from the other"
        host, option = option_parsers.option_of(network.name, member, "public_key")
        problems.add(host, option if member.is_client else "public_key", key, problem, remedy)


def check_next_keys(
    network: Network, keys: Mapping[str, str], next_keys: Mapping[str, str], problems: Problems
) -> None:
    """``next_keys``: member to the key that it is about to change to, which has to be new to the network."""
    owners = {key: name for name, key in keys.items()}
    for name, key in sorted(next_keys.items()):
        owner = owners.setdefault(key, name)
        if owner != name or key == keys.get(name):
            remedy = f"remove /etc/wireguard/private/{network.interface}.key.next there and run again"
            problems.add(name, "next_public_key", key, f"{owner} already has this key", remedy)
