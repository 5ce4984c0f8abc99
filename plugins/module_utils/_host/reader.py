# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the full state of an interface from the running kernel of this host."""

from __future__ import annotations

import errno
from collections.abc import Container, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .._model.dns import NO_DNS
from .._model.own_table import NO_TABLE, OwnTable
from .._model.parts import ALL_PARTS, Part
from .._model.prefix import InterfaceAddress
from .._model.state import ETHERNET_MTU, Rule, RunningState, fresh_state
from .._netlink import namespace
from .._netlink.errors import KernelError
from .._netlink.generic import GenericNetlink
from .._netlink.namespace import in_netns
from .._netlink.netlink import Netlink
from .._netlink.rtnetlink import RouteNetlink
from .._wireguard.decode import DeviceDecoder
from .._wireguard.reading import dump_device, open_wireguard
from . import netfilter, reading

if TYPE_CHECKING:
    from .dns import NameServers

SRC_VALID_MARK = "/proc/sys/net/ipv4/conf/all/src_valid_mark"


class Sockets(ExitStack):
    """The sockets of one namespace, each opened in the namespace of its first use. Raises KernelError."""

    @cached_property
    def routes(self) -> RouteNetlink:
        return self.enter_context(RouteNetlink())

    @cached_property
    def wireguard(self) -> GenericNetlink:
        return self.enter_context(open_wireguard())

    @cached_property
    def netfilter(self) -> Netlink | None:
        """The netfilter socket, None if there can be no tables."""
        netlink = netfilter.open_netfilter()
        return self.enter_context(netlink) if netlink else None

    @cached_property
    def policy_rules(self) -> tuple[frozenset[Rule], dict[int, tuple[int, ...]]]:
        """The result of ``reading.policy_rules``, read once."""
        return reading.policy_rules(self.routes)


class SharedSockets(ExitStack):
    """Sockets that several readers share, by namespace, for runs that only compare.

    What interfaces have in common, such as policy rules, is read once, so it is outdated after a change.
    """

    def __init__(self) -> None:
        super().__init__()
        self._by_netns: dict[str, Sockets] = {}

    def of(self, netns: str) -> Sockets:
        """Return the sockets of an existing namespace. The calling thread must be in it."""
        if netns not in self._by_netns:
            self._by_netns[netns] = self.enter_context(Sockets())
        return self._by_netns[netns]


@contextmanager
def open_sockets(netns: str, shared: SharedSockets | None = None) -> Iterator[Sockets]:
    """Enter the namespace, and open sockets or use the shared ones. Raises KernelError."""
    with in_netns(netns):
        if shared:
            yield shared.of(netns)
        else:
            with Sockets() as sockets:
                yield sockets


class HostReader:
    """Reads interfaces in the namespace ``netns``, whose WireGuard sockets are in the namespace ``birth``.

    Empty names are the host's own namespace. A missing namespace is read like a new one. ``name_servers``: reads and
    sets DNS; without it, DNS is ignored. ``shared``: sockets that several readers use, which then see one state of what
    interfaces have in common.
    """

    def __init__(
        self,
        netns: str = "",
        birth: str = "",
        name_servers: NameServers | None = None,
        shared: SharedSockets | None = None,
    ) -> None:
        self.netns = netns
        self.birth = birth
        self.name_servers = name_servers
        self.decoder = DeviceDecoder()
        self._shared = shared

    @property
    def origin(self) -> str:
        """The namespace of the sockets if it exists, else that of the interface."""
        return self.birth if namespace.netns_exists(self.birth) else self.netns

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        """Read the state of one interface. Parts that are not requested are left empty.

        Raises KernelError, also if the interface is of another kind.
        """
        if not namespace.netns_exists(self.netns):
            return fresh_state(interface, self.netns)
        with open_sockets(self.netns, self._shared) as sockets:
            netlink = sockets.routes
            link = netlink.link(interface)
            if link and link.kind != "wireguard":
                raise KernelError(
                    errno.EEXIST,
                    f"read interface {interface}",
                    f"it is a {link.kind} interface, not a wireguard one: choose another name or remove it",
                )
            rules, priorities = sockets.policy_rules
            tables = sockets.netfilter if Part.NETFILTER in parts else None
            base = RunningState(
                interface,
                rules=rules,
                priorities=priorities,
                netfilter=netfilter.read_rules(tables, interface) if tables else {},
                src_valid_mark=_read_flag(SRC_VALID_MARK),
                dns=self.name_servers.read(interface) if self.name_servers and Part.DNS in parts else NO_DNS,
                netns=self.netns,
                own_table=self.read_own_table(tables, interface) if tables else NO_TABLE,
            )
            if link is None or Part.INTERFACE not in parts:
                return base
            device = dump_device(sockets.wireguard, interface, self.decoder, self.origin)
            addresses = reading.interface_addresses(netlink, link)
            routes = reading.interface_routes(netlink, link.ifindex)
            return replace(
                base,
                exists=True,
                device=device,
                up=link.up,
                mtu=link.mtu,
                alias=link.alias,
                addresses=addresses.found,
                routes=routes.owned,
                other_routes=routes.others,
                lifetimes={**addresses.lifetimes, **routes.lifetimes},
                unconnected=reading.unconnected(addresses.found, routes.connected) if link.up else frozenset(),
                sockets_elsewhere=link.up and self._lacks_port(device.listen_port),
            )

    def read_own_table(self, _netlink: Netlink, _interface: str) -> OwnTable:
        """Return no table: a reader that only reports does not need it. ``HostKernel`` reads it."""
        return NO_TABLE

    def _lacks_port(self, port: int) -> bool:
        """Whether no socket in ``birth`` has the port. Nothing else shows where the interface was created."""
        if not (self.netns or self.birth) or not port:
            return False
        return not (namespace.netns_exists(self.birth) and namespace.has_udp_port(self.birth, port))

    def path_mtu(self, hosts: Iterable[str]) -> int:
        """Return the MTU as ``reading.path_mtu`` does, in the namespace of the sockets."""
        if not namespace.netns_exists(self.birth):
            return ETHERNET_MTU
        with in_netns(self.birth), RouteNetlink() as netlink:
            return reading.path_mtu(netlink, hosts)

    def has_routes(self, table: int) -> bool:
        if not namespace.netns_exists(self.netns):
            return False
        with in_netns(self.netns), RouteNetlink() as netlink:
            return reading.has_routes(netlink, table)

    def taken_address(
        self, interface: str, addresses: Iterable[InterfaceAddress]
    ) -> tuple[InterfaceAddress, str] | None:
        if not namespace.netns_exists(self.netns):
            return None
        with in_netns(self.netns), RouteNetlink() as netlink:
            return reading.taken_address(netlink, interface, addresses)

    def interfaces(self) -> list[str]:
        if not namespace.netns_exists(self.netns):
            return []
        with in_netns(self.netns), RouteNetlink() as netlink:
            return reading.wireguard_interfaces(netlink)


def _read_flag(path: str) -> bool:
    try:
        return Path(path).read_text(encoding="ascii").strip() == "1"
    except FileNotFoundError:
        return False
