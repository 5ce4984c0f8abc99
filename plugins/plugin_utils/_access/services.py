# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of services: union, intersection and difference, and as text such as ``tcp:443``.

A set is protocol to its ranges of ports, which are sorted and apart from each other. The key None alone stands for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .._inventory.policy import ICMP, ICMPV6, LAST_PORT, TCP, UDP, Service

Ranges = tuple[tuple[int, int], ...]
Services = Mapping["int | None", Ranges]

_WHOLE: Ranges = ((0, LAST_PORT),)
EVERYTHING: Services = {None: _WHOLE}
NOTHING: Services = {}
_NAMES = {ICMP: "icmp", TCP: "tcp", UDP: "udp"}
_NUMBERS = {name: number for number, name in _NAMES.items()}
_TEXT = re.compile(r"(icmp|tcp|udp|[0-9]{1,3})(?::(\*|([0-9]{1,5})(?:-([0-9]{1,5}))?))?")


def add_up(services: Iterable[Service], size: int) -> Services:
    """What any of these allows, for addresses of 4 or 16 bytes. ICMP is that of the family."""
    found: dict[int | None, list[tuple[int, int]]] = {}
    for protocol, first, last in services:
        if protocol is None:
            return EVERYTHING
        if protocol == ICMPV6:
            if size == 4:
                continue
            protocol = ICMP
        found.setdefault(protocol, []).append((first, last))
    return {protocol: _merge(ranges) for protocol, ranges in found.items()}


def _merge(ranges: Iterable[tuple[int, int]]) -> Ranges:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def intersect(one: Services, other: Services) -> Services:
    """What both allow."""
    if None in one or None in other:
        return other if None in one else one
    both = {protocol: _common(one[protocol], other[protocol]) for protocol in one if protocol in other}
    return {protocol: ranges for protocol, ranges in both.items() if ranges}


def _common(one: Ranges, other: Ranges) -> Ranges:
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple(sorted((first, last) for first, last in pairs if first <= last))


def subtract_services(one: Services, other: Services) -> Services:
    """What only ``one`` allows. All services less some of them are all, as there is no shorter way to say it."""
    if None in other:
        return NOTHING
    if None in one:
        return EVERYTHING
    left = {protocol: _less(ranges, other.get(protocol, ())) for protocol, ranges in one.items()}
    return {protocol: ranges for protocol, ranges in left.items() if ranges}


def _less(ranges: Ranges, holes: Ranges) -> Ranges:
    left = list(ranges)
    for low, high in holes:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, low - 1)), (max(first, high + 1), last))
            if part[0] <= part[1]
        ]
    return tuple(left)


def render_services(services: Services) -> list[str]:
    """Sorted by protocol and port; ``*`` for all."""
    if None in services:
        return ["*"]
    texts = []
    for protocol, ranges in sorted((number, ranges) for number, ranges in services.items() if number is not None):
        name = _NAMES.get(protocol, str(protocol))
        has_ports = protocol != ICMP
        for first, last in ranges:
            ports = "*" if (first, last) == (0, LAST_PORT) else str(first) if first == last else f"{first}-{last}"
            texts.append(f"{name}:{ports}" if has_ports else name)
    return texts


def parse_rendered(texts: Iterable[str]) -> Services:
    """What ``render_services`` has written. Raises ValueError."""
    found: dict[int | None, list[tuple[int, int]]] = {}
    for text in texts:
        if text == "*":
            return EVERYTHING
        match = _TEXT.fullmatch(text)
        if not match:
            raise ValueError(text)
        name, ports, first, last = match.groups()
        number = _NUMBERS.get(name)
        whole = ports in (None, "*")
        low, high = (0, LAST_PORT) if whole else (int(first), int(last or first))
        if high > LAST_PORT or low > high:
            raise ValueError(text)
        found.setdefault(int(name) if number is None else number, []).append((low, high))
    return {protocol: _merge(ranges) for protocol, ranges in found.items()}
