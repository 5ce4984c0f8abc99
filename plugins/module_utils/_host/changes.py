# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the running state of this host. Few runs do, so ``kernel`` imports this only when needed."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import cast, get_args

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
    SetNftables,
    SetSourceValidMark,
    WireGuardOperation,
)
from .._model.state import RunningState
from .._netlink import namespace
from .._netlink.errors import KernelError
from .._netlink.namespace import in_netns
from .._netlink.rtnetlink import RouteNetlink
from .._wireguard import family as wireguard
from . import nft, nft_table
from .reader import SRC_VALID_MARK, HostReader
from .routing import Routing

_WIREGUARD = get_args(WireGuardOperation)
_LINKS = (CreateLink, MoveLink, DeleteLink, SetLink)
_SYSCTL_IPV4 = "/proc/sys/net/ipv4/conf"


def change_host(host: HostReader, interface: str, operations: Sequence[Operation]) -> None:
    """Apply the operations in order, adjacent WireGuard ones together. Raises KernelError at the first refusal."""
    with in_netns(host.netns), ExitStack() as stack:
        # Before any change, since pyroute2 may fail to load.
        plain = all(isinstance(operation, _WIREGUARD) for operation in operations)
        with_links = any(isinstance(operation, _LINKS) for operation in operations)
        changes = None if plain else stack.enter_context(closing(_Changes(interface, host, with_links)))
        for is_wireguard, group in groupby(operations, lambda operation: isinstance(operation, _WIREGUARD)):
            if is_wireguard:
                wireguard_operations = cast("list[WireGuardOperation]", list(group))
                wireguard.apply_operations(interface, wireguard_operations, host.origin, host.decoder)
            elif changes:
                for operation in group:
                    changes.apply(operation)


def rehearse(host: HostReader, state: RunningState) -> None:
    """Check that what a restore of the state needs loads and opens. Changes nothing. Raises KernelError."""
    if state.own_table:
        nft_table.rehearse_table(state.interface, state.own_table)
    if namespace.netns_exists(host.netns):
        with in_netns(host.netns):
            _Changes("", host, with_links=True).close()


def _create_link(host: HostReader, interface: str) -> None:
    """Create the link in another namespace in one step, so that it is never half moved."""
    with namespace.open_netns(host.netns) as target, in_netns(host.birth), closing(Routing()) as routing:
        routing.create_link(interface, target)


class _Changes:
    """Applies operations other than WireGuard's own. Looks the link up once, when first needed."""

    def __init__(self, interface: str, host: HostReader, with_links: bool) -> None:
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
                raise KernelError(
                    errno.ENOENT, operation.describe(), "this host has neither systemd-resolved nor resolvconf"
                )
            self._host.name_servers.write(self._interface, operation.dns)
        elif isinstance(operation, AddAddress):
            # With sysctl keep_addr_on_down it may still be there.
            with _passing(errno.EEXIST):
                self._netlink.add_address(self._index(), operation.address, operation.lifetime)
        elif isinstance(operation, RemoveAddress):
            # Otherwise the kernel removes the other addresses of the network with its first one.
            _write_flag(f"{_SYSCTL_IPV4}/{self._interface}/promote_secondaries")
            self._netlink.remove_address(self._index(), operation.address)
        elif isinstance(operation, AddRoute):
            # A route with details is appended, so EEXIST means that the same route exists. A routing daemon may have
            # added its own route first.
            with _passing(errno.EEXIST if operation.route.details or not operation.route.is_owned else 0):
                self._netlink.add_route(self._index(), operation.route, operation.lifetime)
        elif isinstance(operation, RemoveRoute):
            # The kernel may have removed it with an address, or a routing daemon may have removed it.
            with _passing(errno.ESRCH):
                self._netlink.remove_route(self._index(), operation.route)
        elif isinstance(operation, AddRule):
            self._netlink.add_rule(operation.rule)
        elif isinstance(operation, RemoveRule):
            self._netlink.remove_rule(operation.rule)
        elif isinstance(operation, SetNetfilter):
            nft.replace_rules(self._interface, operation.family, operation.rules)
        elif isinstance(operation, SetNftables):
            nft_table.replace_table(self._interface, operation.table)
        elif isinstance(operation, SetSourceValidMark):
            _write_flag(SRC_VALID_MARK, operation.on)

    def _change_link(self, routing: Routing, operation: CreateLink | MoveLink | DeleteLink | SetLink) -> None:
        if isinstance(operation, CreateLink):
            if self._host.netns == self._host.birth:
                routing.create_link(self._interface)
            else:
                _create_link(self._host, self._interface)
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
    """Ignore this error: the change is made already. The state that is read back afterwards decides."""
    try:
        yield
    except KernelError as error:
        if error.errno != number:
            raise


def _write_flag(path: str, on: bool = True) -> None:
    try:
        Path(path).write_text(str(int(on)), encoding="ascii")
    except OSError as error:
        raise KernelError(error.errno or errno.EIO, f"write {path}") from None
