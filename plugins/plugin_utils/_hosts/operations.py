# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the operations that a host says it lacks.

Each has an ``action``, ``peer``, ``attribute``, ``before`` and ``after``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .results import one_line, read_choice, read_integer, read_list, read_mapping, read_mappings, read_number, read_text

ACTIONS = ("add", "remove", "set")
_TEXT = 4_000
_DEEPEST = 3


def read_operations(value: object, where: str) -> list[dict[str, Any]]:
    """Return the operations as data that can be shown and written as JSON. Raises InputError."""
    return [
        {
            "action": read_choice(each.get("action"), f"{where}.action", ACTIONS),
            "peer": None if each.get("peer") is None else read_text(each["peer"], f"{where}.peer"),
            "attribute": read_text(each.get("attribute"), f"{where}.attribute"),
            "before": _read_value(each.get("before"), f"{where}.before"),
            "after": _read_value(each.get("after"), f"{where}.after"),
        }
        for each in read_mappings(value, where)
    ]


def _read_value(value: object, where: str, depth: int = 0) -> Any:
    """A value of an attribute: null, a flag, a number, a text, or a list or dictionary of these."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):  # such as a listing of nftables, which has several lines
        return one_line(value, _TEXT)
    if isinstance(value, int):
        return read_integer(value, where)
    if isinstance(value, float):
        return read_number(value, where)
    if depth >= _DEEPEST:
        return one_line(value)
    if isinstance(value, Mapping):
        return {one_line(key): _read_value(each, where, depth + 1) for key, each in read_mapping(value, where).items()}
    if isinstance(value, Sequence):
        return [_read_value(each, where, depth + 1) for each in read_list(value, where)]
    return one_line(value)
