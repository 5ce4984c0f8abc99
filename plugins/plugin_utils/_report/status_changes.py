# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare two status documents: what is not as it was. Pure.

Counters, handshakes, pings, versions and learned endpoints change all the time and are not compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .status_document import PLANNED, SCHEMA, UNKNOWN, StatusChange, StatusDocument

_OF_MEMBER = (
    *("state", "kind", "interface", "addresses", "subnets", "endpoint"),
    *("public_key", "valid_until", "drift", "reaches", "problem"),
)
# What only hosts can tell.
_SEEN = ("state", "drift", "problem")
_OF_TUNNEL = ("endpoint", "allowed_ips", "persistent_keepalive")
_REMEDY = "give a file that cryptokey.wireguard.status has written with -e wireguard_format=json -e wireguard_file=PATH"


def parse_document(text: str, path: str) -> StatusDocument:
    """Read a document that was written as JSON. Raises InputError."""
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        raise InputError("baseline", path, f"not JSON: {error}", _REMEDY) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else None
        raise InputError("baseline", path, f"expected a status document of schema {SCHEMA}, not {found}", _REMEDY)
    members: Any = document.get("members")
    tunnels: Any = document.get("tunnels")
    if not (
        _have_texts(members, ("network", "name", "state"))
        and _have_texts(tunnels, ("network", "host", "peer", "state"))
        and all(isinstance(each.get("desired"), dict) for each in tunnels)
    ):
        raise InputError("baseline", path, "members or tunnels are missing or incomplete", _REMEDY)
    return document  # type: ignore[return-value]


def _have_texts(entries: Any, names: Iterable[str]) -> bool:
    """Whether it is a list of dictionaries that have texts of these names."""
    return isinstance(entries, list) and all(
        isinstance(each, dict) and all(isinstance(each.get(name), str) for name in names) for each in entries
    )


def list_changes(before: StatusDocument, after: StatusDocument) -> list[StatusChange]:
    """List what has changed, by network, member and peer."""
    changes = [
        *_compare(_members(before), _members(after), _OF_MEMBER),
        *_compare(_tunnels(before), _tunnels(after), ("state", *_OF_TUNNEL)),
    ]
    return sorted(changes, key=_order)


def _order(change: StatusChange) -> tuple[str, str, str, str]:
    return change["network"], change["member"], change["peer"] or "", change["attribute"] or ""


_Place = tuple[str, str, "str | None"]


def _members(document: StatusDocument) -> dict[_Place, Mapping[str, Any]]:
    return {(each["network"], each["name"], None): each for each in document["members"]}


def _tunnels(document: StatusDocument) -> dict[_Place, Mapping[str, Any]]:
    return {
        (each["network"], each["host"], each["peer"]): {
            **each["desired"],
            "state": each["state"],
            "problem": each.get("problem"),
        }
        for each in document["tunnels"]
    }


def _compare(
    before: Mapping[_Place, Mapping[str, Any]], after: Mapping[_Place, Mapping[str, Any]], attributes: Iterable[str]
) -> Iterator[StatusChange]:
    for place in before.keys() | after.keys():
        old, new = before.get(place), after.get(place)
        if old is None or new is None:
            yield _change(place, None, old and _summary(old, attributes), new and _summary(new, attributes))
            continue
        for attribute in attributes:
            values = old.get(attribute), new.get(attribute)
            if attribute == "drift" and None in values:  # one of the two did not look
                continue
            if values[0] != values[1] and not (attribute in _SEEN and (_is_unseen(old) or _is_unseen(new))):
                yield _change(place, attribute, *values)


def _is_unseen(found: Mapping[str, Any]) -> bool:
    """Whether it is a plan's, or its host was not asked. A host that did not answer has a problem."""
    return found["state"] in (PLANNED, UNKNOWN) and not found.get("problem")


def _summary(found: Mapping[str, Any], attributes: Iterable[str]) -> dict[str, Any]:
    """What is worth saying of something that came or went."""
    return {name: found[name] for name in attributes if found.get(name) not in (None, [], "") and name != "reaches"}


def _change(place: _Place, attribute: str | None, before: Any, after: Any) -> StatusChange:
    network, member, peer = place
    return {
        "network": network,
        "member": member,
        "peer": peer,
        "attribute": attribute,
        "before": before,
        "after": after,
    }


def write_changes(changes: Iterable[StatusChange]) -> list[str]:
    """Return one line for each change."""
    return [_line(change) for change in changes] or ["Nothing has changed since the baseline."]


def _line(change: StatusChange) -> str:
    place = f"{change['network']}: {change['member']}{' -> ' + change['peer'] if change['peer'] else ''}"
    if change["attribute"] is None:
        return f"{place}: {'added' if change['before'] is None else 'removed'}"
    # Without a policy, a member reaches all others.
    none = "all" if change["attribute"] == "reaches" else "none"
    before, after = (none if value is None else _text(value) for value in (change["before"], change["after"]))
    return f"{place}: {change['attribute'].replace('_', ' ')} {before} -> {after}"


def _text(value: Any) -> str:
    if value in (None, "", []):
        return "none"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, list):
        return f"{len(value)} operations"
    return str(value)
