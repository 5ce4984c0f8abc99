# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings through an interface, many at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from ._distribution import MissingLibrary, package_hint
from ._kernel.errors import KernelError
from ._kernel.namespace import entered, has_link
from ._kernel.programs import run_program
from ._model.names import parse_interface_name, parse_netns
from ._model.options import parse_number
from ._model.prefix import format_ip, parse_interface_address

INTERVAL = 0.2  # seconds between two packets; anything shorter is for root only in older versions
AT_ONCE = 32
SPARE_SECONDS = 10.0  # how much longer than it should take a ping may take on a busy host
UNREACHABLE = {"reachable": False, "loss_percent": 100.0, "rtt_ms": None}

# iputils says "3 received", busybox "3 packets received"; busybox calls the round trip "round-trip min/avg/max".
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) (?:packets )?received")
_AVERAGE = re.compile(r"min/avg/max\S* = [\d.]+/([\d.]+)/")


class PingError(Exception):
    """ping did not even try; the message is its own."""


@dataclass(frozen=True)
class Probe:
    """``count`` packets to each; ``timeout`` is how many seconds an answer may take."""

    program: str
    interface: str
    count: int
    timeout: int


class Target(NamedTuple):
    name: str
    address: str


def probe(options: Mapping[str, Any], program: str | None) -> list[dict[str, Any]]:
    """What ``probe`` does: one result for each target, in their order. ``program`` is where ping is.

    Raises InputError, MissingLibrary and PingError. Without the interface nothing is reachable, and no ping needed.
    """
    interface = parse_interface_name(options["interface"])
    netns = parse_netns(options.get("netns"), "netns")
    targets = [
        Target(target["name"], format_ip(parse_interface_address(target["address"], f"targets[{i}].address").packed))
        for i, target in enumerate(options["targets"])
    ]
    count = parse_number(options["count"], "count", 1, 100) or 0
    timeout = parse_number(options["timeout"], "timeout", 1, 60) or 0
    if not has_link(netns, interface):
        return [{**target._asdict(), **UNREACHABLE} for target in targets]
    if program is None:
        raise MissingLibrary(f"the program ping is missing: {package_hint('ping')}")
    # The threads are made in the namespace, and stay there.
    with entered(netns), ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(partial(_ping, Probe(program, interface, count, timeout)), targets))


def _ping(probe: Probe, target: Target) -> dict[str, Any]:
    flags = ["-n", "-q", "-i", str(INTERVAL), "-c", str(probe.count), "-W", str(probe.timeout), "-I", probe.interface]
    seconds = probe.count * (INTERVAL + probe.timeout) + SPARE_SECONDS
    try:
        done = run_program([probe.program, *flags, target.address], f"ping {target.name}", seconds=seconds)
    except KernelError as error:
        raise PingError(str(error)) from None
    return {**target._asdict(), **parse_ping(done.output, done.errors)}


def parse_ping(output: str, errors: str = "") -> dict[str, Any]:
    """What ping printed to reachable, loss_percent and rtt_ms. Raises PingError where it has no statistics."""
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
