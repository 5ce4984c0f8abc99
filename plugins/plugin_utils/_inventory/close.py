# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suggest a valid name for an unknown one. No suggestion is better than a far-fetched one."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from .errors import list_names

# 0.8 takes "adress" for "addresses", and does not take "config" for "confirm".
CLOSE = 0.8
# Where a name is refused anyway, "allowed" may remind of "allowed_ips".
_REMINDS = 0.75
# Of shorter names a letter is too much to tell what was meant.
_SHORTEST = 3


def closest(name: str, valid: Collection[str], cutoff: float = CLOSE) -> str | None:
    """Return the valid name that differs by one typing error, else one that differs little, else None."""
    slips = sorted(each for each in valid if _is_one_slip(name, each))
    found = slips or difflib.get_close_matches(name, sorted(valid), n=1, cutoff=cutoff)
    return found[0] if found else None


def nearest(name: str, valid: Collection[str]) -> str:
    """Ask whether a similar valid name was meant, else list the valid names."""
    if not valid:
        return "there are no valid names"
    found = closest(name, valid, _REMINDS)
    one_of = "one of " if len(valid) > 1 else ""
    return f"did you mean {found}?" if found else f"write {one_of}{list_names(sorted(valid))}"


def _is_one_slip(one: str, other: str) -> bool:
    """Whether a letter is missing, too many, another one, or changed places with the next (Damerau-Levenshtein 1)."""
    if abs(len(one) - len(other)) > 1 or max(len(one), len(other)) < _SHORTEST:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    rest, others = one[start:], other[start:]
    return (
        rest[1:] == others
        or rest == others[1:]
        or rest[1:] == others[1:]
        or (rest[:2] == others[1::-1] and rest[2:] == others[2:])
    )
