# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what the module ``member`` returns. A host is not trusted: only what is named here goes on, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .results import read_choice, read_flag, read_list, read_mappings, read_text, refused

LACKS = ("systemd", "openrc", "reresolve", "metrics", "rotated")
KEYS = ("public_key", "next_public_key", "old_public_key")
_DIFF = ("before_header", "before", "after_header", "after")
_DIFF_CHARACTERS = 1 << 26


class PartReport(NamedTuple):
    """What a host found for one interface. ``keys``: those of ``KEYS`` that it has.

    ``known``: whether they are those of the plan. A key that check mode would create counts as such.
    """

    network: str
    interface: str
    keys: dict[str, str]
    created: bool
    known: bool
    differs: bool
    lacks: tuple[str, ...]


class MemberReport(NamedTuple):
    changed: bool
    complete: bool
    packages: bool
    parts: tuple[PartReport, ...]
    diff: list[dict[str, str]]


def read_member(answer: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> MemberReport:
    """Read the answer of a host with these entries of the plan. Raises InputError."""
    planned = {entry["options"]["interface"]: entry for entry in entries}
    found = enumerate(read_mappings(answer.get("interfaces"), "interfaces"))
    parts = [_read_part(each, f"interfaces[{number}]", planned) for number, each in found]
    names = [part.interface for part in parts]
    if names and names != [entry["options"]["interface"] for entry in entries]:
        raise refused("interfaces", ", ".join(names), "not the interfaces of the plan, each of them once")
    changed, complete, packages = (read_flag(answer.get(name), name) for name in ("changed", "complete", "packages"))
    return MemberReport(changed, complete, packages, tuple(parts), _read_diffs(answer.get("diff", [])))


def _read_part(part: Mapping[str, Any], where: str, planned: Mapping[str, Mapping[str, Any]]) -> PartReport:
    """``planned``: the entries of the plan, by their interfaces."""
    interface = read_choice(part.get("interface"), f"{where}.interface", planned)
    lacks = [read_choice(each, f"{where}.lacks", LACKS) for each in read_list(part.get("lacks"), f"{where}.lacks")]
    created, differs = (read_flag(part.get(name), f"{where}.{name}") for name in ("created", "differs"))
    keys = {name: read_text(part[name], f"{where}.{name}") for name in KEYS if name in part}
    entry = planned[interface]
    known = "public_key" not in keys or all(keys.get(name) == entry.get(name) for name in KEYS[:2])
    return PartReport(str(entry.get("network", "")), interface, keys, created, known, differs, tuple(lacks))


def _read_diffs(value: object) -> list[dict[str, str]]:
    return [
        {name: _read_lines(each.get(name), f"diff.{name}") for name in _DIFF} for each in read_mappings(value, "diff")
    ]


def _read_lines(value: object, where: str) -> str:
    """Read text of several lines."""
    if not isinstance(value, str) or len(value) > _DIFF_CHARACTERS:
        raise refused(where, None, "expected a text")
    return "".join(each if each.isprintable() or each in "\n\t" else "?" for each in value)
