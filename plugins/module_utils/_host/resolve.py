# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolve endpoints when they are about to be applied.

Resolving a name may take long, and other runs should not wait for an interface's lock meanwhile. So the first pass
under the lock only notes which names are needed. They are resolved without the lock, in parallel. The next pass has
the answers.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Iterable

from .._model.endpoint import Endpoint
from .._model.errors import InputError
from .._wireguard.codec import find_scope

# For all names of a run together: two attempts of glibc's resolver at a name server that does not answer.
SECONDS = 10.0
_THREADS = 32


class NamesMissing(Exception):
    """Some names that are needed have not been looked up yet."""


class Resolver:
    """Looks each name up once, so that a name whose addresses rotate gives the same answer throughout a run.

    ``missing``: the endpoints that were requested before they were looked up. ``unresolved``: those without an address
    so far. ``warnings``: a sentence for each peer whose name has no address.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self.warnings: list[str] = []
        self.missing: set[Endpoint] = set()
        self._limit = self._left = seconds
        self._found: dict[Endpoint, tuple[Endpoint, ...]] = {}
        self._reasons: dict[Endpoint, str] = {}

    @property
    def unresolved(self) -> set[Endpoint]:
        return self.missing | set(self._reasons)

    def check(self) -> None:
        """Raise NamesMissing if names must still be looked up."""
        if self.missing:
            raise NamesMissing

    def __call__(self, endpoint: Endpoint, peer: str) -> tuple[Endpoint, ...]:
        """Return the literal endpoints in the resolver's order of preference (RFC 6724), each once.

        Unreachable addresses are sorted last, not left out, since a route may be added later. ``peer``: the peer's
        label in warnings. Raises InputError if a scope is not an interface of this host.
        """
        if endpoint.is_literal:
            return (_name_scope(endpoint, peer),)
        if endpoint in self._reasons:
            warning = f"peer {peer}: endpoint {endpoint} is not set, as its name cannot be resolved: "
            warning += f"{self._reasons[endpoint]}. The current endpoint is kept. The next run tries again."
            if warning not in self.warnings:
                self.warnings.append(warning)
        elif endpoint not in self._found:
            self.missing.add(endpoint)
        return self._found.get(endpoint, ())

    def look_up(self, endpoints: Iterable[Endpoint] | None = None) -> None:
        """Look up the missing names, or those of ``endpoints``, in the network namespace of the calling thread.

        ``seconds`` limits all calls together. A name without an answer in time counts as having no address.
        """
        asked = self.missing if endpoints is None else {each for each in endpoints if not each.is_literal}
        wanted = asked - self._found.keys() - self._reasons.keys()
        begin = time.monotonic()
        found = _look_up_all(wanted, begin + self._left)
        late = f"the limit of {self._limit:g} seconds for all names was reached"
        for endpoint in wanted:
            answer = found.get(endpoint, late)
            if isinstance(answer, str):
                self._reasons[endpoint] = answer
            else:
                self._found[endpoint] = answer
        self._left = max(self._left - (time.monotonic() - begin), 0.0)
        self.missing -= wanted


def _look_up_all(endpoints: Iterable[Endpoint], deadline: float) -> dict[Endpoint, tuple[Endpoint, ...] | str]:
    """Map each endpoint that is answered in time to its addresses, or to the reason why there are none.

    A look-up cannot be stopped. One that hangs keeps its thread, which ends with the process.
    """
    waiting = deque(endpoints)
    answers: dict[Endpoint, tuple[Endpoint, ...] | str] = {}
    count = len(waiting)
    answered = threading.Condition()

    def work() -> None:
        while waiting and time.monotonic() < deadline:
            try:
                endpoint = waiting.popleft()
            except IndexError:
                return  # another thread was quicker
            answer = _look_up(endpoint)
            with answered:
                answers[endpoint] = answer
                answered.notify()

    for _thread in range(min(count, _THREADS)):
        threading.Thread(target=work, daemon=True).start()
    with answered:
        answered.wait_for(lambda: len(answers) == count, max(deadline - time.monotonic(), 0.0))
        return dict(answers)


def _look_up(endpoint: Endpoint) -> tuple[Endpoint, ...] | str:
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)
        return tuple(dict.fromkeys(Endpoint(_host_of(address), endpoint.port) for *_kind, address in found))
    except (OSError, UnicodeError) as error:
        return str(getattr(error, "strerror", None) or error)


def _host_of(address: tuple[object, ...]) -> str:
    """Return the literal host of a socket address, with its scope, which is a separate field there."""
    scope = address[3] if len(address) > 3 else 0
    return f"{address[0]}%{socket.if_indextoname(int(str(scope)))}" if scope else str(address[0])


def _name_scope(endpoint: Endpoint, peer: str) -> Endpoint:
    """Return the endpoint with its scope as an interface name, as in the kernel's endpoints. Raises InputError."""
    address, percent, scope = endpoint.host.partition("%")
    if not percent:
        return endpoint
    try:
        return endpoint._replace(host=f"{address}%{socket.if_indextoname(find_scope(scope))}")
    except OSError:
        problem = f"this host has no interface {scope}"
        remedy = "give the interface of this host that leads to the address"
        raise InputError(f"peer {peer}: endpoint", str(endpoint), problem, remedy) from None
