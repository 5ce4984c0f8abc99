# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as text that is made to be read and committed: sorted, one fact a line, and never a secret in it::

    ---
    hosts:
      hub1:
        public_key: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=
        addresses:
          - 10.8.0.1
          - fd00:8::1
        hub: hub2
        first_seen: 2026-11-24
        last_seen: 2026-11-24
        key_since: 2026-11-24
        next_public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
    resting:
      10.8.0.7: 2026-11-01
    former:
      TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=:
        name: tablet
        left: 2026-11-20
        hosts:
          - hub1

All facts of a host may be missing. What a merge can leave behind (a conflict, a host or an address that is there twice)
is refused with its line, as is everything else that no run writes.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

import yaml
from yaml.reader import ReaderError

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    format_ip,
    parse_interface_address,
    sort_key,
)

from .member_record import Former, MemberRecord, Records

_HEADER = """\
# The public facts of a WireGuard network, written by cryptokey.wireguard.registry.
# Commit them with the inventory.
---
"""
_PARTS = ("hosts", "resting", "former")
_REMEDY = (
    "restore it from version control, or correct the line; if you remove the registry, the next run creates a new one "
    "and assigns new addresses"
)
_CONFLICT = re.compile(r"^(<<<<<<<|\|\|\|\|\|\|\||=======|>>>>>>>)", re.MULTILINE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# What every reader of YAML takes for a string: names but for YAML 1.1's words, and most IPv6 addresses.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*|[0-9]+(?:\.[0-9]+){3}|[0-9a-f:]+::[0-9a-f:.]*[0-9a-f]")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
# libyaml's is ten times as fast, but not everywhere.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_T = TypeVar("_T")


class RegistryError(Exception):
    """A registry that cannot be used; says which one, where in it, and what to do."""


def render_records(records: Records) -> str:
    lines = ["hosts:" if records.members else "hosts: {}"]
    for name in sorted(records.members):
        facts = list(_fact_lines(records.members[name]))
        lines += [f"  {_scalar(name)}:" + ("" if facts else " {}"), *facts]
    if records.resting:
        days = sorted(records.resting.items(), key=lambda item: sort_key(parse_interface_address(item[0])))
        lines += ["resting:", *(f"  {_scalar(address)}: {day}" for address, day in days)]
    if records.former:
        lines += [
            "former:",
            *(line for key in sorted(records.former) for line in _former_lines(key, records.former[key])),
        ]
    return _HEADER + "\n".join(lines) + "\n"


def _former_lines(key: str, former: Former) -> Iterator[str]:
    yield from (f"  {key}:", f"    name: {_scalar(former.name)}", f"    left: {former.left}")
    if former.hosts:
        yield from ("    hosts:", *(f"      - {_scalar(host)}" for host in former.hosts))


def _fact_lines(recorded: MemberRecord) -> Iterator[str]:
    for field, value in zip(MemberRecord._fields, recorded):
        if isinstance(value, str):
            yield f"    {field}: {_scalar(value) if field == 'hub' else value}"
        elif value:
            yield f"    {field}:"
            yield from (f"      - {_scalar(item)}" for item in value)


def _scalar(text: str) -> str:
    """Strings of JSON are valid YAML."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def parse_records(text: str | None, place: str) -> Records:
    """Parse a registry. None gives empty records. ``place`` names its source in messages. Raises RegistryError.

    It uses nodes rather than values: a node has its line, and shows duplicate keys.
    """
    if text is None:
        return Records()
    conflict = _CONFLICT.search(text)
    if conflict:
        line = text.count("\n", 0, conflict.start()) + 1
        problem, remedy = (
            "unresolved merge conflict",
            "keep the hosts of both sides and remove the conflict markers",
        )
        raise RegistryError(f"registry {place}, line {line}: {problem}; {remedy}")
    try:
        return _Parser(place).records(yaml.compose(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _broken(place, line, f"not YAML: {error.problem}") from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _broken(place, line, f"not YAML: {error.reason}") from error


def _broken(place: str, line: int, problem: str, remedy: str = _REMEDY) -> RegistryError:
    return RegistryError(f"registry {place}, line {line}: {problem}; {remedy}")


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node else 1


class _Parser:
    """Parses one text; remembers where each address was, since it can be in one place only."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._owners: dict[str, str] = {}

    def records(self, root: yaml.Node | None) -> Records:
        parts = self._mapping(root, _PARTS)
        members = {
            name: self._recorded(name, self._mapping(facts, MemberRecord._fields))
            for name, facts in self._mapping(parts.get("hosts")).items()
        }
        resting = {}
        for key, day in self._items(parts["resting"]) if "resting" in parts else ():
            resting[self._address(key, "resting")] = self._date(day)
        former = {
            self._key(key): self._former(key, facts)
            for key, facts in (self._items(parts["former"]) if "former" in parts else ())
        }
        return Records(members, resting, former)

    def _former(self, key: yaml.Node, node: yaml.Node) -> Former:
        facts = self._mapping(node, Former._fields)
        for field in ("name", "left"):
            if field not in facts:
                raise _broken(self._place, _line(key), f"the former key has no {field}")
        hosts = tuple(map(self._text, self._list(facts["hosts"]))) if "hosts" in facts else ()
        return Former(self._text(facts["name"]), self._date(facts["left"]), hosts)

    def _recorded(self, name: str, facts: dict[str, yaml.Node]) -> MemberRecord:
        def get(field: str, parse: Callable[[yaml.Node], _T]) -> _T | None:
            return parse(facts[field]) if field in facts else None

        return MemberRecord(
            get("public_key", self._key),
            get("addresses", lambda node: self._addresses(node, name)) or (),
            get("hub", self._text),
            get("first_seen", self._date),
            get("last_seen", self._date),
            get("key_since", self._date),
            get("next_public_key", self._key),
            get("former_hubs", lambda node: tuple(map(self._text, self._list(node)))) or (),
        )

    def _items(self, node: yaml.Node | None, valid: Collection[str] = ()) -> list[tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            wanted = f"a mapping with {' and '.join(valid)}" if valid else "a mapping"
            raise _broken(self._place, _line(node), f"expected {wanted}")
        return list(node.value)

    def _mapping(self, node: yaml.Node | None, valid: Collection[str] = ()) -> dict[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for key, value in self._items(node, valid):
            name = self._text(key)
            if name in found:
                raise _broken(self._place, _line(key), f"{name} occurs twice")
            if valid and name not in valid:
                raise _broken(self._place, _line(key), f"{name} is unknown, the valid names are {', '.join(valid)}")
            found[name] = value
        return found

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            raise _broken(self._place, _line(node), "expected a string")
        return str(node.value)

    def _key(self, node: yaml.Node) -> str:
        try:
            return str(parse_public_key(str(node.value)))
        except InputError as error:
            raise _broken(self._place, _line(node), f"public_key {node.value!r} is {error.problem}") from error

    def _addresses(self, node: yaml.Node, name: str) -> tuple[str, ...]:
        return tuple(self._address(item, name) for item in self._list(node))

    def _list(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.ScalarNode) and not node.value:
            return []  # the last one's line was removed
        if not isinstance(node, yaml.SequenceNode):
            raise _broken(self._place, _line(node), "expected a list, one entry a line")
        return list(node.value)

    def _address(self, node: yaml.Node, owner: str) -> str:
        text = self._text(node)
        try:
            address = format_ip(parse_interface_address(text).packed)
        except InputError as error:
            raise _broken(self._place, _line(node), f"{text!r} is {error.problem}") from error
        if "/" in text:
            raise _broken(self._place, _line(node), f"{text!r} must be without a prefix length")
        other = self._owners.setdefault(address, f"{owner}, line {_line(node)}")
        if other != f"{owner}, line {_line(node)}":
            problem = f"the address {address} occurs twice, first in {other}"
            remedy = "remove one of the two lines; a host without an address gets a new one at the next run"
            raise _broken(self._place, _line(node), problem, remedy)
        return address

    def _date(self, node: yaml.Node) -> str:
        text = self._text(node)
        try:
            if _DATE.fullmatch(text):
                return datetime.date.fromisoformat(text).isoformat()
        except ValueError:
            pass
        raise _broken(self._place, _line(node), f"{text!r} is not a date, such as 2026-11-24")
