# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Align text in columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def align(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return one line for each row, with every column as wide as its longest cell."""
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]


def shorten(texts: Sequence[str], width: int) -> str:
    """``a, b, c``; where that is wider than ``width``, as many as fit, at least one, and how many more there are."""
    whole = ", ".join(texts)
    if len(whole) <= width or len(texts) < 2:
        return whole
    shown = texts[0]
    count = 1
    for text in texts[1:]:
        longer = f"{shown}, {text}"
        if len(f"{longer} and {len(texts)} more") > width:
            break
        shown, count = longer, count + 1
    return f"{shown} and {len(texts) - count} more"
