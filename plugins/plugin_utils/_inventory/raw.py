# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables as they are before templating, to tell which hosts share a value without templating it for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_WORD = re.compile(r"[^\W\d]\w*")
_MISSING = object()


def is_same(one: object, other: object, error: type[Exception]) -> bool:
    """Whether two raw values are equal. ``error``: what Ansible raises for one that it cannot decrypt."""
    try:
        return one is other or bool(one == other)
    except error:
        return False


def mentioned(value: object, variables: Mapping[str, Any]) -> set[str]:
    """The variables that the templates in a value use, and those that these use.

    Every word in a template counts, as another host may have a variable of this name: one too many only costs time.
    """
    found: set[str] = set()
    pending = [value]
    while pending:
        for text in filter(_is_template, _texts(pending.pop())):
            new = set(_WORD.findall(text)) - found
            found |= new
            pending += [variables[name] for name in new if name in variables]
    return found


def has_templates(value: object) -> bool:
    """Whether ansible-core before 2.19 has left a template in it, as it uses a variable that is not defined."""
    return any(map(_is_template, _texts(value)))


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def find_difference(path: str, one: object, other: object) -> str:
    """The name of the first part that differs, such as ``wireguard_networks.home.prefixes``."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}, key=str):
            if one.get(key, _MISSING) != other.get(key, _MISSING):
                return find_difference(f"{path}.{key}", one.get(key, _MISSING), other.get(key, _MISSING))
    return path
