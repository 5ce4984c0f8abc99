# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ping through an interface, many targets at a time. Check the handshake of a peer without an address."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from .._host.programs import run_program
from .._model.keys import PublicKey, parse_public_key
from .._model.names import parse_interface_name, parse_netns
from .._model.packages import MissingLibrary, package_hint
from .._model.prefix import format_ip, parse_interface_address
from .._netlink.errors import KernelError
from .._netlink.namespace import has_link, in_netns
from .._options.values import parse_number

INTERVAL = 0.2  # seconds between two packets; anything shorter is for root only in older versions
AT_ONCE = 32
SPARE_SECONDS = 10.0  # how much longer than it should take a ping may take on a busy host
UNREACHABLE = {"reachable": False, "loss_percent": 100.0, "rtt_ms": None}

# iputils says "3 received", busybox "3 packets received"; busybox calls the round trip "round-trip min/avg/max".
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_AVERAGE = re.compile(r"min/avg/max\S* = [\d.]+/([\d.]+)/")


class PingError(Exception):
    """The program ping could not start its work; the message is its own. If all targets have this, the task fails."""


@dataclass(frozen=True)
class Ping:
    """``count`` packets to each; ``timeout`` is how many seconds an answer may take."""

    program: str
    interface: str
    count: int
    timeout: int


class PingTarget(NamedTuple):
    """An address to ping, or a ``public_key`` whose handshake is checked."""

    name: str
    address: str | None
    public_key: PublicKey | None = None

    def result(self, outcome: Mapping[str, Any]) -> dict[str, Any]:
        key = {"public_key": str(self.public_key)} if self.public_key else {}
        return {"name": self.name, "address": self.address, **key, **outcome}


def send_pings(options: Mapping[str, Any], program: str | None, check_mode: bool = False) -> list[dict[str, Any]]:
    """Ping the targets and return one result for each, in order. ``program`` is the path of ping.

    Raises InputError, KernelError, MissingLibrary and PingError. Without the interface nothing is reachable.
    """
    interface = parse_interface_name(options["interface"])
    netns = parse_netns(options.get("netns"), "netns")
    targets = [_parse_target(target, f"targets[{i}]") for i, target in enumerate(options["targets"])]
    count = parse_number(options["count"], "count", 1, 100) or 0
    timeout = parse_number(options["timeout"], "timeout", 1, 60) or 0
    if not has_link(netns, interface):
        return [target.result(UNREACHABLE if target.address else _handshake(False)) for target in targets]
    keys = [target.public_key for target in targets if target.public_key]
    wait = 0 if check_mode else count * (INTERVAL + timeout)
    alive = _alive(interface, netns, keys, wait) if keys else frozenset()
    pinged = [target for target in targets if target.address]
    if pinged and program is None:
        raise MissingLibrary(f"the program ping is missing: {package_hint('ping')}")
    # The threads are made in the namespace, and stay there.
    with in_netns(netns), ThreadPoolExecutor(AT_ONCE) as pool:
        pings = list(pool.map(partial(_ping, Ping(program or "", interface, count, timeout)), pinged))
    refused = [ping for ping in pings if isinstance(ping, PingError)]
    if refused and len(refused) == len(targets):
        raise refused[0]
    outcomes = iter(pings)
    return [
        target.result(_outcome(next(outcomes)) if target.address else _handshake(target.public_key in alive))
        for target in targets
    ]


def _parse_target(target: Mapping[str, Any], path: str) -> PingTarget:
    if target.get("public_key"):
        return PingTarget(target["name"], None, parse_public_key(target["public_key"], f"{path}.public_key"))
    return PingTarget(target["name"], format_ip(parse_interface_address(target["address"], f"{path}.address").packed))


def _handshake(is_alive: bool) -> dict[str, Any]:
    return {"reachable": is_alive, "loss_percent": None, "rtt_ms": None}


def _alive(interface: str, netns: str, keys: Sequence[PublicKey], seconds: float) -> frozenset[PublicKey]:
    """Find the peers that have a session. Not needed if all targets have an address."""
    from .._host.handshake import find_alive
    from .._store.lock import interface_lock
    from .._wireguard.device import Device

    return find_alive(Device(interface, netns), keys, seconds, lock=partial(interface_lock, interface))


def _outcome(ping: dict[str, Any] | PingError) -> dict[str, Any]:
    return {**UNREACHABLE, "problem": str(ping)} if isinstance(ping, PingError) else ping


def _ping(options: Ping, target: PingTarget) -> dict[str, Any] | PingError:
    """Ping one target. An error is returned, so it does not hide the results of other targets."""
    numbers = {"-i": INTERVAL, "-c": options.count, "-W": options.timeout}
    flags = ["-n", "-q", *(text for flag, value in numbers.items() for text in (flag, str(value)))]
    command = [options.program, *flags, "-I", options.interface, target.address or ""]
    seconds = options.count * (INTERVAL + options.timeout) + SPARE_SECONDS
    try:
        done = run_program(command, f"ping {target.name}", seconds=seconds)
        return parse_ping(done.output, done.errors)
    except KernelError as error:
        # A program that hangs is no answer.
        late = error.errno == errno.ETIMEDOUT
        return {**UNREACHABLE, "problem": str(error)} if late else PingError(str(error))
    except PingError as error:
        return error


def parse_ping(output: str, errors: str = "") -> dict[str, Any]:
    """Parse the output of ping to reachable, loss_percent and rtt_ms. Raises PingError if it has no statistics."""
    counts = _COUNTS.search(output)
    if counts is None:
        raise PingError(errors.strip() or output.strip() or "ping printed nothing")
    sent, received = map(int, counts.groups())
    average = _AVERAGE.search(output)
    return {
        "reachable": received > 0,
        "loss_percent": round(100 * (1 - min(received, sent) / sent), 1) if sent else 100.0,
        "rtt_ms": float(average[1]) if average else None,
    }
