# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read numbers as options and wg-quick files write them."""

from __future__ import annotations

import re

from .._model.errors import InputError

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,15}")
# Neither another spelling of auto and off, nor what YAML makes of on.
_TABLE_NAME = re.compile(r"(?!(?i:auto|off|true|false)$)[a-zA-Z_][a-zA-Z0-9_.-]{0,63}")
# Unquoted in YAML, off is a boolean.
_OFF = ("off", "False")


def parse_number(value: object, option: str, low: int, high: int, off: bool = False) -> int | None:
    """A decimal or ``0x`` number in ``low..high``; ``off`` where that stands for 0; None for what is not given."""
    text = str(value).strip()
    if value is None or not text:
        return None
    if off and text in _OFF:
        return 0
    number = int(text, 0) if _NUMBER.fullmatch(text) else None
    if number is None or not low <= number <= high:
        raise InputError(option, value, "out of range or not a number", f"give a number from {low} to {high}")
    return number


def parse_table(value: object) -> str:
    """``auto``, ``off``, or the number or name of a routing table, as in wg-quick(8)."""
    text = "auto" if value in (None, "") else str(value)
    if text in _OFF:
        return "off"
    return text if text == "auto" or _TABLE_NAME.fullmatch(text) else str(parse_number(text, "table", 1, 2**32 - 1))
