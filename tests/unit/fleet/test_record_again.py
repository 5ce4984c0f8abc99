# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run plans and records once; again only if the inventory, a key or a date asks for it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.result import affected_result
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet

PLAN, RECORD = "cryptokey.wireguard.plan", "cryptokey.wireguard._registry"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def planned(fleet: Fleet) -> dict[str, Any]:
    return dict(fleet.run("--tags", "look").results[0])


def look_and_record(fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]]:
    """The plan, and what the step returns that gets it as an earlier one."""
    tasks = [
        {"name": "Plan", PLAN: {}, "run_once": True, "register": "plan"},
        {"name": "Record", RECORD: {"keypairs": "found", "earlier": "plan"}, "run_once": True},
    ]
    run = fleet.run_play([{"hosts": "all", "gather_facts": False, "tasks": tasks}])
    assert run.code == 0, run.output
    first, second = run.results
    return first, second


def found(fleet: Fleet, host: str, key: str, known: bool) -> None:
    """Have the host's ``member`` task return this key."""
    part = {"network": "home", "interface": "wg0", "public_key": key, "created": False, "known": known}
    fleet.hosts[host]["found"] = {"changed": False, "interfaces": [part]}


def seen(fleet: Fleet, days_ago: int) -> None:
    """Have the registry say that all hosts were seen then."""
    records = yaml.safe_load(fleet.registry.read_text())
    for record in records["hosts"].values():
        record["last_seen"] = datetime.date.today() - datetime.timedelta(days=days_ago)
    fleet.registry.write_text(yaml.safe_dump(records))


def test_the_plan_says_whether_the_inventory_is_recorded(fleet: Fleet) -> None:
    fleet.forget_addresses()
    assert planned(fleet)["registry"] == {"outdated": True, "dates": False}
    assert fleet.run().code == 0
    assert planned(fleet)["registry"] == {"outdated": False, "dates": False}
    fleet.hosts["office"]["wireguard_addresses"] = ["10.8.0.99"]
    assert planned(fleet)["registry"]["outdated"] is True


@pytest.mark.parametrize(("days", "old"), [(7, False), (8, True)])
def test_the_plan_says_whether_dates_are_old_where_they_can_be_recorded(fleet: Fleet, days: int, old: bool) -> None:
    assert fleet.run().code == 0
    seen(fleet, days)
    assert planned(fleet)["registry"] == {"outdated": False, "dates": old}
    fleet.inventory["all"]["vars"]["wireguard_registry_read_only"] = True
    assert planned(fleet)["registry"] == {"outdated": False, "dates": False}


def test_without_news_the_earlier_plan_is_returned_and_nothing_is_written(fleet: Fleet) -> None:
    assert fleet.run().code == 0
    before = fleet.registry.read_bytes()
    found(fleet, "office", key_of("office"), known=True)
    first, second = look_and_record(fleet)
    assert (second["changed"], second["affected"], second["affected_batches"]) == (False, [], [])
    assert second["hosts"] == first["hosts"]
    assert fleet.registry.read_bytes() == before


def test_a_new_key_affects_its_host_and_the_peers(fleet: Fleet) -> None:
    for host in fleet.hosts.values():
        del host["keypair"]
    fleet.hosts["office"].pop("wireguard_public_key", None)
    found(fleet, "office", key_of("newly made"), known=False)
    first, second = look_and_record(fleet)
    assert (first["registry"]["outdated"], second["changed"]) == (True, True)
    assert fleet.recorded()["office"]["public_key"] == key_of("newly made")
    assert {"hub1", "office"} <= {*second["affected"]}
    assert [host for batch in second["affected_batches"] for host in batch] == second["affected"]


def test_old_dates_are_recorded_with_the_keys_that_hosts_report(fleet: Fleet) -> None:
    assert fleet.run().code == 0
    seen(fleet, 30)
    found(fleet, "office", key_of("office"), known=True)
    _first, second = look_and_record(fleet)
    assert (second["changed"], second["affected"]) == (True, [])
    today = datetime.date.today()
    assert [name for name, record in fleet.recorded().items() if record["last_seen"] == today] == ["office"]


def test_a_host_is_affected_if_its_entries_differ_or_its_key_was_not_known() -> None:
    earlier = {"hosts": {"a": [{"x": 1}], "b": [{"x": 1}], "c": []}}
    later = {"hosts": {"a": [{"x": 2}], "b": [{"x": 1}], "d": []}, "batches": [["a", "b"], ["c", "d"], ["e"]]}
    assert affected_result(later, earlier, ["b"]) == {
        "affected": ["a", "b", "d"],
        "affected_batches": [["a", "b"], ["d"]],
    }
