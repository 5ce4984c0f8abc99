# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints to literal ones, when they are about to be applied."""

from __future__ import annotations

import socket

from .._model.endpoint import Endpoint
from .._model.errors import InputError


class Resolver:
    """Looks names up, each once, so that a name whose addresses come in turn gives one answer in one run.

    ``unresolved`` are the endpoints whose name gave no address; ``warnings`` has a sentence for each of their peers.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._found: dict[Endpoint, tuple[Endpoint, ...]] = {}
        self._reasons: dict[Endpoint, str] = {}

    @property
    def unresolved(self) -> set[Endpoint]:
        return set(self._reasons)

    def __call__(self, endpoint: Endpoint, peer: str) -> tuple[Endpoint, ...]:
        """The literal endpoints in the resolver's order of preference (RFC 6724), each once.

        Every address of the name counts: one that this host has no way to is sorted last, not left out, since a way
        may come. ``peer`` is what warnings call the peer. Raises InputError where a scope is no interface here.
        """
        if endpoint.is_literal:
            return (_name_scope(endpoint, peer),)
        if endpoint not in self._found:
            self._found[endpoint] = self._look_up(endpoint)
        if endpoint in self._reasons:
            warning = f"peer {peer}: endpoint {endpoint} is not set, as its name has no address now: "
            warning += f"{self._reasons[endpoint]}. What the peer has is kept, and the next run tries again."
            if warning not in self.warnings:
                self.warnings.append(warning)
        return self._found[endpoint]

    def _look_up(self, endpoint: Endpoint) -> tuple[Endpoint, ...]:
        try:
            found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            self._reasons[endpoint] = str(getattr(error, "strerror", None) or error)
            return ()
        return tuple(dict.fromkeys(Endpoint(_host_of(address), endpoint.port) for *_kind, address in found))


def _host_of(address: tuple[object, ...]) -> str:
    """The literal host of a socket address; the address of IPv6 stands there without its scope."""
    scope = address[3] if len(address) > 3 else 0
    return f"{address[0]}%{socket.if_indextoname(int(str(scope)))}" if scope else str(address[0])


def _name_scope(endpoint: Endpoint, peer: str) -> Endpoint:
    """The endpoint with the name of its scope's interface, which is how the kernel's endpoints are read."""
    address, percent, scope = endpoint.host.partition("%")
    if not percent:
        return endpoint
    try:
        return endpoint._replace(host=f"{address}%{socket.if_indextoname(find_scope(scope))}")
    except OSError:
        problem = f"this host has no interface {scope}"
        remedy = "give the interface, on this host, that leads to the address"
        raise InputError(f"peer {peer}: endpoint", str(endpoint), problem, remedy) from None


def find_scope(scope: str) -> int:
    """The index of the interface of this name or, where there is none, of this number. Raises OSError."""
    try:
        return socket.if_nametoindex(scope)
    except OSError:
        if scope.isdecimal() and int(scope) < 2**31:
            return int(scope)
        raise
