# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface's own nftables table: loaded before the interface can carry traffic, and removed after it is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.records import list_operations
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.restore import restore_state
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import show_difference
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.target import derive_absence, derive_target
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import (
    NO_TABLE,
    OwnTable,
    parse_table_body,
    table_script,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import Part
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState, fresh_state
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import World, before
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import NOW, TABLES, running_states
from ansible_collections.cryptokey.wireguard.tests.unit.converge.test_move import CALM, NAMELESS, Machine, machine_with

TABLE = OwnTable(TABLES[0])
NOTHING = RunningState("wg0", priorities={2: (0, 32766, 32767)})


def desired(nftables: str | None) -> DesiredInterface:
    return DesiredInterface("wg0", nftables=nftables)


@pytest.mark.parametrize(("nftables", "wanted"), [(None, TABLE), ("", NO_TABLE), (TABLES[1], OwnTable(TABLES[1]))])
def test_an_option_that_is_not_given_keeps_the_table_and_an_empty_one_removes_it(
    nftables: str | None, wanted: OwnTable
) -> None:
    state = replace(fresh_state("wg0"), own_table=TABLE)
    assert derive_target(desired(nftables), state, Circumstances(NOW)).own_table == wanted


def test_the_table_is_what_nft_makes_of_the_body() -> None:
    circumstances = Circumstances(NOW, list_table=lambda interface, body: OwnTable(f"{interface} {body}", body))
    target = derive_target(desired("body"), fresh_state("wg0"), circumstances)
    assert target.own_table == OwnTable("wg0 body")
    assert derive_target(desired("body"), target, circumstances) == target


@given(NAMELESS, running_states())
def test_the_interface_is_never_up_without_the_wanted_table(wanted: DesiredInterface, state: RunningState) -> None:
    after = derive_target(wanted, state, CALM)
    done = list(diff_states(state, after, {}))
    if after.own_table and state.own_table != after.own_table:
        assert done[0] == ops.SetNftables("wg0", after.own_table)
    if state.own_table and not after.own_table:
        assert done[-1] == ops.SetNftables("wg0", NO_TABLE)


@given(running_states())
def test_the_table_goes_after_the_interface(state: RunningState) -> None:
    state = replace(state, own_table=TABLE)
    for operation in diff_states(state, derive_absence(state), {}):
        state = apply_all(state, [operation])
        assert state.own_table or not state.exists
    assert not state.own_table


class Watched(World):
    """Fails if the interface is ever up while there is no table."""

    def apply(self, interface: str, operations: Sequence[ops.Operation]) -> None:
        for operation in operations:
            super().apply(interface, [operation])
            assert self.state.own_table or not self.state.up, operation.describe()


@pytest.mark.parametrize("now", [NOTHING, replace(before(), up=False, own_table=NO_TABLE, routes=frozenset())])
def test_what_is_restored_gets_its_table_before_it_comes_up(tmp_path: Path, now: RunningState) -> None:
    world = Watched(tmp_path, now)
    with world.lock("wg0"):
        result = restore_state(before(), world, None, {})
    assert (world.state, result.problems) == (before(), {})


def test_an_interface_whose_table_cannot_be_restored_keeps_the_present_one(tmp_path: Path) -> None:
    """All else is back, and the record is kept since a problem is told."""
    world = Watched(tmp_path)
    present = world.state.own_table
    world.broken = {ops.SetNftables: OSError("nft is missing")}
    with world.lock("wg0"):
        result = restore_state(before(), world, None, {})
        assert world.state == replace(before(), own_table=present)
        assert result.problems == {Part.NETFILTER: "nft is missing"}
        world.broken = {}
        assert restore_state(before(), world, None, {}, result.problems).problems == {}
    assert world.state == before()


def test_an_unreadable_table_that_is_there_does_not_keep_the_interface_down(tmp_path: Path) -> None:
    world = Watched(tmp_path)
    world.broken = {Part.NETFILTER: OSError("nft hangs")}
    with world.lock("wg0"):
        result = restore_state(before(), world, None, {})
    assert (world.state.up, list(result.problems)) == (True, [Part.NETFILTER])


def test_an_interface_without_any_table_stays_down_until_its_table_is_back(tmp_path: Path) -> None:
    world = Watched(tmp_path, NOTHING)
    world.broken = {ops.SetNftables: OSError("nft is missing")}
    with world.lock("wg0"):
        result = restore_state(before(), world, None, {})
        assert (world.state.exists, world.state.up, world.state.device) == (True, False, before().device)
        assert result.problems[Part.INTERFACE] == ("left down, as its nftables table cannot be loaded: nft is missing")
        world.broken = {}
        assert restore_state(before(), world, None, {}, result.problems).problems == {}
    assert world.state == before()


@given(NAMELESS, running_states(), st.sampled_from(["", *TABLES, None]))
def test_a_move_takes_the_table_along(wanted: DesiredInterface, state: RunningState, nftables: str | None) -> None:
    state = replace(state, exists=True, mtu=state.mtu or 1420, own_table=TABLE)
    wanted = replace(wanted, nftables=nftables)
    machine: Machine = machine_with(state, wanted.netns)
    old = "" if wanted.netns else "old"
    done = converge(wanted, machine.at(wanted.netns), CALM, False, machine.at(old))
    tables = OwnTable(TABLES[0] if nftables is None else nftables)
    assert (machine.states[wanted.netns].own_table, machine.states[old].own_table) == (tables, NO_TABLE)
    order = [type(operation) for operation in done.operations]
    moved = order.index(ops.MoveLink)
    assert ops.SetNftables not in order[1:moved]
    assert (order[0] is ops.SetNftables) == bool(tables)
    assert done.operations[-1] == ops.SetNftables("wg0", NO_TABLE)


def test_a_change_is_told_and_shown_as_nft_prints_it() -> None:
    had = replace(before(), own_table=OwnTable("table inet cryptokey-wg0 {\n\tchain input {\n\t}\n}\n"))
    has = replace(had, own_table=OwnTable("table inet cryptokey-wg0 {\n\tchain forward {\n\t}\n}\n"))
    (operation,) = diff_states(had, has, {})
    assert operation.describe() == "set the nftables table inet cryptokey-wg0"
    assert list_operations([operation], had) == [
        {
            "action": "set",
            "peer": None,
            "attribute": "nftables",
            "before": had.own_table.listing,
            "after": has.own_table.listing,
        }
    ]
    shown = show_difference(had, has, {})
    assert shown["before"]["nftables"] == ["table inet cryptokey-wg0 {", "    chain input {", "    }", "}"]
    (removal,) = diff_states(had, replace(had, own_table=NO_TABLE), {})
    assert removal.describe() == "remove the nftables table inet cryptokey-wg0"
    assert "nftables" not in show_difference(had, replace(had, own_table=NO_TABLE), {})["after"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("chain a { } }\ntable ip x {", "line 1 has a '}' without"),
        ("chain a {", "1 '{' without a '}'"),
        ('chain a { comment "}"; ', "1 '{' without a '}'"),
        ("chain a { # }\n", "1 '{' without a '}'"),
        ("chain a {\0}", "a NUL byte"),
    ],
)
def test_a_body_that_could_leave_the_table_is_refused(body: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_table_body(body, "nftables")
    assert problem in str(refused.value)
    assert str(refused.value).startswith("nftables: ")


def test_a_script_replaces_the_table_in_one_transaction() -> None:
    body = parse_table_body('chain a { ct mark "}{" } # }', "nftables")
    begin = "add table inet cryptokey-wg0\ndelete table inet cryptokey-wg0\n"
    made = 'table inet cryptokey-wg0 {\nchain a { ct mark "}{" } # }\n}\n'
    assert table_script("wg0", OwnTable("", body)) == begin + made
    assert table_script("wg0", OwnTable(made)) == begin + made
    assert table_script("wg0", NO_TABLE) == begin
    assert parse_table_body(" \n", "nftables") == ""
