# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host lacks by its answer to ``member`` in check mode, and how that is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.records import list_operations
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.target import derive_absence, derive_target
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.drift_report import (
    MANY,
    HostDrift,
    Lack,
    read_drift,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.drift_table import (
    drift_document,
    render_drift,
    render_drift_document,
    summarize_drift,
)
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import desired_interfaces, running_states
from ansible_collections.cryptokey.wireguard.tests.unit.converge.test_diff import CALM
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import ESCAPE, VALUES, is_clean
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

KEY, OTHER, OFFICE, FOREIGN = map(key_of, ("own", "other", "office", "foreign"))
CONF = "/etc/wireguard/wg0.conf"
ENTRY = {
    "network": "home",
    "public_key": KEY,
    "options": {"interface": "wg0", "peers": [{"name": "office", "public_key": OFFICE}]},
}
PART = {
    "interface": "wg0",
    "network": "home",
    "created": False,
    "known": True,
    "lacks": [],
    "changes": [],
    "operations": [],
    "public_key": KEY,
}
ANSWER: dict[str, Any] = {"changed": False, "complete": True, "packages": False, "interfaces": [PART], "diff": []}
OPERATION = {"action": "set", "peer": OFFICE, "attribute": "persistent_keepalive", "before": 0, "after": 25}
PEER = {"has_preshared_key": True, "endpoint": None, "allowed_ips": ["10.8.0.3/32"], "persistent_keepalive": 0}


def part(**more: Any) -> dict[str, Any]:
    return {**ANSWER, "interfaces": [{**PART, **more}]}


def operation(**more: Any) -> dict[str, Any]:
    return part(operations=[{**OPERATION, **more}])


def diff(name: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": name, "before": before, "after_header": name, "after": after}


def read(answer: object) -> HostDrift:
    return read_drift("server", answer, [ENTRY])


def rows(drift: HostDrift) -> list[list[str]]:
    lines = render_drift([drift])
    return [line.split()[1:] for line in lines[1 : lines.index("")]]


def test_a_host_as_planned_lacks_nothing() -> None:
    drift = read(ANSWER)
    assert drift == HostDrift("server", "planned")
    assert render_drift([drift]) == ["1 host: 1 as planned, 0 drifted, 0 failed, 0 could not be reached"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (operation(), "wg0 set office persistent_keepalive 0 -> 25"),
        (operation(action="add", attribute="peers", before=None, after=PEER), ("wg0 add office peers - -> "
         "has_preshared_key true, allowed_ips 10.8.0.3/32")),
        (operation(action="remove", peer=FOREIGN, attribute="peers", before=PEER, after=None), (f"wg0 remove {FOREIGN} "
         "peers has_preshared_key true, allowed_ips 10.8.0.3/32 -> -")),
        (operation(peer=None, attribute="mtu", before=1280, after=1420), "wg0 set - mtu 1280 -> 1420"),
        (operation(peer=None, attribute="up", before=False, after=True), "wg0 set - up false -> true"),
        (operation(peer=None, attribute="routes", action="add", before=None, after="10.7.0.0/24 dev wg0"),
         "wg0 add - routes - -> 10.7.0.0/24 dev wg0"),
        (operation(peer=None, attribute="nftables", before="table x {\n}\n", after=None),
         "wg0 set - nftables 2 lines -> -"),
        (operation(attribute="preshared_key", before=None, after="(hidden)"), ("wg0 set office preshared_key - -> "
         "(hidden)")),
        (part(lacks=["systemd"]), "wg0 add - systemd missing or outdated"),
        (part(lacks=["rotated"]), "wg0 remove - rotated remove it"),
        (part(created=True), "wg0 add - private_key missing or outdated"),
        ({**ANSWER, "packages": True}, "- add - packages missing or outdated"),
        ({**ANSWER, "diff": [diff(CONF, "a\nb\n", "b\nc\nd\n")]}, f"{CONF} set - lines -1 +2 lines"),
        ({**ANSWER, "diff": [diff(CONF, "", "b\n")]}, f"{CONF} add - lines -0 +1 lines"),
        ({**ANSWER, "diff": [diff(CONF, "b\n", "b\n")]}, f"{CONF} set - mode missing or outdated"),
        ({**ANSWER, "diff": [diff("the running kernel", "net.ipv4.ip_forward = 0\n", "net.ipv4.ip_forward = 1\n")]},
         "- set - sysctl net.ipv4.ip_forward = 0 -> net.ipv4.ip_forward = 1"),
        ({**ANSWER, "diff": [diff("the timer of wg0", "set up\n", "")]}, "- remove - the timer of wg0 remove it"),
    ],
)  # fmt: skip
def test_each_lack_is_one_row(answer: dict[str, Any], expected: str) -> None:
    drift = read(answer)
    assert drift.state == "drift"
    assert [" ".join(row) for row in rows(drift)] == [expected]


def test_the_differences_of_a_running_interface_are_its_operations() -> None:
    """They are dictionaries, not texts."""
    running = {"before_header": "wg0 (running)", "after_header": "wg0 (running)", "before": {}, "after": {"mtu": 1420}}
    assert len(read({**operation(), "diff": [running]}).operations) == 1


def test_a_configuration_and_its_table_are_one_change() -> None:
    table = diff("/etc/wireguard/wg0.nft", "a\n", "b\n")
    found = read({**ANSWER, "diff": [diff(CONF, "a\n", "a\n"), table]}).operations
    assert [(lack.file, lack.attribute) for lack in found] == [("/etc/wireguard/wg0.nft", "lines")]


@pytest.mark.parametrize(
    ("found", "planned", "expected"),
    [
        ({"public_key": OTHER}, {}, [("public_key", OTHER, KEY)]),
        ({}, {"public_key": None}, [("public_key", KEY, None)]),
        ({"next_public_key": OTHER}, {}, [("next_public_key", OTHER, None)]),
    ],
)
def test_another_key_than_the_registrys_is_drift_and_says_that_no_more_was_compared(
    found: dict[str, Any], planned: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    answer = {**part(known=False, **found), "complete": False}
    drift = read_drift("server", answer, [{**ENTRY, **planned}])
    assert [(lack.attribute, lack.before, lack.after) for lack in drift.operations] == expected
    assert drift.state == "drift"
    assert "  server: not compared further, because its keys are not those of the registry; run site.yml" in (
        render_drift([drift])
    )


@pytest.mark.parametrize(
    ("answer", "state", "message"),
    [
        ({"failed": True, "msg": "no\nspace"}, "failed", "no space"),
        ({"unreachable": True, "msg": "ssh: no route"}, "unreachable", "ssh: no route"),
        ({"unreachable": True, "failed": True, "msg": ESCAPE}, "unreachable", "?]0;owned??[2J"),
        ({"failed": True}, "failed", "no message"),
        ({**ANSWER, "complete": False}, "failed", "not compared further"),
        (None, "failed", "result: the host's answer is invalid: expected a dictionary"),
        ({}, "failed", "packages: the host's answer is invalid"),
        (part(interface="wg1"), "failed", "not a name that the plan has for this host"),
        (operation(action="touch"), "failed", "not a name that the plan has for this host"),
    ],
)
def test_a_host_that_could_not_be_compared(answer: object, state: str, message: str) -> None:
    drift = read(answer)
    assert drift.state == state
    assert message in drift.message
    assert f"  server: {drift.message}" in render_drift([drift])
    assert drift_document([drift], 7)["hosts"][0]["message"] == drift.message


PLACES = [("answer", name) for name in ANSWER] + [("part", name) for name in PART]
PLACES += [("operation", name) for name in OPERATION] + [("diff", name) for name in diff(CONF, "a\n", "b\n")]


@pytest.mark.parametrize(("place", "name"), PLACES)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_of_the_wrong_kind_is_refused_or_harmless(place: str, name: str, value: object) -> None:
    changed = {name: value}
    answers: Mapping[str, dict[str, Any]] = {
        "answer": {**ANSWER, **changed},
        "part": part(**changed),
        "operation": operation(**changed),
        "diff": {**ANSWER, "diff": [{**diff(CONF, "a\n", "b\n"), **changed}]},
    }
    drift = read(answers[place])
    text = render_drift_document([drift], 7)
    assert ESCAPE[0] not in text
    assert json.loads(text)["schema"] == 1
    lines = render_drift([drift])
    assert is_clean("\n".join(lines))
    assert max(map(len, lines)) < 1200


SIMPLE = st.none() | st.booleans() | st.integers(0, 1 << 40) | st.text(max_size=30)
VALUE = st.recursive(SIMPLE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
RECORD = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["add", "remove", "set"]),
        "peer": st.none() | st.sampled_from([OFFICE, FOREIGN]),
        "attribute": st.sampled_from(["peers", "mtu", "routes"]),
        "before": VALUE,
        "after": VALUE,
    }
)


@given(st.lists(RECORD, max_size=8), st.randoms(use_true_random=False))
def test_the_report_does_not_depend_on_the_order_of_the_answer(records: list[dict[str, Any]], random: Any) -> None:
    shuffled = random.sample(records, len(records))
    first, second = read(part(operations=records)), read(part(operations=shuffled))
    if first.state != "failed":
        assert first == second
        assert len(first.operations) == len(records)
    assert json.loads(render_drift_document([first], 7)) == drift_document([first], 7)
    assert is_clean("\n".join(render_drift([first])))


@given(desired_interfaces(), running_states())
def test_all_that_an_honest_host_can_lack_is_read(wanted: DesiredInterface, state: RunningState) -> None:
    for after in (derive_target(wanted, state, CALM), derive_absence(state)):
        records = list_operations(diff_states(state, after, {}), state)
        drift = read(part(operations=records))
        assert drift.state == ("drift" if records else "planned"), drift.message
        found = [_as_record(lack) for lack in drift.operations]
        assert all({**record, "peer": None} in found for record in records)


def _as_record(lack: Lack) -> dict[str, Any]:
    """As the host returns it, but for the peer."""
    return {**{name: getattr(lack, name) for name in OPERATION}, "peer": None}


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_lines_that_are_only_in_one_text(before: list[str], after: list[str]) -> None:
    """Both texts have the same lines once these are exchanged."""
    texts = ["".join(f"{line}\n" for line in each) for each in (before, after)]
    found = read({**ANSWER, "diff": [diff(CONF, *texts)]}).operations
    if before == after:
        assert [lack.attribute for lack in found] == ["mode"] * len(found)
        return
    (lack,) = found
    rest = list(before)
    for line in lack.before:
        rest.remove(line)
    assert sorted(rest + lack.after) == sorted(after)
    assert not {*lack.before} & {*lack.after}


def test_many_operations_are_in_the_document_and_the_first_ones_in_the_table() -> None:
    records = [{**OPERATION, "attribute": "routes", "after": f"route {number:04}"} for number in range(MANY)]
    cut, whole = read(part(operations=records)), read(part(operations=records[:30]))
    assert (cut.truncated, whole.truncated) == (True, False)
    assert len(drift_document([cut], 7)["hosts"][0]["operations"]) == MANY
    assert [len(rows(each)) for each in (cut, whole)] == [21, 21]
    assert [rows(each)[-1] for each in (cut, whole)] == [["...", "980", "or", "more"], ["...", "10", "more"]]


def test_the_document_is_sorted_and_has_the_fields_of_the_guide() -> None:
    drift = read(operation())
    document = drift_document([drift, HostDrift("hub1", "unreachable", message="away")], 1795000000)
    assert document == {
        "schema": 1,
        "generated": 1795000000,
        "summary": {"planned": 0, "drift": 1, "failed": 0, "unreachable": 1},
        "hosts": [
            {"host": "hub1", "state": "unreachable", "operations": [], "truncated": False, "message": "away"},
            {
                "host": "server",
                "state": "drift",
                "operations": [
                    {
                        "part": "running",
                        "action": "set",
                        "attribute": "persistent_keepalive",
                        "interface": "wg0",
                        "file": None,
                        "peer": "office",
                        "public_key": OFFICE,
                        "before": 0,
                        "after": 25,
                    }
                ],
                "truncated": False,
                "message": "",
            },
        ],
    }
    assert summarize_drift([drift]) == "1 host: 0 as planned, 1 drifted, 0 failed, 0 could not be reached"


def test_parts_come_in_one_order() -> None:
    answer = {**operation(), "packages": True, "diff": [diff(CONF, "", "b\n")]}
    answer["interfaces"][0]["lacks"] = ["systemd"]
    assert [lack.part for lack in read(answer).operations] == ["packages", "running", "file", "setup"]
    assert Lack("setup", "add", "systemd", "wg0") in read(answer).operations
