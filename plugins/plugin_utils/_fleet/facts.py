# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns of the planner: what the inventory says, parsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import InterfaceAddress, Prefix

SPLIT = "split"
FULL = "full"


@dataclass(frozen=True)
class Host:
    """A member of a network. ``None`` means that the inventory does not say.

    ``addresses`` have their final length; ``subnets`` are the networks that are reached through the host. The names of
    dead peers are resolved anew every ``reresolve`` seconds, never with 0.
    """

    name: str
    addresses: tuple[InterfaceAddress, ...] = ()
    subnets: tuple[Prefix, ...] = ()
    endpoint: Endpoint | None = None
    listen_port: int | None = None
    persistent_keepalive: int | None = None
    tunnel: str = SPLIT
    mtu: int | None = None
    fwmark: int | None = None
    table: str | None = None
    dns: tuple[str, ...] | None = None
    dns_search: tuple[str, ...] | None = None
    alias: str | None = None
    endpoint_policy: str | None = None
    reresolve: int = 0
    netns: str | None = None
    birth_netns: str | None = None

    @property
    def own(self) -> tuple[Prefix, ...]:
        """What is at or behind this host and nowhere else."""
        return (*(address.host for address in self.addresses), *self.subnets)


@dataclass(frozen=True)
class Network:
    """One WireGuard network with its members, sorted by name."""

    name: str
    topology: str
    interface: str
    prefixes: tuple[Prefix, ...]
    hubs: tuple[Host, ...] = ()
    spokes: tuple[Host, ...] = ()

    @property
    def members(self) -> tuple[Host, ...]:
        return self.hubs + self.spokes

    @property
    def subnets(self) -> list[Prefix]:
        """What is behind any of the members."""
        return [subnet for member in self.members for subnet in member.subnets]


class Link(NamedTuple):
    """One direction of a tunnel: ``host`` has ``peer`` as a peer and sends it what lies in ``allowed_ips``.

    ``allowed_ips`` is sorted text; links that allow the same share one tuple.
    """

    host: Host
    peer: Host
    allowed_ips: tuple[str, ...]
