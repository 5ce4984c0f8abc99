# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save who reaches what, and compare it with what was saved: who gains access, and who loses it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from . import services as sets
from .matrix import Matrix, only_family, read_cell, write_cell

FORMAT = "cryptokey.wireguard access 1"


class Change(NamedTuple):
    """Between each of ``sources`` and each of ``targets``, labels of units: what was gained and what was lost."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]


def render_saved(matrix: Matrix) -> str:
    """As JSON, sorted, so that a version control system shows what changes. A group is named by its first member."""
    groups = matrix.groups
    access: dict[str, dict[str, list[str]]] = {}
    for (row, column), texts in matrix.cells.items():
        access.setdefault(groups[row][0], {})[groups[column][0]] = list(texts)
    content = {"format": FORMAT, "groups": {group[0]: list(group) for group in groups}, "access": access}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def parse_saved(text: str, path: str) -> Matrix:
    """Raises InputError for a text that ``render_saved`` has not made."""
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError(content["format"])
        return _matrix(content)
    except (AttributeError, KeyError, TypeError, ValueError):
        problem = "not a file that was saved by the playbook access"
        raise InputError("baseline", path, problem, "save one with -e wireguard_file=PATH") from None


def _matrix(content: Mapping[str, Any]) -> Matrix:
    groups = tuple(tuple(_texts(labels)) for _name, labels in sorted(content["groups"].items()))
    labels = [label for group in groups for label in group]
    places = {group[0]: place for place, group in enumerate(groups) if group}
    if len(places) < len(groups) or list(places) != sorted(content["groups"]) or len(set(labels)) < len(labels):
        raise ValueError("groups")
    cells = {}
    for source, targets in content["access"].items():
        for target, texts in targets.items():
            read_cell(_texts(texts))
            cells[places[source], places[target]] = tuple(texts)
    return Matrix(groups, cells)


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(value)
    return value


def compare_access(old: Matrix, new: Matrix) -> list[Change]:
    """What changes from one to the other, sorted; sources and targets that change alike are together."""
    before, after = _places(old), _places(new)
    kinds: dict[tuple[int | None, int | None], list[str]] = {}
    for label in sorted({*before, *after}):
        kinds.setdefault((before.get(label), after.get(label)), []).append(label)
    found: dict[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for source, sources in kinds.items():
        changes: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for target, targets in kinds.items():
            if source == target and len(sources) == 1:
                continue
            texts = _cell(old, source[0], target[0]), _cell(new, source[1], target[1])
            if texts[0] != texts[1]:
                changes.setdefault(_difference(*texts), []).extend(targets)
        for (gained, lost), targets in changes.items():
            found.setdefault((tuple(sorted(targets)), gained, lost), []).extend(sources)
    changed = (Change(tuple(sorted(sources)), *rest) for rest, sources in found.items())
    return sorted(change for change in changed if change.gained or change.lost)


def _places(matrix: Matrix) -> dict[str, int]:
    return {label: place for place, group in enumerate(matrix.groups) for label in group}


def _cell(matrix: Matrix, row: int | None, column: int | None) -> tuple[str, ...]:
    return () if row is None or column is None else tuple(matrix.cells.get((row, column), ()))


def _difference(old: Iterable[str], new: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    before, after = read_cell(old), read_cell(new)
    gained = {size: sets.subtract_services(after[size], before[size]) for size in after}
    lost = {size: sets.subtract_services(before[size], after[size]) for size in before}
    return write_cell(gained), write_cell(lost)


def render_changes(old: Matrix, new: Matrix) -> list[str]:
    """One line for each thing that is gained, then for what is lost."""
    changes, family = compare_access(old, new), only_family(old, new)
    gained = [_line("gained: ", change, change.gained, family) for change in changes if change.gained]
    return gained + [_line("lost:   ", change, change.lost, family) for change in changes if change.lost]


def _line(word: str, change: Change, texts: Iterable[str], family: str) -> str:
    services = ", ".join(text.removesuffix(family) for text in texts)
    return f"{word}{', '.join(change.sources)} -> {', '.join(change.targets)}: {services}"
