# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns of the planner, parsed from the inventory: ``Member``, ``Network``, ``Link``."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import InterfaceAddress, Prefix

from .policy import Policy

SPLIT = "split"
FULL = "full"
# What a host can masquerade.
INTERNET, SUBNETS, GLOBAL_IPV6 = "internet", "subnets", "global_ipv6"

DEFAULT_PORT = 51820
DEFAULT_REST_DAYS = 30


class PeerOptions(NamedTuple):
    """The options that one member sets for one of its peers, in place of the topology's. ``None``: not set.

    ``endpoint`` is empty where there must be none.
    """

    allowed_ips: tuple[Prefix, ...] | None = None
    endpoint: tuple[Endpoint, ...] | None = None
    persistent_keepalive: int | None = None


# Where Debian's prometheus-node-exporter looks, and how often Prometheus usually does.
DEFAULT_METRICS_DIRECTORY = "/var/lib/prometheus/node-exporter"
DEFAULT_METRICS_SECONDS = 30


@dataclass(frozen=True)
class Member:
    """A member of a network: a host, or a client, which Ansible does not manage. ``None``: not set in the inventory.

    ``addresses`` have their final length; none means that they are still to be given out, unless the member is
    ``unnumbered``: its list of addresses is empty, and it has none. ``subnets`` are the networks
    that are reached through the member. ``hub`` is the name of the home hub. ``excluded`` stays out of a full tunnel,
    and ``routes`` go into it besides what lies in the network. ``endpoint_inside`` is for those of the same ``site``.
    The names of dead peers are resolved again every ``reresolve`` seconds, never with 0. With ``metrics``, they are
    written to ``metrics_directory`` every ``metrics_interval`` seconds. A key that is older than
    ``key_max_age`` days is warned of. A change of the interface is provisional with ``confirm``, and is rolled back
    after ``confirm_timeout`` seconds. ``masquerade`` is empty where the host must not be a gateway.
    ``peers`` has what the member says of single peers itself, by name, and ``interface`` another name than the
    network's.

    Of a client there may be a ``public_key`` and the last day on which it is let in, ``valid_until``.
    """

    name: str
    addresses: tuple[InterfaceAddress, ...] = ()
    unnumbered: bool = False
    subnets: tuple[Prefix, ...] = ()
    endpoint: Endpoint | None = None
    endpoint_inside: Endpoint | None = None
    site: str | None = None
    hub: str | None = None
    persistent_keepalive: int | None = None
    tunnel: str = SPLIT
    excluded: tuple[Prefix, ...] = ()
    routes: tuple[Prefix, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    reresolve: int = 0
    metrics: bool = False
    metrics_directory: str = DEFAULT_METRICS_DIRECTORY
    metrics_interval: int = DEFAULT_METRICS_SECONDS
    interface: str | None = None
    masquerade: tuple[str, ...] | None = None
    peers: Mapping[str, PeerOptions] = field(default_factory=dict, hash=False)
    accept_changed_key: bool = False
    key_max_age: int | None = None
    is_client: bool = False
    public_key: str | None = None
    valid_until: datetime.date | None = None

    @property
    def own(self) -> tuple[Prefix, ...]:
        """What is at or behind this member and nowhere else."""
        return (*(address.host for address in self.addresses), *self.subnets)

    def is_expired(self, today: datetime.date) -> bool:
        """Whether it is past the last day on which it is let in."""
        return self.valid_until is not None and self.valid_until < today

    def endpoint_for(self, viewer: Member) -> Endpoint | None:
        """Return the endpoint that ``viewer`` uses for this member: its own option, else the inside one at one site."""
        if viewer.peers:
            said = viewer.peers.get(self.name)
            if said is not None and said.endpoint is not None:
                return said.endpoint[0] if said.endpoint else None
        if self.endpoint_inside and self.site == viewer.site:
            return self.endpoint_inside
        return self.endpoint


@dataclass(frozen=True)
class Network:
    """One WireGuard network with its members, those of each kind sorted by name.

    ``hubs`` and ``spokes`` are the hosts of hub_and_spoke, ``nodes`` those of the other topologies; ``links`` are
    the pairs of nodes that custom connects, by name, each pair once and in order. ``interface`` is that of hosts which
    have no other one. Addresses are given out from
    ``pools``; one that was freed rests for ``rest_days``. ``port`` is where members with an endpoint listen by default.
    Without ``policy`` everybody may reach everybody.
    """

    name: str
    topology: str
    interface: str
    prefixes: tuple[Prefix, ...]
    hubs: tuple[Member, ...] = ()
    spokes: tuple[Member, ...] = ()
    nodes: tuple[Member, ...] = ()
    clients: tuple[Member, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    pools: tuple[Prefix, ...] = ()
    rest_days: int = DEFAULT_REST_DAYS
    port: int = DEFAULT_PORT
    policy: Policy | None = None

    @property
    def hosts(self) -> tuple[Member, ...]:
        """The members that Ansible manages."""
        return self.hubs + self.spokes + self.nodes

    @property
    def members(self) -> tuple[Member, ...]:
        return self.hosts + self.clients

    @property
    def subnets(self) -> list[Prefix]:
        """What is behind any of the members."""
        return [subnet for member in self.members for subnet in member.subnets]

    @property
    def inside(self) -> list[Prefix]:
        """The prefixes, and what is behind any of the members."""
        return [*self.prefixes, *self.subnets]

    def with_members(self, changed: Mapping[str, Member]) -> Network:
        """The same network with these members, by name, in the place of those that it has."""

        def changes(members: tuple[Member, ...]) -> tuple[Member, ...]:
            return tuple(changed.get(member.name, member) for member in members)

        return replace(
            self,
            hubs=changes(self.hubs),
            spokes=changes(self.spokes),
            nodes=changes(self.nodes),
            clients=changes(self.clients),
        )


class Link(NamedTuple):
    """One direction of a tunnel: ``host`` has ``peer`` as a peer and sends it what lies in ``allowed_ips``.

    ``allowed_ips`` is sorted text; links that allow the same share one list.
    """

    host: Member
    peer: Member
    allowed_ips: list[str]
