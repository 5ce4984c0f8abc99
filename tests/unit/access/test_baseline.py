# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is gained and lost between two pictures of access, and the sets of services that they consist of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access import services
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.baseline import (
    Change,
    compare_access,
    parse_saved,
    render_changes,
    render_saved,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.matrix import Matrix, make_matrix, read_cell
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import Policy, Service
from ansible_collections.cryptokey.wireguard.tests.unit.access.strategies import policies
from ansible_collections.cryptokey.wireguard.tests.unit.access.test_matrix import expand
from ansible_collections.cryptokey.wireguard.tests.unit.access.test_reach import GRANTS, several_hubs
from ansible_collections.cryptokey.wireguard.tests.unit.access.worlds import World, policy, port
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.strategies import inventories


def matrix(inventory: Inventory, rules: Policy | None) -> Matrix:
    return make_matrix(World(inventory, {"home": rules} if rules else {}).reach)


@settings(max_examples=40)
@given(st.data())
def test_a_comparison_is_what_differs_between_single_pairs(data: st.DataObject) -> None:
    inventory = data.draw(inventories())
    old, new = (matrix(inventory, data.draw(policies(inventory))) for _time in range(2))
    assert compare_access(old, old) == []
    assert parse_saved(render_saved(old), "x") == old
    before, after = expand(old), expand(new)
    changed: dict[tuple[str, str], Change] = {}
    for change in compare_access(old, new):
        for source in change.sources:
            for target in change.targets:
                if source != target:
                    assert (source, target) not in changed
                    changed[source, target] = change
    for pair in {*before, *after}:
        one, other = read_cell(before.get(pair, ())), read_cell(after.get(pair, ()))
        assert (one != other) == (pair in changed)
        if pair in changed:
            for size in one:
                assert read_cell(changed[pair].gained)[size] == services.subtract_services(other[size], one[size])
                assert read_cell(changed[pair].lost)[size] == services.subtract_services(one[size], other[size])
    assert changed.keys() <= {*before, *after}


def test_what_changes_alike_is_one_line() -> None:
    new = policy(*[(("ada", "cid"), ("bob", "two"), port(22))])
    lines = render_changes(matrix(several_hubs(), policy()), matrix(several_hubs(), new))
    assert lines == [
        "gained: ada -> bob: tcp:22 (IPv4)",
        "gained: ada -> two: tcp:22",
        "gained: cid -> bob, two: tcp:22 (IPv4)",
    ]


def test_members_that_join_and_leave_gain_and_lose() -> None:
    everything = policy((["*"], ["hub"], port(22)))
    larger = several_hubs()
    larger.groups["wg_spoke"].append("eve")
    larger.hosts["eve"] = {"wireguard_addresses": ["10.8.0.44"], "wireguard_hub": "hub"}
    joined = render_changes(matrix(several_hubs(), everything), matrix(larger, everything))
    assert joined == ["gained: eve -> hub: tcp:22 (IPv4)"]
    left = render_changes(matrix(larger, everything), matrix(several_hubs(), everything))
    assert left == ["lost:   eve -> hub: tcp:22 (IPv4)"]


def test_what_is_saved_is_sorted_and_does_not_depend_on_the_order_of_grants() -> None:
    turned = Policy(tuple(reversed(GRANTS.grants)))
    saved = render_saved(matrix(several_hubs(), GRANTS))
    assert saved == render_saved(matrix(several_hubs(), turned))
    content = json.loads(saved)
    assert list(content["groups"]) == sorted(content["groups"])


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"groups": {"a": ["b"]}},
        {"groups": {"a": []}},
        {"groups": {"a": "a"}},
        {"groups": {"a": ["a"], "b": ["b", "a"]}},
        {"access": {"x": {"hub": ["*"]}}},
        {"access": {"hub": {"hub": ["tcp:99999"]}}},
        {"access": {"hub": {"hub": [5]}}},
        {"access": {"hub": []}},
        {"access": 5},
    ],
)
def test_a_baseline_that_is_none_is_refused(change: dict[str, Any]) -> None:
    content = {**json.loads(render_saved(matrix(several_hubs(), GRANTS))), **change}
    with pytest.raises(InputError, match="not a file that was saved"):
        parse_saved(json.dumps(content), "access.json")
    with pytest.raises(InputError, match="save one with"):
        parse_saved("[]", "access.json")


_SETS = st.lists(
    st.one_of(
        st.builds(lambda a, b: Service(6, min(a, b), max(a, b)), st.integers(0, 9), st.integers(0, 9)),
        st.sampled_from([Service(17), Service(1), Service(17, 5, 5)]),
    ),
    max_size=4,
)


@given(_SETS, _SETS)
def test_sets_of_services(one: list[Service], other: list[Service]) -> None:
    def points(found: services.Services) -> set[tuple[int, int]]:
        return {
            (number or 0, at) for number, ranges in found.items() for low, high in ranges for at in range(low, high + 1)
        }

    first, second = services.add_up(one, 4), services.add_up(other, 4)
    assert points(first) == {(each.protocol or 0, at) for each in one for at in range(each.first, each.last + 1)}
    assert points(services.intersect(first, second)) == points(first) & points(second)
    assert points(services.subtract_services(first, second)) == points(first) - points(second)
    assert services.parse_rendered(services.render_services(first)) == first


def test_all_services() -> None:
    web = services.add_up([Service(6, 80, 80)], 4)
    assert services.intersect(services.EVERYTHING, web) == web == services.intersect(web, services.EVERYTHING)
    assert services.subtract_services(web, services.EVERYTHING) == services.NOTHING
    assert services.subtract_services(services.EVERYTHING, web) == services.EVERYTHING
    assert services.add_up([Service(58)], 4) == services.NOTHING
    assert services.add_up([Service(58)], 16) == services.add_up([Service(1)], 16)
