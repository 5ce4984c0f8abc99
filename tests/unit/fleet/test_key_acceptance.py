# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the documentation's tables of accepted keys with the code: each case fits one row, which has its result."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.key_acceptance import (
    KeyPolicy,
    judge_key,
    judge_next_key,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

HEADING = "## When a changed key is accepted"
RECORDED, NEXT, ANOTHER = map(key_of, ("recorded", "next", "another"))
ANY, YES, NO = "any", "yes", "no"
BOOLEANS = {YES: True, NO: False}


def documented_tables() -> list[list[tuple[str, ...]]]:
    """The rows of each table of the section, without its head."""
    docs = Path(__file__).parents[3] / "docs"
    (section,) = [
        text.partition(HEADING)[2].partition("\n## ")[0]
        for text in (path.read_text() for path in sorted(docs.rglob("*.md")))
        if HEADING in text
    ]
    tables: list[list[tuple[str, ...]]] = [[]]
    for line in section.splitlines():
        if line.startswith("|"):
            tables[-1].append(tuple(cell.strip() for cell in line.strip("|").split("|")))
        elif tables[-1]:
            tables.append([])
    return [rows[2:] for rows in tables if rows]


KEYS, NEXT_KEYS = documented_tables()


def the_row(rows: list[tuple[str, ...]], case: tuple[str, ...]) -> tuple[str, ...]:
    """The only row that fits."""
    (row,) = [row for row in rows if all(cell in (ANY, value) for cell, value in zip(row[:-1], case, strict=True))]
    return row


def test_there_are_two_tables_of_the_rows_that_are_known_here() -> None:
    assert [(len(rows), len({*rows}), {len(row) for row in rows}) for rows in (KEYS, NEXT_KEYS)] == [
        (10, 10, {5}),
        (9, 9, {5}),
    ]


REPORTS = {"none": None, "the recorded key": RECORDED, "the recorded next key": NEXT, "another key": ANOTHER}
CASES = [
    case
    for case in product(REPORTS, (YES, NO), (YES, NO), (YES, NO))
    if case[:2] != ("the recorded key", NO)  # there is none to report
]


@pytest.mark.parametrize(
    ("case", "with_next"),
    [(case, each) for case in CASES for each in (True, False) if each or case[0] != "the recorded next key"],
)
def test_a_reported_key(case: tuple[str, str, str, str], with_next: bool) -> None:
    report, recorded, former, accepted = case
    reported = REPORTS[report]
    known = MemberRecord(RECORDED if BOOLEANS[recorded] else None, next_public_key=NEXT if with_next else None)
    for rotating in (True, False):
        policy = KeyPolicy([reported] if reported and BOOLEANS[former] else [], BOOLEANS[accepted], rotating)
        assert judge_key(reported, known, policy).value == the_row(KEYS, case)[-1]


NEXT_REPORTS = {"none": None, "the recorded next key": NEXT, "another key": ANOTHER}


@pytest.mark.parametrize("case", list(product(NEXT_REPORTS, (YES, NO), (YES, NO), (YES, NO))))
def test_a_reported_next_key(case: tuple[str, str, str, str]) -> None:
    report, former, accepted, rotating = case
    reported = NEXT_REPORTS[report]
    policy = KeyPolicy([reported] if reported and BOOLEANS[former] else [], BOOLEANS[accepted], BOOLEANS[rotating])
    known = MemberRecord(RECORDED, next_public_key=NEXT)
    assert judge_next_key(reported, known, policy).value == the_row(NEXT_KEYS, case)[-1]
    if report != "the recorded next key":
        assert judge_next_key(reported, MemberRecord(RECORDED), policy).value == the_row(NEXT_KEYS, case)[-1]


@pytest.mark.parametrize(("rows", "cases"), [(KEYS, CASES), (NEXT_KEYS, list(product(NEXT_REPORTS, *[(YES, NO)] * 3)))])
def test_each_row_has_a_case(rows: list[tuple[str, ...]], cases: list[tuple[str, ...]]) -> None:
    assert {the_row(rows, case) for case in cases} == {*rows}
