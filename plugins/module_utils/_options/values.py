# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parsers of single values, for module options on a host and for variables on the controller.

Each takes the value as Ansible hands it over and the name of the option for messages, and raises InputError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .._model.dns import parse_dns_search, parse_dns_server
from .._model.errors import InputError

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,15}")
# Neither another spelling of auto and off, nor what YAML makes of on.
_TABLE_NAME = re.compile(r"(?!(?i:auto|off|true|false)$)[a-zA-Z_][a-zA-Z0-9_.-]{0,63}")
# The kernel takes 255, of which a final NUL is one (IFALIASZ in include/uapi/linux/if.h; ifla_policy).
_ALIAS_BYTES = 254
# Unquoted in YAML, off is a boolean.
_OFF = ("off", "False")
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


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


def number(low: int, high: int, off: bool = False) -> Callable[[object, str], int | None]:
    """A parser of numbers in ``low..high``; with ``off``, that or YAML's false for it stands for 0."""

    def parse(value: object, option: str) -> int | None:
        return parse_number(value, option, low, high, off)

    return parse


def parse_string(value: object, option: str, example: str) -> str:
    """Parse a string. A number is accepted, too."""
    if isinstance(value, (Mapping, list, tuple)):
        kind = "a dictionary" if isinstance(value, Mapping) else "a list"
        raise InputError(option, value, f"expected a string, not {kind}", f"write a string such as {example}")
    return str(value)


def parse_table(value: object, option: str = "table") -> str:
    """``auto``, ``off``, or the number or name of a routing table, as in wg-quick(8)."""
    text = "auto" if value in (None, "") else str(value)
    if text in _OFF:
        return "off"
    if text == "auto" or _TABLE_NAME.fullmatch(text):
        return text
    try:
        return str(parse_number(text, option, 1, 2**32 - 1))
    except InputError as error:
        raise InputError(option, value, error.problem, "write auto, off, or the number or name of a table") from None


def parse_alias(value: object, option: str = "alias") -> str:
    """Text for people, empty for ``off``.

    It stands in single quotes in wg0.conf, where ``#`` and ``%i`` mean something everywhere.
    """
    text = "" if value is False else parse_string(value, option, "'office network'")
    if not text.isprintable():
        raise InputError(option, text, "not printable on one line", "use plain text")
    if any(part in text for part in ("'", "#", "%i")):
        raise InputError(option, text, "it has a ', a # or a %i, which a wg-quick file cannot hold", "remove it")
    if len(text.encode()) > _ALIAS_BYTES:
        raise InputError(option, text, "too long", f"write at most {_ALIAS_BYTES} bytes of UTF-8")
    return text


def parse_boolean(value: object, option: str) -> bool:
    found = BOOLEANS.get(str(value).strip().lower())
    if found is None:
        raise InputError(option, value, "neither true nor false", "write true or false")
    return found


def choice(choices: Collection[str]) -> Callable[[object, str], str]:
    """A parser of one of these texts."""

    def parse(value: object, option: str) -> str:
        if value not in choices:
            raise InputError(option, value, "unknown", f"write {' or '.join(choices)}")
        return str(value)

    return parse


def parse_list(value: object, option: str) -> list[Any]:
    """A list, or text with commas, as Ansible's own lists may be written."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, (list, tuple)):
        return list(value)
    raise InputError(option, value, "not a list", "write a list, with a '-' before each entry")


def parse_dns(value: object, option: str) -> tuple[str, ...]:
    """Addresses of name servers in order of preference."""
    return tuple(dict.fromkeys(parse_dns_server(str(text), option) for text in parse_list(value, option)))


def parse_search(value: object, option: str) -> tuple[str, ...]:
    """Search domains in order of preference."""
    return tuple(dict.fromkeys(parse_dns_search(str(text), option) for text in parse_list(value, option)))
