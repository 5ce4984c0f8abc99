# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of clients that every device takes: a client's name is that of its file and of the tunnel on the device.

wg-quick(8), NetworkManager and the WireGuard app for Android take at most 15 characters, as the name becomes that of an
interface (IFNAMSIZ); the app for Windows takes 32.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

MAX_NAME = 15
_SEPARATORS = "-_."
# A cut at the end of a word reads better, unless too little would be left.
_MIN_WORDS = 8


def is_short(name: str) -> bool:
    """Whether every device takes a file of this name."""
    return len(name) <= MAX_NAME


def shorten_name(name: str, taken: Collection[str] = ()) -> str:
    """The name itself, or a shorter one of at most 15 characters, that is not in ``taken``.

    It has only characters of ``name``, and where that is taken a number at its end: ``mail-relay_at_home`` becomes
    ``mail-relay_at``, and then ``mail-relay_at-2``. The same name and the same ``taken`` give the same result.
    """
    for number in count(1):
        suffix = f"-{number}" if number > 1 else ""
        short = _cut(name, MAX_NAME - len(suffix)) + suffix
        if short not in taken:
            return short
    raise AssertionError("count() does not end")


def _cut(name: str, length: int) -> str:
    """At most ``length`` characters from the start, without a separator at the end, whole words if that is possible."""
    if len(name) <= length:
        return name
    cut = name[:length]
    if name[length] not in _SEPARATORS:
        words = cut[: max(0, *map(cut.rfind, _SEPARATORS))]
        cut = words if len(words) >= _MIN_WORDS else cut
    return cut.rstrip(_SEPARATORS) or name[:length]
