# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network and the public keys that are known, to one desired interface per host. Linear in the links."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import EXACT, MERGE
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .checks import check_keys
from .errors import Problems
from .facts import Host, Link, Network
from .topology import TOPOLOGIES
from .variables import DEFAULT_KEEPALIVE

_FAMILIES = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}


class Plan(NamedTuple):
    """``hosts``: name to what the modules take there. ``unknown_keys``: members of whom no key is known yet.

    A host's plan has the keys ``interface``, ``addresses``, ``peers``, ``peers_mode``, ``forwarding`` and, where
    the inventory gives them, ``listen_port``, ``fwmark``, ``mtu``, ``table``, ``dns``, ``dns_search``, ``alias``,
    ``endpoint_policy``, ``netns``, ``birth_netns`` and ``reresolve``, which is seconds. ``forwarding`` has only the
    families that must be forwarded: the others are not ours to turn off.
    """

    hosts: dict[str, dict[str, Any]]
    unknown_keys: tuple[str, ...]


def plan_network(network: Network, keys: Mapping[str, str]) -> Plan:
    """``keys``: host to public key. A peer without one is left out, and the host's unlisted peers then stay."""
    problems = Problems()
    check_keys(network, keys, problems)
    problems.refuse()
    topology = TOPOLOGIES[network.topology]
    relays = {host.name for host in topology.relays(network)}
    relayed = (*network.prefixes, *network.subnets)
    plans = {
        host.name: _plan_host(network, host, relayed if host.name in relays else host.subnets)
        for host in network.members
    }
    for link in topology.links(network):
        plan = plans[link.host.name]
        key = keys.get(link.peer.name)
        if key:
            plan["peers"].append(_plan_peer(link, key))
        else:
            plan["peers_mode"] = MERGE
    for plan in plans.values():
        plan["peers"].sort(key=_name_of)
    return Plan(plans, tuple(host.name for host in network.members if not keys.get(host.name)))


def _name_of(peer: Mapping[str, Any]) -> str:
    return str(peer["name"])


def _plan_host(network: Network, host: Host, forwarded: Iterable[Prefix]) -> dict[str, Any]:
    families = {prefix.family for prefix in forwarded}
    given = {
        "listen_port": host.listen_port,
        "fwmark": host.fwmark,
        "mtu": host.mtu,
        "table": host.table,
        "dns": None if host.dns is None else list(host.dns),
        "dns_search": None if host.dns_search is None else list(host.dns_search),
        "alias": host.alias,
        "endpoint_policy": host.endpoint_policy,
        "reresolve": host.reresolve or None,
        "netns": host.netns,
        "birth_netns": host.birth_netns,
    }
    return {
        "interface": network.interface,
        **{option: value for option, value in given.items() if value is not None},
        "addresses": [str(address) for address in host.addresses],
        "peers": [],
        "peers_mode": EXACT,
        "forwarding": {name: True for family, name in _FAMILIES.items() if family in families},
    }


def _plan_peer(link: Link, key: str) -> dict[str, Any]:
    endpoint = {"endpoint": str(link.peer.endpoint)} if link.peer.endpoint else {}
    return {
        "name": link.peer.name,
        "public_key": key,
        **endpoint,
        "allowed_ips": list(link.allowed_ips),
        "persistent_keepalive": _keepalive(link),
    }


def _keepalive(link: Link) -> int:
    """A host that cannot be called is behind NAT, whose memory it refreshes; the other side need not."""
    if link.host.persistent_keepalive is not None:
        return link.host.persistent_keepalive
    return DEFAULT_KEEPALIVE if link.peer.endpoint and not link.host.endpoint else 0
