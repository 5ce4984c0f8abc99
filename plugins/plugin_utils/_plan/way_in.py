# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warn of access rules that would cut Ansible's own connections, where these go through the tunnel."""

from __future__ import annotations

import contextlib
import datetime
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, format_ip, parse_prefix

from .._inventory.errors import FleetError, list_names
from .._inventory.nouns import Network
from .._inventory.option_parsers import NETWORKS
from .._inventory.policy import TCP, Grant
from .._policy.resolve import SideResolver

SSH = 22
# A host and the name of a variable, to its value.
GetVariable = Callable[[str, str], Any]
# An address to the controller's own towards it, None where there is none.
FindSource = Callable[[Prefix], "Prefix | None"]


class _Blocked(NamedTuple):
    network: str
    source: Prefix
    port: int


def source_towards(target: Prefix) -> Prefix | None:
    """The address that this machine would send from. Nothing is sent: connecting a UDP socket only looks up a route."""
    with contextlib.suppress(OSError), socket.socket(target.family, socket.SOCK_DGRAM) as probe:
        probe.connect((format_ip(target.packed), SSH))
        return parse_prefix(probe.getsockname()[0])
    return None


def way_in_warnings(
    networks: Sequence[Network], today: datetime.date, get: GetVariable, find_source: FindSource = source_towards
) -> Iterator[str]:
    """A warning for the hosts that no grant lets the controller reach."""
    if not any(network.policy for network in networks):
        return
    resolver = SideResolver(networks, today)
    blocked: dict[_Blocked, list[str]] = {}
    for network in networks:
        if network.policy:
            for host in network.hosts:
                found = _check(network, host.name, resolver, get, find_source)
                if found:
                    blocked.setdefault(found, []).append(host.name)
    for (name, source, port), hosts in blocked.items():
        address = format_ip(source.packed)
        yield (
            f"The policy of the network {name} would cut Ansible's own connection to {list_names(hosts)}: no grant "
            f'lets the controller, {address}, reach port {port} there by TCP. Add a grant such as {{src: "{address}", '
            f'dst: [{list_names(hosts)}], ip: "tcp:{port}"}} to {NETWORKS}.{name}.policy.grants.'
        )


def _check(
    network: Network, host: str, resolver: SideResolver, get: GetVariable, find_source: FindSource
) -> _Blocked | None:
    """What is blocked, None where Ansible does not come through the tunnel, or a grant lets it in."""
    with contextlib.suppress(FleetError):  # a variable that cannot be templated here is not for this task to refuse
        target = _parse_address(get(host, "ansible_host") or host)
        if target is None or not _holds(network.prefixes, target) or get(host, "ansible_connection") == "local":
            return None
        source = find_source(target)
        if source is None or source == target or not _holds(resolver.inside, source):
            return None
        port = get(host, "ansible_port") or SSH
        port = int(port) if str(port).isdecimal() else SSH
        grants = network.policy.grants if network.policy else ()
        if not any(_allows(grant, network.name, resolver, source, target, port) for grant in grants):
            return _Blocked(network.name, source, port)
    return None


def _parse_address(text: object) -> Prefix | None:
    with contextlib.suppress(InputError):
        prefix = parse_prefix(str(text))
        return prefix if prefix.length == len(prefix.packed) * 8 else None
    return None


def _holds(prefixes: Iterable[Prefix], address: Prefix) -> bool:
    return any(prefix.covers(address) for prefix in prefixes)


def _allows(grant: Grant, network: str, resolver: SideResolver, source: Prefix, target: Prefix, port: int) -> bool:
    return (
        any(each.protocol in (None, TCP) and each.first <= port <= each.last for each in grant.services)
        and any(_holds(family, source) for family in resolver.sources(network, grant.src))
        and any(_holds(family, target) for family in resolver.destinations(network, grant.dst))
    )
