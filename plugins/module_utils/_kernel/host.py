# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running state of this host, read and changed: the adapter that the runner is handed."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import cast, get_args

from .._converge.operations import (
    AddAddress,
    AddRoute,
    AddRule,
    CreateLink,
    DeleteLink,
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
from .._model.dns import NO_DNS
from .._model.prefix import InterfaceAddress
from .._model.state import Route, RunningState
from . import netfilter, reading, wireguard
from .dns import NameServers
from .errors import KernelError
from .reading import ROUTE_PROTOCOL
from .routing import Routing
from .rtnetlink import RouteNetlink

_WIREGUARD = get_args(WireGuardOperation)
_SYSCTL_IPV4 = "/proc/sys/net/ipv4/conf"
_SRC_VALID_MARK = f"{_SYSCTL_IPV4}/all/src_valid_mark"


class Host:
    """The kernel of this host, in the network namespace of this process.

    ``name_servers`` is what to read and set DNS through; without it, DNS is not looked at.
    """

    def __init__(self, name_servers: NameServers | None = None) -> None:
        self._name_servers = name_servers

    def read(self, interface: str) -> RunningState:
        """Everything that one interface concerns. Raises KernelError, also when the name belongs to another kind."""
        with RouteNetlink() as netlink:
            link = netlink.link(interface)
            if link and link.kind != "wireguard":
                raise KernelError(
                    errno.EEXIST,
                    f"read interface {interface}",
                    f"it is a {link.kind} interface, not a wireguard one: choose another name or remove it",
                )
            rules, priorities = reading.policy_rules(netlink)
            base = RunningState(
                interface,
                rules=rules,
                priorities=priorities,
                netfilter=netfilter.read_rules(interface),
                src_valid_mark=_read_flag(_SRC_VALID_MARK),
                dns=self._name_servers.read(interface) if self._name_servers else NO_DNS,
            )
            if link is None:
                return base
            return replace(
                base,
                exists=True,
                device=wireguard.read_device(interface),
                up=link.up,
                mtu=link.mtu,
                alias=link.alias,
                addresses=reading.interface_addresses(netlink, link.ifindex),
                routes=frozenset(reading.owned_routes(netlink, link.ifindex)),
            )

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        """Do the operations in order, neighbouring WireGuard ones in one go. Stops with KernelError at a refusal."""
        if all(isinstance(operation, _WIREGUARD) for operation in operations):
            wireguard.apply_operations(interface, cast("Sequence[WireGuardOperation]", operations))
            return
        with Routing() as routing, RouteNetlink() as netlink:
            changes = _Changes(interface, routing, netlink, self._name_servers)
            for is_wireguard, group in groupby(operations, lambda operation: isinstance(operation, _WIREGUARD)):
                if is_wireguard:
                    wireguard.apply_operations(interface, cast("list[WireGuardOperation]", list(group)))
                else:
                    for operation in group:
                        changes.apply(operation)

    def path_mtu(self, hosts: Iterable[str]) -> int:
        with RouteNetlink() as netlink:
            return reading.path_mtu(netlink, hosts)

    def has_routes(self, table: int) -> bool:
        with RouteNetlink() as netlink:
            return reading.has_routes(netlink, table)

    def interfaces(self) -> list[str]:
        with RouteNetlink() as netlink:
            return reading.wireguard_interfaces(netlink)


class _Changes:
    """Applies operations other than WireGuard's own; looks the link and its routes up once, when first needed."""

    def __init__(
        self, interface: str, routing: Routing, netlink: RouteNetlink, name_servers: NameServers | None
    ) -> None:
        self._interface = interface
        self._routing = routing
        self._netlink = netlink
        self._name_servers = name_servers
        self._known_index = 0
        self._known_protocols: dict[Route, int] | None = None

    def apply(self, operation: Operation) -> None:
        routing = self._routing
        if isinstance(operation, CreateLink):
            routing.create_link(self._interface)
        elif isinstance(operation, DeleteLink):
            routing.delete_link(self._index())
        elif isinstance(operation, SetLink):
            routing.set_link(self._index(), operation.mtu, operation.up, operation.alias)
        elif isinstance(operation, SetDns):
            if self._name_servers is None:
                raise KernelError(errno.ENOENT, operation.describe(), "nothing on this host looks after name servers")
            self._name_servers.write(self._interface, operation.dns)
        elif isinstance(operation, AddAddress):
            self._add_address(operation.address)
        elif isinstance(operation, RemoveAddress):
            # Else the kernel drops the other addresses of the network with its first one.
            _write_flag(f"{_SYSCTL_IPV4}/{self._interface}/promote_secondaries")
            routing.change_address("del", self._index(), operation.address)
        elif isinstance(operation, AddRoute):
            routing.change_route("add", self._index(), operation.route)
        elif isinstance(operation, RemoveRoute):
            routing.change_route("del", self._index(), operation.route, self._protocol(operation.route))
        elif isinstance(operation, (AddRule, RemoveRule)):
            routing.change_rule("add" if isinstance(operation, AddRule) else "del", operation.rule)
        elif isinstance(operation, SetNetfilter):
            netfilter.replace_rules(self._interface, operation.family, operation.rules)
        elif isinstance(operation, SetSourceValidMark):
            _write_flag(_SRC_VALID_MARK)

    def _add_address(self, address: InterfaceAddress) -> None:
        try:
            self._routing.change_address("add", self._index(), address)
        except KernelError as error:
            # sysctl keep_addr_on_down may have spared it.
            if error.errno != errno.EEXIST:
                raise

    def _index(self) -> int:
        if not self._known_index:
            link = self._netlink.link(self._interface)
            if link is None:
                raise KernelError(errno.ENODEV, f"find interface {self._interface}")
            self._known_index = link.ifindex
        return self._known_index

    def _protocol(self, route: Route) -> int:
        if self._known_protocols is None:
            self._known_protocols = reading.owned_routes(self._netlink, self._index())
        return self._known_protocols.get(route, ROUTE_PROTOCOL)


def _read_flag(path: str) -> bool:
    try:
        return Path(path).read_text(encoding="ascii").strip() == "1"
    except FileNotFoundError:
        return False


def _write_flag(path: str) -> None:
    try:
        Path(path).write_text("1", encoding="ascii")
    except OSError as error:
        raise KernelError(error.errno or errno.EIO, f"write {path}") from None
