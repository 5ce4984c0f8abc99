# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on of a host's answer to ``member``: only what is asked for, and only in the right types."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.member_report import read_member
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import ESCAPE, VALUES
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

KEY, NEXT = key_of("a"), key_of("b")
ENTRY = {"network": "home", "options": {"interface": "wg0"}, "public_key": KEY}
PART = {
    "interface": "wg0",
    "network": "home",
    "created": False,
    "differs": False,
    "lacks": ["systemd"],
    "public_key": KEY,
}
DIFF = {"before_header": "a", "before": "1\n", "after_header": "a", "after": "2\n"}
ANSWER: dict[str, Any] = {"changed": True, "complete": True, "packages": False, "interfaces": [PART], "diff": [DIFF]}
FIELDS = [("answer", name) for name in ANSWER] + [("part", name) for name in PART] + [("diff", name) for name in DIFF]


def with_value(place: str, name: str, value: object) -> dict[str, Any]:
    if place == "answer":
        return {**ANSWER, name: value}
    if place == "part":
        return {**ANSWER, "interfaces": [{**PART, name: value}]}
    return {**ANSWER, "diff": [{**DIFF, name: value}]}


def test_an_honest_answer_is_read() -> None:
    report = read_member({**ANSWER, "add_group": "x", "ansible_facts": {"a": 1}}, [ENTRY])
    (part,) = report.parts
    assert (report.changed, report.complete, report.packages, report.diff) == (True, True, False, [DIFF])
    assert (part.network, part.interface, part.keys, part.lacks) == ("home", "wg0", {"public_key": KEY}, ("systemd",))
    assert (part.created, part.known, part.differs) == (False, True, False)


@pytest.mark.parametrize(("place", "name"), FIELDS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_of_the_wrong_kind_is_refused_or_harmless(place: str, name: str, value: object) -> None:
    problem = ""
    try:
        report = read_member(with_value(place, name, value), [ENTRY])
    except InputError as error:
        problem = str(error)
    assert ESCAPE[0] not in problem
    assert len(problem) < 1000
    if problem:
        return
    (part,) = report.parts or (None,)
    assert {report.changed, report.complete, report.packages} <= {True, False}
    # The network is the plan's, whatever the host says.
    assert part is None or (part.network, part.interface) == ("home", "wg0")
    assert part is None or all(text.isprintable() and len(text) <= 300 for text in part.keys.values())
    assert all(ESCAPE[0] not in text for each in report.diff for text in each.values())


@pytest.mark.parametrize(
    ("planned", "found", "known"),
    [
        ({}, {}, True),
        ({}, {"public_key": NEXT}, False),
        ({}, {"next_public_key": NEXT}, False),
        ({"next_public_key": NEXT}, {"next_public_key": NEXT}, True),
        ({"next_public_key": NEXT}, {}, False),
        ({"public_key": None}, {}, False),
    ],
)
def test_whether_a_key_is_known_is_compared_here(planned: dict[str, Any], found: dict[str, Any], known: bool) -> None:
    """The host says so too, and may lie."""
    answer = {**ANSWER, "interfaces": [{**PART, **found, "known": True}]}
    assert read_member(answer, [{**ENTRY, **planned}]).parts[0].known is known


def test_a_key_that_check_mode_would_create_counts_as_known() -> None:
    part = {name: value for name, value in PART.items() if name != "public_key"}
    assert read_member({**ANSWER, "interfaces": [part]}, [ENTRY]).parts[0].known


@pytest.mark.parametrize("names", [["wg1"], ["wg0", "wg0"], ["wg0", "wg1"]])
def test_the_interfaces_are_those_of_the_plan(names: list[str]) -> None:
    answer = {**ANSWER, "interfaces": [{**PART, "interface": name} for name in names]}
    with pytest.raises(InputError, match="plan"):
        read_member(answer, [ENTRY])
