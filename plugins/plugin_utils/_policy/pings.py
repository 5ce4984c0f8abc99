# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members a policy lets ping each other. The tunnels of the others are judged by their handshakes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip

from .._inventory.nouns import Network
from .._inventory.policy import ICMP, ICMPV6, Grant
from .concerns import Owners
from .resolve import SideResolver


class Pings:
    """The pings between the own addresses of hosts that the policy of a network allows."""

    def __init__(self, network: Network, resolver: SideResolver) -> None:
        self._network = network
        self._resolver = resolver
        self._hosts = {host.name: host for host in network.hosts}

    def silent(self, source: str, targets: Iterable[str]) -> list[str]:
        """The addresses of these hosts that do not answer a ping from ``source``, sorted."""
        hosts = [self._hosts[name] for name in targets if name in self._hosts]
        return sorted(
            format_ip(packed)
            for host in hosts
            for packed, *_rest in host.addresses
            if not self._sources.get((source, len(packed)), 0) & self._targets.get((host.name, len(packed)), 0)
        )

    @cached_property
    def _sources(self) -> dict[tuple[str, int], int]:
        return self._grants(is_source=True)

    @cached_property
    def _targets(self) -> dict[tuple[str, int], int]:
        return self._grants(is_source=False)

    def _grants(self, is_source: bool) -> dict[tuple[str, int], int]:
        """By host and size of its addresses, the grants that let it ping or be pinged: a number with a bit for each."""
        found: dict[tuple[str, int], int] = {}
        name, policy = self._network.name, self._network.policy
        resolve = self._resolver.sources if is_source else self._resolver.destinations
        for grant in policy.grants if policy else ():
            side = resolve(name, grant.src if is_source else grant.dst)
            for size, prefixes in ((4, side.ipv4), (16, side.ipv6)):
                for host in self._owners.of(prefixes) if _has_ping(grant, size) else ():
                    found[host, size] = found.get((host, size), 0) | 1 << grant.number
        return found

    @cached_property
    def _owners(self) -> Owners:
        return Owners((address.host, host.name) for host in self._network.hosts for address in host.addresses)


def _has_ping(grant: Grant, size: int) -> bool:
    wanted = {None, ICMP} if size == 4 else {None, ICMP, ICMPV6}
    return any(service.protocol in wanted for service in grant.services)
