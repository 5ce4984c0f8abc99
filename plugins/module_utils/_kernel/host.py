# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running state of this host, read and changed: the adapter that the runner is handed."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
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
    SetLink,
    SetNetfilter,
    SetSourceValidMark,
    WireGuardOperation,
)
from .._model.state import Route, RunningState
from . import netfilter, wireguard
from .errors import KernelError
from .routing import ROUTE_PROTOCOL, Routing

_WIREGUARD = get_args(WireGuardOperation)
_SYSCTL_IPV4 = "/proc/sys/net/ipv4/conf"
_SRC_VALID_MARK = f"{_SYSCTL_IPV4}/all/src_valid_mark"


class Host:
    """The kernel of this host, in the network namespace of this process."""

    def read(self, interface: str) -> RunningState:
        """Everything that one interface concerns. Raises KernelError, also when the name belongs to another kind."""
        with Routing() as routing:
            link = routing.link(interface)
            if link and link.kind != "wireguard":
                raise KernelError(
                    errno.EEXIST,
                    f"read interface {interface}",
                    f"it is a {link.kind} interface, not a wireguard one: choose another name or remove it",
                )
            rules, priorities = routing.rules()
            routes, tables = routing.routes(link.ifindex if link else 0)
            base = RunningState(
                interface,
                rules=rules,
                priorities=priorities,
                tables=tables,
                netfilter=netfilter.read_rules(interface),
                src_valid_mark=_read_flag(_SRC_VALID_MARK),
            )
            if link is None:
                return base
            return RunningState(
                **{
                    **vars(base),
                    "exists": True,
                    "device": wireguard.read_device(interface),
                    "up": link.up,
                    "mtu": link.mtu,
                    "addresses": routing.addresses(link.ifindex),
                    "routes": frozenset(routes),
                }
            )

    def apply(self, interface: str, operations: Sequence[Operation]) -> None:
        """Do the operations in order, neighbouring WireGuard ones in one go. Stops with KernelError at a refusal."""
        with Routing() as routing:
            for is_wireguard, group in groupby(operations, lambda operation: isinstance(operation, _WIREGUARD)):
                if is_wireguard:
                    wireguard.apply_operations(interface, cast("list[WireGuardOperation]", list(group)))
                else:
                    changes = _Changes(interface, routing)
                    for operation in group:
                        changes.apply(operation)

    def path_mtu(self, hosts: Iterable[str]) -> int:
        with Routing() as routing:
            return routing.path_mtu(hosts)

    def interfaces(self) -> list[str]:
        with Routing() as routing:
            return routing.interfaces()


class _Changes:
    """Applies operations other than WireGuard's own; looks the link and its routes up once, when first needed."""

    def __init__(self, interface: str, routing: Routing) -> None:
        self._interface = interface
        self._routing = routing
        self._known_index = 0
        self._known_protocols: dict[Route, int] | None = None

    def apply(self, operation: Operation) -> None:
        routing = self._routing
        if isinstance(operation, CreateLink):
            routing.create_link(self._interface)
        elif isinstance(operation, DeleteLink):
            routing.delete_link(self._index())
        elif isinstance(operation, SetLink):
            routing.set_link(self._index(), operation.mtu, operation.up)
        elif isinstance(operation, AddAddress):
            routing.change_address("add", self._index(), operation.address)
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
            _write_flag(_SRC_VALID_MARK, operation.on)

    def _index(self) -> int:
        if not self._known_index:
            link = self._routing.link(self._interface)
            if link is None:
                raise KernelError(errno.ENODEV, f"find interface {self._interface}")
            self._known_index = link.ifindex
        return self._known_index

    def _protocol(self, route: Route) -> int:
        if self._known_protocols is None:
            self._known_protocols, _tables = self._routing.routes(self._index())
        return self._known_protocols.get(route, ROUTE_PROTOCOL)


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
