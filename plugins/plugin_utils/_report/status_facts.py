# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what a status document has besides the plan: the age of keys, and what a policy allows."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping

from .._access.findings import reach_of
from .._access.matrix import Matrix, make_matrix, only_family
from .._access.places import Places
from .._access.reach import Reach
from .._access.units import list_units
from .._plan.outcome import Findings
from .columns import shorten
from .plan_document import Key, StatusFacts

_WIDTH = 80


def find_facts(findings: Findings) -> StatusFacts:
    """Collect the facts of all networks. What members reach is computed only if there is a policy."""
    networks = [outcome.reconciled.network for outcome in findings.outcomes]
    with_policy = {network.name for network in networks if network.policy}
    reaches = list_reached(reach_of(findings)) if with_policy else {}
    return StatusFacts(
        dict(_key_dates(findings)), {key: lines for key, lines in reaches.items() if key[0] in with_policy}
    )


def _key_dates(findings: Findings) -> Iterator[tuple[Key, int]]:
    """List since when each key is known, in UNIX seconds: the beginning of a day in UTC."""
    for outcome in findings.outcomes:
        records = outcome.reconciled.records.members
        for member in outcome.reconciled.network.members:
            since = records[member.name].since if member.name in records else None
            if since:
                date = datetime.datetime.fromisoformat(since).replace(tzinfo=datetime.timezone.utc)
                yield (outcome.network.name, member.name), int(date.timestamp())


def list_reached(reach: Reach) -> dict[Key, list[str]]:
    """Return for each member the lines ``DESTINATIONS: SERVICES``. Members with the same access share one list."""
    matrix = make_matrix(reach)
    lines = {label: each for group, each in _lines(matrix) for label in group}
    found: dict[Key, list[str]] = {}
    for unit in list_units(Places(reach)):
        if unit.interface is None or unit.machine is None:
            continue
        key = unit.interface.network.name, unit.machine.name
        own = lines.get(unit.label, [])
        if key not in found:
            found[key] = own
        elif own is not found[key]:
            # It has several addresses, and not all of them reach the same.
            found[key] = list(dict.fromkeys([*found[key], *own]))
    return found


def _lines(matrix: Matrix) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    family = only_family(matrix)
    rows: dict[int, dict[tuple[str, ...], list[str]]] = {}
    for (row, column), texts in sorted(matrix.cells.items()):
        targets = ("each other",) if row == column else matrix.groups[column]
        rows.setdefault(row, {}).setdefault(tuple(texts), []).extend(targets)
    for row, group in enumerate(matrix.groups):
        own: Mapping[tuple[str, ...], list[str]] = rows.get(row, {})
        yield (
            group,
            [
                f"{shorten(list(dict.fromkeys(targets)), _WIDTH)}: "
                + ", ".join(text.removesuffix(family) for text in texts)
                for texts, targets in own.items()
            ],
        )
