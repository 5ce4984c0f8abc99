# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The netlink sockets through which a network namespace is read, and what all interfaces in it have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from types import TracebackType

from .._model.state import Rule
from .._netlink.generic import GenericNetlink
from .._netlink.namespace import in_netns
from .._netlink.netlink import Netlink
from .._netlink.rtnetlink import RouteNetlink
from .._wireguard.reading import open_wireguard
from . import netfilter, reading


class Sockets:
    """The sockets of the namespace in which they are first used, each opened when it is needed. Raises KernelError."""

    def __init__(self) -> None:
        self._opened = ExitStack()

    def close(self) -> None:
        self._opened.close()

    @cached_property
    def routes(self) -> RouteNetlink:
        return self._opened.enter_context(RouteNetlink())

    @cached_property
    def wireguard(self) -> GenericNetlink:
        return self._opened.enter_context(open_wireguard())

    @cached_property
    def netfilter(self) -> Netlink | None:
        """None where there can be no tables."""
        netlink = netfilter.open_netfilter()
        return self._opened.enter_context(netlink) if netlink else None

    @cached_property
    def policy_rules(self) -> tuple[frozenset[Rule], dict[int, tuple[int, ...]]]:
        """As ``reading.policy_rules``, read once."""
        return reading.policy_rules(self.routes)


class SharedSockets:
    """Sockets for several reads, by namespace: for runs that only compare. Use it as a context manager.

    What all interfaces have in common, such as policy rules, is read once. So after a change it is out of date.
    """

    def __init__(self) -> None:
        self._by_netns: dict[str, Sockets] = {}

    def __enter__(self) -> SharedSockets:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sockets in self._by_netns.values():
            sockets.close()
        self._by_netns.clear()

    def of(self, netns: str) -> Sockets:
        """Those of a namespace that exists, in which the calling thread is."""
        return self._by_netns.setdefault(netns, Sockets())


@contextmanager
def open_sockets(netns: str, shared: SharedSockets | None = None) -> Iterator[Sockets]:
    """Enter the namespace, with sockets of its own or the shared ones. Raises KernelError."""
    with in_netns(netns):
        if shared:
            yield shared.of(netns)
            return
        sockets = Sockets()
        try:
            yield sockets
        finally:
            sockets.close()
