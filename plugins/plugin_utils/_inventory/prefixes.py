# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of addresses as prefixes: union and difference, exact and with the fewest prefixes."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    parse_prefix,
    sort_prefixes,
)


def as_text(prefixes: Iterable[Prefix]) -> list[str]:
    """As people read them: sorted, each once."""
    return [str(prefix) for prefix in sort_prefixes(set(prefixes))]


def collapse(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """The fewest prefixes that hold just the same addresses, sorted.

    In their order, a prefix is either within the last one that was kept, or its other half, or apart from all of them.
    """
    kept: list[Prefix] = []
    for prefix in sort_prefixes(set(prefixes)):
        if kept and kept[-1].covers(prefix):
            continue
        whole = prefix
        while kept and (parent := _parent_of_halves(kept[-1], whole)):
            kept.pop()
            whole = parent
        kept.append(whole)
    return kept


def _parent_of_halves(lower: Prefix, upper: Prefix) -> Prefix | None:
    size, length = len(lower.packed), lower.length
    if size != len(upper.packed) or length != upper.length or not length:
        return None
    last_bit = 1 << (size * 8 - length)
    first, second = int.from_bytes(lower.packed, "big"), int.from_bytes(upper.packed, "big")
    return Prefix(lower.packed, length - 1) if first ^ second == last_bit else None


def subtract(prefixes: Iterable[Prefix], holes: Iterable[Prefix]) -> list[Prefix]:
    """The fewest prefixes that hold what lies in ``prefixes`` and in none of ``holes``, sorted."""
    gaps = collapse(holes)
    return [piece for prefix in collapse(prefixes) for piece in _carve(prefix, gaps)]


def _carve(prefix: Prefix, holes: list[Prefix]) -> Iterator[Prefix]:
    inside = [hole for hole in holes if hole.overlaps(prefix)]
    if not inside:
        yield prefix
    elif not inside[0].covers(prefix):
        length = prefix.length + 1
        size = len(prefix.packed)
        upper = int.from_bytes(prefix.packed, "big") | 1 << (size * 8 - length)
        yield from _carve(Prefix(prefix.packed, length), inside)
        yield from _carve(Prefix(upper.to_bytes(size, "big"), length), inside)


def without(prefixes: Iterable[Prefix], holes: Iterable[Prefix]) -> list[Prefix]:
    """``prefixes`` less the holes in them. The more specific one counts: a hole around a prefix leaves it whole."""
    gaps = list(holes)
    return [piece for prefix in prefixes for piece in subtract([prefix], filter(prefix.covers, gaps))]


def literal_prefix(endpoint: Endpoint) -> Prefix | None:
    """The address of an endpoint, as /32 or /128; None for a host name, and for an address that has a scope."""
    if not endpoint.is_literal or "%" in endpoint.host:
        return None
    packed = socket.inet_pton(endpoint.family, endpoint.host)
    return Prefix(packed, len(packed) * 8)


def _parse(*texts: str) -> tuple[Prefix, ...]:
    return tuple(map(parse_prefix, texts))


DEFAULT_ROUTES = _parse("0.0.0.0/0", "::/0")
UNIQUE_LOCAL = parse_prefix("fc00::/7")
# Public addresses are all but those that IANA's registries of special-purpose addresses call not globally reachable.
# Those for documentation count as public: examples and labs use them so.
PUBLIC = tuple(
    subtract(
        _parse("0.0.0.0/0", "2000::/3"),
        _parse(
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/3",
        ),
    )
)
