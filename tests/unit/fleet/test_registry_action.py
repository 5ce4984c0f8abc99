# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who writes the registry: ``registry``, and never ``plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.action.plan import ARGUMENTS
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def run_tasks(fleet: Fleet, *tasks: dict[str, Any]) -> Run:
    named = [{"name": f"Task {number}", **task, "run_once": True} for number, task in enumerate(tasks, 1)]
    return fleet.run_play([{"hosts": "all", "gather_facts": False, "tasks": named}])


def recording(**options: Any) -> dict[str, Any]:
    return {"cryptokey.wireguard.registry": options}


def test_plan_never_writes(fleet: Fleet) -> None:
    """With every option that it has, on a network that has addresses to give and nothing recorded yet."""
    fleet.forget_addresses()
    every = {"without": ["laptop"], "affected_by": ["office"], "assume_keys": True, "older_than": 1, "tests": False}
    assert {*every, "spare_clients"} == ARGUMENTS.keys()
    run = run_tasks(
        fleet, *({"cryptokey.wireguard.plan": {**every, "spare_clients": spare}} for spare in (True, False))
    )
    assert run.code == 0, run.output
    assert [result["changed"] for result in run.results] == [False, False]
    assert not fleet.registry.parent.exists()


def test_registry_records_once_and_shows_it_before(fleet: Fleet) -> None:
    fleet.forget_addresses()
    keys = {"home": {host: key_of(host) for host in fleet.hosts}}
    checked, done, again = ({**recording(public_keys=keys), "diff": True} for _time in range(3))
    run = run_tasks(fleet, {**checked, "check_mode": True}, done, again, {"cryptokey.wireguard.plan": {}})
    assert run.code == 0, run.output
    assert [result["changed"] for result in run.results] == [True, True, False, False]
    for key in keys["home"].values():
        assert run.output.count(f"+    public_key: {key}") == 2, "in check mode and in the first run"
    assert {host: entry["public_key"] for host, entry in fleet.recorded().items()} == keys["home"]
    assert run.results[3]["unknown_keys"] == []


def test_in_check_mode_registry_writes_nothing(fleet: Fleet) -> None:
    task = {**recording(public_keys={"home": {"hub1": key_of("hub1")}}), "check_mode": True}
    run = run_tasks(fleet, task)
    assert [result["changed"] for result in run.results] == [True]
    assert not fleet.registry.parent.exists()


def test_registry_keeps_a_recorded_key_unless_the_other_is_accepted(fleet: Fleet) -> None:
    first = recording(public_keys={"home": {"office": key_of("office")}})
    other = recording(public_keys={"home": {"office": key_of("another")}})
    accepted = recording(public_keys={"home": {"office": key_of("another")}}, accept_changed_keys={"home": ["office"]})
    run = run_tasks(fleet, first, other, accepted)
    assert [result["changed"] for result in run.results] == [True, False, True]
    assert [entry["found"] for entry in run.results[1]["changed_keys"]] == [key_of("another")]
    assert fleet.recorded()["office"]["public_key"] == key_of("another")


def test_a_host_that_leaves_is_dropped_and_its_key_is_a_former_one(fleet: Fleet) -> None:
    keys = {"home": {host: key_of(host) for host in fleet.hosts}}
    run = run_tasks(fleet, recording(public_keys=keys), recording(without=["office"]))
    assert "office" not in fleet.recorded()
    assert [(key["name"], key["public_key"]) for key in run.results[1]["former_keys"]] == [("office", key_of("office"))]


def test_a_key_that_is_given_ends_no_rotation(fleet: Fleet) -> None:
    """The operator says nothing of the next key. Were it forgotten, it would count as one that has left."""
    fleet.hosts["server"]["keypair"]["next_public_key"] = key_of("next")
    rotate = {"cryptokey.wireguard._registry": {"keypairs": "keypair", "rotating": True}}
    run = run_tasks(fleet, rotate, recording(public_keys={"home": {"server": key_of("server")}}))
    assert run.code == 0, run.output
    assert fleet.recorded()["server"]["next_public_key"] == key_of("next")
    assert run.results[-1]["former_keys"] == []
    # It may also be that the host has changed to it.
    run = run_tasks(fleet, recording(public_keys={"home": {"server": key_of("next")}}))
    assert run.code == 0, run.output
    assert fleet.recorded()["server"]["public_key"] == key_of("next")
    assert "next_public_key" not in fleet.recorded()["server"]
