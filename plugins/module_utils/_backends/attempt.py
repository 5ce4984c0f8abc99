# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try to reach addresses with real packets, many at a time."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from .._host.programs import run_program
from .._model.names import parse_netns
from .._model.prefix import family_of, format_ip, parse_interface_address
from .._netlink.errors import KernelError
from .._netlink.namespace import in_netns
from .._options.values import parse_number
from .ping import AT_ONCE, PingError, parse_ping

ICMP, TCP, UDP = 1, 6, 17
REACHED, NOT_REACHED, UNKNOWN = "reached", "not reached", "unknown"
_PINGS = 2
# A router or a firewall on the way says so. Whatever else goes wrong tells nothing of the network.
_STOPPED = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.EHOSTDOWN, errno.ETIMEDOUT}


class Attempt(NamedTuple):
    """``port`` is 0 where the protocol has none."""

    protocol: int
    source: str
    address: str
    port: int


def try_all(options: Mapping[str, Any], ping: str | None) -> list[dict[str, str]]:
    """One result for each attempt, in order: its outcome, and why. ``ping`` is the path of the program.

    Raises InputError, and OSError where the namespace is missing.
    """
    netns = parse_netns(options.get("netns"), "netns")
    timeout = parse_number(options["timeout"], "timeout", 1, 60) or 0
    attempts = [_parse(each, f"attempts[{place}]") for place, each in enumerate(options["attempts"])]
    # The threads are made in the namespace, and stay there.
    with in_netns(netns), ThreadPoolExecutor(AT_ONCE) as pool:
        return [{"outcome": outcome, "why": why} for outcome, why in pool.map(partial(_try, timeout, ping), attempts)]


def _parse(entry: Mapping[str, Any], path: str) -> Attempt:
    addresses = (parse_interface_address(entry[name], f"{path}.{name}") for name in ("source", "address"))
    source, address = (format_ip(each.packed) for each in addresses)
    protocol = parse_number(entry["protocol"], f"{path}.protocol", 0, 255) or 0
    return Attempt(protocol, source, address, parse_number(entry["port"], f"{path}.port", 0, 65535) or 0)


def _try(timeout: int, ping: str | None, attempt: Attempt) -> tuple[str, str]:
    try:
        if attempt.protocol == TCP:
            return _connect(attempt, timeout)
        if attempt.protocol == UDP:
            return _ask(attempt, timeout)
        if attempt.protocol == ICMP:
            return _ping(attempt, timeout, ping) if ping else (UNKNOWN, "the program ping is missing")
    except ConnectionRefusedError:
        return REACHED, "refused"
    except OSError as error:
        stopped = isinstance(error, socket.timeout) or error.errno in _STOPPED
        return (NOT_REACHED if stopped else UNKNOWN), error.strerror or str(error)
    return UNKNOWN, "this protocol cannot be tried"


def _connect(attempt: Attempt, timeout: int) -> tuple[str, str]:
    with socket.create_connection((attempt.address, attempt.port), timeout, (attempt.source, 0)):
        return REACHED, "connected"


def _ask(attempt: Attempt, timeout: int) -> tuple[str, str]:
    """An empty datagram: few services answer it, a host without one says so, and all else is silence."""
    family = family_of(parse_interface_address(attempt.address).packed)
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.bind((attempt.source, 0))
        sock.connect((attempt.address, attempt.port))
        sock.send(b"")
        try:
            sock.recv(1)
        except socket.timeout:
            return UNKNOWN, "silence"
    return REACHED, "answered"


def _ping(attempt: Attempt, timeout: int, program: str) -> tuple[str, str]:
    numbers: Sequence[str] = ("-c", str(_PINGS), "-W", str(timeout), "-I", attempt.source)
    try:
        done = run_program(
            [program, "-n", "-q", *numbers, attempt.address], f"ping {attempt.address}", seconds=_PINGS * timeout + 10.0
        )
        answered = parse_ping(done.output, done.errors)["reachable"]
    except (KernelError, PingError) as error:
        return UNKNOWN, str(error)
    return (REACHED, "answered") if answered else (NOT_REACHED, "no answer")
