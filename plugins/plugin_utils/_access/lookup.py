# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up addresses in prefixes: the longest one that has the address, or all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, mask, parse_prefix

_T = TypeVar("_T")

# Members share the texts of their allowed IPs.
parse = lru_cache(maxsize=1 << 17)(parse_prefix)


class PrefixTable(Generic[_T]):
    """Prefixes, each with a value. Of two equal prefixes the first one counts."""

    def __init__(self, entries: Iterable[tuple[Prefix, _T]]) -> None:
        self._by_length: dict[tuple[int, int], dict[bytes, _T]] = {}
        for prefix, value in entries:
            self._by_length.setdefault((len(prefix.packed), prefix.length), {}).setdefault(prefix.packed, value)
        # For each family its lengths, the longest first.
        self._lengths = {
            size: sorted((length for bits, length in self._by_length if bits == size), reverse=True) for size in (4, 16)
        }

    def matches(self, packed: bytes) -> Iterator[tuple[Prefix, _T]]:
        """All prefixes that have the address, from the longest one to the shortest."""
        size = len(packed)
        for length in self._lengths[size]:
            masked = mask(packed, length)
            found = self._by_length[size, length]
            if masked in found:
                yield Prefix(masked, length), found[masked]

    def find(self, packed: bytes) -> tuple[Prefix, _T] | None:
        """The longest prefix that has the address."""
        return next(self.matches(packed), None)

    def has(self, packed: bytes) -> bool:
        return self.find(packed) is not None
