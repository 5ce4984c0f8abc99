# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches what: the services between all units of planned networks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .._inventory.policy import Service
from . import services as sets
from .classes import group_units
from .grants import GrantTable
from .places import Places
from .reach import GATE, Reach, Step
from .services import Services
from .units import Unit, list_units

_FAMILIES = {4: " (IPv4)", 16: " (IPv6)"}


class Matrix(NamedTuple):
    """``groups``: the labels of each group, sorted. ``cells``: from the group of this place to that of the other one,
    where there is something, the services as texts. In the cell of a group and itself are its members' with each other.
    """

    groups: tuple[tuple[str, ...], ...]
    cells: Mapping[tuple[int, int], tuple[str, ...]]


def write_cell(found: Mapping[int, Services]) -> tuple[str, ...]:
    """The services by the size of addresses, as texts. What is the same in both families has no family."""
    texts = {size: sets.render_services(each) for size, each in found.items() if each}
    if len(texts) == 2 and texts[4] == texts[16]:
        return tuple(texts[4])
    return tuple(text + _FAMILIES[size] for size, each in sorted(texts.items()) for text in each)


def read_cell(texts: Iterable[str]) -> dict[int, Services]:
    """What ``write_cell`` has written. Raises ValueError."""
    lists: dict[int, list[str]] = {4: [], 16: []}
    for text in texts:
        only = [size for size, family in _FAMILIES.items() if text.endswith(family)]
        for size in only or lists:
            lists[size].append(text.partition(" ")[0])
    return {size: sets.parse_rendered(each) for size, each in lists.items()}


def make_matrix(reach: Reach) -> Matrix:
    places = Places(reach)
    groups = group_units(list_units(places))
    groups.sort(key=lambda group: min(unit.label for unit in group))
    compute = _Cells(reach)
    cells = {}
    for row, sources in enumerate(groups):
        for column, targets in enumerate(groups):
            pair = _pair(sources, targets)
            texts = compute.between(*pair) if pair else ()
            if texts:
                cells[row, column] = texts
    return Matrix(tuple(tuple(sorted(unit.label for unit in group)) for group in groups), cells)


def _pair(sources: Sequence[Unit], targets: Sequence[Unit]) -> tuple[Unit, Unit] | None:
    """Two that stand for all. What stays at one machine passes no tunnel, and is not looked at."""
    source = sources[0]
    target = targets[0] if targets[0] is not source else targets[-1]
    return None if source.machine is target.machine else (source, target)


def only_family(*matrices: Matrix) -> str:
    """The end that all services have, since there is one family only; empty where there are two."""
    found = {
        next((family for family in _FAMILIES.values() if text.endswith(family)), "")
        for matrix in matrices
        for texts in matrix.cells.values()
        for text in texts
    }
    return next(iter(found)) if len(found) == 1 else ""


class _Cells:
    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._unions: dict[tuple[str, int, int], Services] = {}

    def between(self, source: Unit, target: Unit) -> tuple[str, ...]:
        """The services as ``write_cell`` has them."""
        machine = source.machine
        if machine is None:
            return ()
        found = {
            len(src): self.services(source, src, dst)
            for src in source.addresses
            for dst in target.addresses
            if len(src) == len(dst)
        }
        return write_cell(found)

    def services(self, source: Unit, src: bytes, dst: bytes) -> Services:
        """What gets from one address to the other."""
        path = self._reach.path(source.machine, src, dst) if source.machine else None
        if path is None or not path.reached:
            return sets.NOTHING
        allowed = sets.EVERYTHING
        for table in _tables((*path.there, *path.back)):
            allowed = sets.intersect(allowed, self._granted(table, src, dst))
        return allowed

    def _granted(self, table: GrantTable, src: bytes, dst: bytes) -> Services:
        grants = table.sources(src) & table.destinations(dst)
        key = (table.network.name, grants, len(dst))
        if key not in self._unions:
            self._unions[key] = sets.add_up(_services_of(table, grants), len(dst))
        return self._unions[key]


def _tables(steps: Sequence[Step]) -> list[GrantTable]:
    """Those of the gates on a path, each once."""
    found = (step.interface.grants for step in steps if step.what == GATE and step.interface)
    return list(dict.fromkeys(table for table in found if table))


def _services_of(table: GrantTable, grants: int) -> Iterator[Service]:
    for place, grant in enumerate(table.grants):
        if grants >> place & 1:
            yield from grant.services
