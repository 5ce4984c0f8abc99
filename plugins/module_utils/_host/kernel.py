# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and change the running state of this host: the kernel that the engine uses."""

from __future__ import annotations

import errno
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from .._model.dns import NO_DNS
from .._model.operations import (
    AddAddress,
    AddRoute,
    AddRule,
    CreateLink,
    DeleteLink,
    MoveLink,
    Operation,
    RemoveAddress,
    RemoveRoute,
    RemoveRule,
    SetDns,
    SetLink,
    SetNetfilter,
    SetSourceValidMark,
    WireGuardOperation,
)
from .._model.parts import ALL_PARTS, Part
from .._model.prefix import InterfaceAddress
from .._model.state import ETHERNET_MTU, RunningState, fresh_state
from .._netlink import namespace
from .._netlink.errors import KernelError
from .._netlink.namespace import in_netns
from .._netlink.rtnetlink import KernelLink, RouteNetlink
from .._wireguard import family as wireguard
from .._wireguard.decode import DeviceDecoder
from . import netfilter, reading
from .routing import Routing

if TYPE_CHECKING:
    from .dns import NameServers

_WIREGUARD = get_args(WireGuardOperation)
_LINKS = (CreateLink, MoveLink, DeleteLink, SetLink)
_SYSCTL_IPV4 = "/proc/sys/net/ipv4/conf"
_SRC_VALID_MARK = f"{_SYSCTL_IPV4}/all/src_valid_mark"


def find_taken_address(
    netns: str, interface: str, addresses: Iterable[InterfaceAddress]
) -> tuple[InterfaceAddress, str] | None:
    """Find the first address that another interface of the namespace has. None if the namespace does not exist."""
    if not namespace.netns_exists(netns):
        return None
    with in_netns(netns), RouteNetlink() as netlink:
        return reading.taken_address(netlink, interface, addresses)


def _wireguard_link(netlink: RouteNetlink, interface: str) -> KernelLink | None:
    """Find the link of the interface. Raises KernelError if a link of another kind has the name."""
    link = netlink.link(interface)
    if link and link.kind != "wireguard":
        raise KernelError(
            errno.EEXIST,
            f"read interface {interface}",
            f"it is a {link.kind} interface, not a wireguard one: choose another name or remove it",
        )
    return link


class HostKernel:
    """The kernel of this host: a network namespace, and the one in which its WireGuard interface has its sockets.

    Empty names stand for the host's own namespace. One that does not exist is read as if it had just been created.
    ``name_servers`` reads and sets DNS; without it, DNS is left alone.
    """

    def __init__(self, netns: str = "", birth: str = "", name_servers: NameServers | None = None) -> None:
        self.netns = netns
        self.birth = birth
        self.name_servers = name_servers
        self._decoder = DeviceDecoder()

    def _origin(self) -> str:
        return self.birth if namespace.netns_exists(self.birth) else self.netns

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        """Read the state that concerns one interface. Parts that are not asked for are left empty.

        Raises KernelError, also if the interface is not a WireGuard one.
        """
        if not namespace.netns_exists(self.netns):
            return fresh_state(interface, self.netns)
        with in_netns(self.netns), RouteNetlink() as netlink:
            link = _wireguard_link(netlink, interface)
            rules, priorities = reading.policy_rules(netlink)
            base = RunningState(
                interface,
                rules=rules,
                priorities=priorities,
                netfilter=netfilter.read_rules(interface) if Part.NETFILTER in parts else {},
                src_valid_mark=_read_flag(_SRC_VALID_MARK),
                dns=self.name_servers.read(interface) if self.name_servers and Part.DNS in parts else NO_DNS,
                netns=self.netns,
            )
            return self._with_link(base, netlink, link) if link and Part.INTERFACE in parts else base

    def _with_link(self, base: RunningState, netlink: RouteNetlink, link: KernelLink) -> RunningState:
        """Add the interface itself to a state: its link, device, addresses and routes."""
        device = wireguard.read_device(base.interface, self._decoder, self._origin())
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

    def _lacks_port(self, port: int) -> bool:
        """Whether nothing has the port where the sockets should be: all that shows where an interface was made."""
        if not (self.netns or self.birth) or not port:
            return False
        return not (namespace.netns_exists(self.birth) and namespace.has_udp_port(self.birth, port))

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        """Do the operations in order, neighbouring WireGuard ones in one go. Stops with KernelError at a refusal."""
        with in_netns(self.netns), ExitStack() as stack:
            # First of all, as pyroute2 may not load.
            plain = all(isinstance(operation, _WIREGUARD) for operation in operations)
            with_links = any(isinstance(operation, _LINKS) for operation in operations)
            changes = None if plain else stack.enter_context(closing(_Changes(interface, self, with_links)))
            for is_wireguard, group in groupby(operations, lambda operation: isinstance(operation, _WIREGUARD)):
                if is_wireguard:
                    wireguard_operations = cast("list[WireGuardOperation]", list(group))
                    wireguard.apply_operations(interface, wireguard_operations, self._origin(), self._decoder)
                elif changes:
                    for operation in group:
                        changes.apply(operation)

    def rehearse(self) -> None:
        """Load and open what changes are made through, and change nothing. Raises KernelError."""
        if namespace.netns_exists(self.netns):
            with in_netns(self.netns):
                _Changes("", self, with_links=True).close()

    def path_mtu(self, hosts: Iterable[str]) -> int:
        """From where the sockets are."""
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
        return find_taken_address(self.netns, interface, addresses)

    def interfaces(self) -> list[str]:
        if not namespace.netns_exists(self.netns):
            return []
        with in_netns(self.netns), RouteNetlink() as netlink:
            return reading.wireguard_interfaces(netlink)

    def create_link(self, interface: str) -> None:
        """In one step, so that nothing is ever half moved."""
        with namespace.open_netns(self.netns) as target, in_netns(self.birth), closing(Routing()) as routing:
            routing.create_link(interface, target)


class _Changes:
    """Applies operations other than WireGuard's own; looks the link up once, when first needed."""

    def __init__(self, interface: str, host: HostKernel, with_links: bool) -> None:
        self._interface = interface
        self._host = host
        self._routing = Routing() if with_links else None
        self._netlink = RouteNetlink()
        self._known_index = 0

    def close(self) -> None:
        if self._routing:
            self._routing.close()
        self._netlink.close()

    def apply(self, operation: Operation) -> None:
        if self._routing and isinstance(operation, _LINKS):
            self._change_link(self._routing, operation)
        elif isinstance(operation, SetDns):
            if self._host.name_servers is None:
                raise KernelError(errno.ENOENT, operation.describe(), "nothing on this host looks after name servers")
            self._host.name_servers.write(self._interface, operation.dns)
        elif isinstance(operation, AddAddress):
            # sysctl keep_addr_on_down may have spared it.
            with _passing(errno.EEXIST):
                self._netlink.add_address(self._index(), operation.address, operation.lifetime)
        elif isinstance(operation, RemoveAddress):
            # Else the kernel drops the other addresses of the network with its first one.
            _write_flag(f"{_SYSCTL_IPV4}/{self._interface}/promote_secondaries")
            self._netlink.remove_address(self._index(), operation.address)
        elif isinstance(operation, AddRoute):
            # A route with details would stand next to another one, so the very route is there; and a routing daemon may
            # have been quicker to make its own.
            with _passing(errno.EEXIST if operation.route.details or not operation.route.is_owned else 0):
                self._netlink.add_route(self._index(), operation.route, operation.lifetime)
        elif isinstance(operation, RemoveRoute):
            # It may have gone with an address, or a routing daemon has taken it away.
            with _passing(errno.ESRCH):
                self._netlink.remove_route(self._index(), operation.route)
        elif isinstance(operation, AddRule):
            self._netlink.add_rule(operation.rule)
        elif isinstance(operation, RemoveRule):
            self._netlink.remove_rule(operation.rule)
        elif isinstance(operation, SetNetfilter):
            netfilter.replace_rules(self._interface, operation.family, operation.rules)
        elif isinstance(operation, SetSourceValidMark):
            _write_flag(_SRC_VALID_MARK, operation.on)

    def _change_link(self, routing: Routing, operation: CreateLink | MoveLink | DeleteLink | SetLink) -> None:
        if isinstance(operation, CreateLink):
            if self._host.netns == self._host.birth:
                routing.create_link(self._interface)
            else:
                self._host.create_link(self._interface)
        elif isinstance(operation, MoveLink):
            with namespace.open_netns(operation.netns) as target:
                routing.move_link(self._index(), target)
        elif isinstance(operation, DeleteLink):
            routing.delete_link(self._index())
        else:
            routing.set_link(self._index(), operation.mtu, operation.up, operation.alias)

    def _index(self) -> int:
        if not self._known_index:
            link = self._netlink.link(self._interface)
            if link is None:
                raise KernelError(errno.ENODEV, f"find interface {self._interface}")
            self._known_index = link.ifindex
        return self._known_index


@contextmanager
def _passing(number: int) -> Iterator[None]:
    """Pass over this error: what was to be done is done. What is read back afterwards has the last word."""
    try:
        yield
    except KernelError as error:
        if error.errno != number:
            raise


def _read_flag(path: str) -> bool:
    try:
        return Path(path).read_text(encoding="ascii").strip() == "1"
    except FileNotFoundError:
        return False


def _write_flag(path: str, on: bool = True) -> None:
    try:
        Path(path).write_text(str(int(on)), encoding="ascii")
    except OSError as error:
        raise KernelError(error.errno or errno.EIO, f"write {path}") from None
