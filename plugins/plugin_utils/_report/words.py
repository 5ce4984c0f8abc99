# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times, sizes and pings as people read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

from .status_document import PingResult

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DIGITS = re.compile("([0-9]+)")
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def read_time(seconds: int) -> datetime | None:
    """None where no calendar has it."""
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None


def split_duration(seconds: int) -> tuple[int, str]:
    """``(90, "s")``, ``(5, "min")``: the largest unit of which there are two."""
    for length, unit in _UNITS:
        if seconds >= 2 * length or unit == "s":
            break
    return seconds // length, unit


def write_duration(seconds: int) -> str:
    number, unit = split_duration(seconds)
    return f"{number:,} {unit}"


def write_age(seconds: int) -> str:
    """``5 min ago``; ``in 5 min`` for what another clock says."""
    return f"in {write_duration(-seconds)}" if seconds < 0 else f"{write_duration(seconds)} ago"


def write_size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def write_ping(ping: PingResult) -> str:
    if not ping["reachable"]:
        return "lost"
    return "yes" if ping["rtt_ms"] is None else f"{ping['rtt_ms']:.1f} ms"


def days_until(day: str | None, now: int) -> int | None:
    """Days from now to ``YYYY-MM-DD``, negative after it; None for anything else."""
    today = read_time(now)
    if day is None or today is None:
        return None
    try:
        return (date.fromisoformat(day) - today.date()).days
    except ValueError:
        return None


def write_count(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def join_names(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts ``db2`` before ``db10``."""
    return [(int(part) if number % 2 else 0, part) for number, part in enumerate(_DIGITS.split(name))]
