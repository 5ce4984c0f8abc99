# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Normalise values of the inventory. Only this file knows what "not given" looks like.

``null``, an empty text and what ``default(omit)``, ``default(none)`` and ``default('')`` leave are not given, and
become None. An empty list is given. Names that YAML reads as numbers become text.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .errors import FleetError, HostError, Problems

# What ansible-core before 2.19 has in the place of a value that is omitted.
_OMITTED = re.compile(r"__omit_place_holder__[0-9a-f]{40}")
# What it has from 2.19 on where a container is not templated by itself, as for a filter.
_OMIT_TYPE = "_OmitType"
_SCALARS = (bool, int, float, datetime.date)


def normalise(value: object, option: str, problems: Problems, host: str = "") -> Any:
    """The value without what is not given in it, also within dictionaries and lists; ``option`` is its path.

    What stands for itself alone, such as a client without options, stays in its dictionary with None. An element that
    is not given leaves its list.
    """
    if value is None or isinstance(value, _SCALARS):
        return value
    if isinstance(value, Mapping):
        return _normalise_mapping(value, option, problems, host)
    if isinstance(value, (list, tuple)):
        found = (normalise(each, f"{option}[{index}]", problems, host) for index, each in enumerate(value))
        given = [each for each in found if each is not None]
        # If every element is omitted, nothing was given. Only a list that is written empty clears.
        return given if given or not value else None
    if type(value).__name__ == _OMIT_TYPE:
        return None
    # A vaulted text is not a str before ansible-core 2.19, but can be converted.
    text = value if isinstance(value, str) else str(value)
    if _OMITTED.search(text) and not _OMITTED.fullmatch(text):
        problem = "a part of it is omitted"
        problems.add(host, option, None, problem, "use default(omit) only for the whole value, or use another default")
        return None
    return None if not text or _OMITTED.fullmatch(text) else text


def _normalise_mapping(value: Mapping[Any, Any], option: str, problems: Problems, host: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, each in value.items():
        name = problems.catch(host, partial(parse_name, key, option), None)
        if name is None:
            continue
        if name in found:
            problems.add(host, option, name, "defined both as a number and as a string", "remove one of them")
        found[name] = normalise(each, f"{option}.{name}", problems, host)
    return found


def parse_host_names(names: Collection[str], option: str) -> list[str]:
    """List the names of hosts, without the empty one after a trailing comma. Raises FleetError if only that is left."""
    found = [name for name in names if name]
    if names and not found:
        raise FleetError([HostError("", option, None, "it names no host", "name a host of the inventory")])
    return found


def parse_text(value: object, option: str) -> str:
    """Parse a name that must be a string, not a number. Raises InputError."""
    name = parse_name(value, option)
    if not isinstance(value, str):
        raise InputError(option, value, "YAML reads this name as a number", f'quote it, such as "{name}"')
    return name


def parse_name(value: object, option: str) -> str:
    """Parse the name of a network, member, group or site. Raises InputError if YAML made another type of it."""
    if isinstance(value, bool):
        example = "yes" if value else "no"
        raise InputError(option, value, "YAML reads this name as a boolean", f'quote it, such as "{example}"')
    if isinstance(value, int):
        return str(value)
    if value is None or isinstance(value, _SCALARS):
        kind = "null" if value is None else "a date" if isinstance(value, datetime.date) else "a decimal number"
        raise InputError(option, str(value), f"YAML reads this name as {kind}", f'quote it, such as "{value}"')
    if not isinstance(value, str) or not value:
        raise InputError(option, value, "not a name", "write a name")
    return value
