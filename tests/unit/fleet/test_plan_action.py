# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin in real playbook runs, with keys preset in the inventory, so that no host is contacted."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import find_rules
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import VALUES, is_clean
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, example, key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet, addresses


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return Fleet(tmp_path)


def test_a_first_run_records_the_keys_and_a_second_changes_nothing(fleet: Fleet) -> None:
    checked = fleet.run("--check", "--diff")
    assert checked.code == 0, checked.output
    assert f"+    public_key: {key_of('hub1')}" in checked.output
    assert "+      - 10.8.0.3" in checked.output
    assert not fleet.registry.parent.exists()

    first = fleet.run()
    assert [result["changed"] for result in first.results] == [False, True]
    assert first.results[0]["unknown_keys"] == ["hub1", "laptop", "office", "server"]
    inventory = example("hub_and_spoke.yml")
    rules = find_rules(inventory.read(), TODAY)["home"]
    # The laptop's full tunnel ends at the hub, and the office has a subnet.
    assert rules.hosts.keys() == {"hub1", "office"}
    own = {name: {"rules": entry} for name, entry in rules.hosts.items()}
    plans = inventory.plan().hosts
    assert first.results[1]["hosts"] == {name: [{**plan, **own.get(name, {})}] for name, plan in plans.items()}
    assert first.results[1]["rules"] == {"home": rules.shared}
    assert checked.results[1]["hosts"] == first.results[1]["hosts"]
    assert first.output.count('"plan.hosts[inventory_hostname][0].options.interface": "wg0"') == 4
    assert "WARNING" not in first.output

    second = fleet.run()
    assert [result["changed"] for result in second.results] == [False, False]
    assert second.results[0]["hosts"] == second.results[1]["hosts"] == first.results[1]["hosts"]


def test_a_limited_run_plans_for_all_from_the_registry(fleet: Fleet) -> None:
    whole = fleet.run()
    for host in ("hub1", "server", "office"):
        del fleet.hosts[host]["keypair"]
    limited = fleet.run("--limit", "laptop")
    assert limited.results[1]["hosts"] == whole.results[1]["hosts"]
    assert not limited.results[1]["changed"]


def test_an_unknown_key_is_named_in_a_warning(fleet: Fleet) -> None:
    fleet.hosts["server"]["keypair"] = {"failed": True}
    run = fleet.run()
    assert "No public key is known yet of server." in run.said
    assert run.results[1]["hosts"]["hub1"][0]["options"]["peers_mode"] == "merge"


def test_a_changed_key_spreads_only_when_it_is_accepted(fleet: Fleet) -> None:
    fleet.run()
    fleet.hosts["office"]["keypair"]["public_key"] = key_of("another")
    shown = fleet.run()
    changed = {"host": "office", "network": "home", "recorded": key_of("office"), "found": key_of("another")}
    assert shown.results[1]["changed_keys"] == [{**changed, "left": "", "owner": ""}]
    assert f"The public key of office in the network home is {key_of('another')}, but the registry has" in shown.said
    assert not shown.results[1]["changed"]
    assert key_of("another") not in fleet.registry.read_text()
    assert key_of("another") not in str(shown.results[1]["hosts"])

    fleet.hosts["office"]["wireguard_accept_changed_keys"] = True
    accepted = fleet.run()
    assert accepted.results[1]["changed_keys"] == []
    assert key_of("another") in fleet.registry.read_text()
    (peer,) = (peer for peer in accepted.results[1]["hosts"]["hub1"][0]["options"]["peers"] if peer["name"] == "office")
    assert peer["public_key"] == key_of("another")


def test_who_left_the_inventory_leaves_the_plan_and_its_address_rests(fleet: Fleet) -> None:
    fleet.run()
    del fleet.inventory["wg_spoke"]["hosts"]["server"]
    run = fleet.run()
    assert [result["changed"] for result in run.results] == [False, True]
    assert [peer["name"] for peer in run.results[1]["hosts"]["hub1"][0]["options"]["peers"]] == ["laptop", "office"]
    hosts, _resting, resting = fleet.registry.read_text().partition("resting:")
    assert "server" not in hosts
    assert "10.8.0.4: 20" in resting


def test_addresses_are_given_out_once_and_durably(fleet: Fleet) -> None:
    for variables in fleet.hosts.values():
        del variables["wireguard_addresses"]
    looked = fleet.run("--tags", "look")
    assert not fleet.registry.parent.exists()
    first = fleet.run()
    assert addresses(looked, 0) == addresses(first) == addresses(fleet.run())
    assert [found[0] for found in addresses(first).values()] == [f"10.8.0.{number}/24" for number in (1, 2, 3, 4)]

    fleet.inventory["wg_spoke"]["hosts"]["archive"] = {"keypair": {"public_key": key_of("archive")}}
    del fleet.inventory["wg_spoke"]["hosts"]["laptop"]
    later = fleet.run()
    assert addresses(later)["archive"][0] == "10.8.0.5/24"
    assert {host: found for host, found in addresses(later).items() if host != "archive"} == {
        host: found for host, found in addresses(first).items() if host != "laptop"
    }


def test_an_exhausted_pool_is_refused_before_anything_is_recorded(fleet: Fleet) -> None:
    del fleet.hosts["office"]["wireguard_addresses"]
    fleet.inventory["all"]["vars"]["wireguard_networks"]["home"]["pools"] = ["10.8.0.2/32"]
    run = fleet.run()
    assert run.code == 2
    assert "exhausted: 1 of 1 addresses are used and 0 are resting, so none is left for 1 more: office" in run.output
    assert not fleet.registry.parent.exists()


def test_values_are_templated_for_their_host_and_hosts_of_no_network_left_alone(fleet: Fleet) -> None:
    fleet.inventory["all"]["vars"] |= {"wireguard_mtu": "{{ base - 20 }}", "base": 1420}
    fleet.hosts["office"]["base"] = 1320
    fleet.inventory["web"] = {"hosts": {"web1": None, "web2": None}}
    run = fleet.run()
    assert {host: plan["options"]["mtu"] for host, (plan,) in run.results[1]["hosts"].items()} == {
        "hub1": 1400,
        "laptop": 1400,
        "office": 1300,
        "server": 1400,
    }
    assert run.results[1]["outside"] == ["web1", "web2"]
    assert run.output.count("In no WireGuard network, left alone: web1, web2") == 1


def test_a_bad_inventory_fails_the_whole_play_with_every_problem(fleet: Fleet) -> None:
    fleet.hosts["office"]["wireguard_addresses"] = ["10.99.0.3"]
    fleet.hosts["server"]["wireguard_addresses"] = ["10.8.0.2"]
    run = fleet.run()
    assert run.code == 2
    assert "office: wireguard_addresses '10.99.0.3': outside the network home" in run.output
    assert "server: wireguard_addresses '10.8.0.2': laptop has this address too" in run.output
    assert run.results == []
    assert not fleet.registry.exists()


@pytest.mark.parametrize(
    ("host", "variables", "message"),
    [
        ("office", {"wireguard_mtu": "{{ nowhere }}"}, "office: wireguard_mtu: cannot be templated: "),
        (
            "hub1",
            {"wireguard_registry_read_only": "perhaps"},
            "hub1: wireguard_registry_read_only 'perhaps': neither true",
        ),
    ],
)
def test_a_value_that_cannot_be_right(fleet: Fleet, host: str, variables: dict[str, Any], message: str) -> None:
    fleet.hosts[host].update(variables)
    run = fleet.run()
    assert run.code == 2
    assert message in run.output
    assert not fleet.registry.exists()


def test_a_loop_gives_each_network_its_keys(fleet: Fleet) -> None:
    fleet.add_second_network()
    first = fleet.run()
    assert first.code == 0, first.output
    assert [plan["options"]["interface"] for plan in first.results[1]["hosts"]["server"]] == ["wg0", "wg1"]
    for network in ("home", "lab"):
        text = (fleet.registry.parent / f"{network}.yml").read_text()
        assert key_of(f"server-{network}") in text
    assert key_of("server-lab") not in fleet.registry.read_text()
    assert not fleet.run().results[1]["changed"]


def test_one_key_pair_for_two_networks_is_refused_for_its_host_alone(fleet: Fleet) -> None:
    fleet.add_second_network()
    fleet.hosts["server"]["keypair"] = {"public_key": key_of("server")}
    run = fleet.run()
    message = "server: keypair: the host is in home, lab, but a result does not say which network its key is for"
    assert run.results[1]["refused"]["server"].startswith(message)
    assert message in run.said
    assert run.results[1]["unknown_keys"] == ["server"]
    assert "server" not in {name for name, known in fleet.recorded().items() if "public_key" in known}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_hosts_malformed_result_is_its_own_problem(fleet: Fleet, value: Any) -> None:
    """Whatever stands for the whole result, its list, its key or its next key."""
    kinds = ({"public_key": value}, {"results": value}, {"public_key": key_of("office"), "next_public_key": value})
    for host, result in zip(("office", "laptop", "server"), kinds, strict=True):
        fleet.hosts[host]["keypair"] = result
    run = fleet.run()
    assert run.code == 0, run.output
    known = {name for name, recorded in fleet.recorded().items() if "public_key" in recorded}
    assert known - {"server"} == {"hub1"}
    refused = run.results[1]["refused"]
    assert refused.keys() <= {"office", "laptop", "server"}
    assert all(is_clean(text) and text.startswith(f"{host}: ") for host, text in refused.items())
    assert "\x1b" not in run.output
    assert len(run.output) < 100_000
    assert not (fleet.directory / "OWNED").exists()


def test_nobody_gets_anothers_key(fleet: Fleet) -> None:
    """Neither one that is recorded, nor one that two report at once."""
    fleet.run()
    fleet.hosts["laptop"] |= {"keypair": {"public_key": key_of("hub1")}, "wireguard_accept_changed_keys": True}
    before = fleet.registry.read_text()
    run = fleet.run()
    assert run.results[1]["refused"].keys() == {"laptop"}
    assert "hub1 has this key in the network home" in run.said
    assert fleet.registry.read_text() == before
    assert not run.changed


def test_a_key_that_two_unknown_hosts_report_is_neithers(fleet: Fleet) -> None:
    for name in ("office", "server"):
        fleet.hosts[name]["keypair"] = {"public_key": key_of("clone")}
    run = fleet.run()
    assert run.results[1]["refused"].keys() == {"office", "server"}
    assert {name for name, known in fleet.recorded().items() if "public_key" in known} == {"hub1", "laptop"}


def test_keys_can_be_given_also_of_clients(fleet: Fleet) -> None:
    fleet.inventory["all"]["vars"]["wireguard_networks"]["home"]["clients"] = {"phone": {}}
    fleet.arguments = {"public_keys": {"home": {"phone": key_of("phone")}}}
    run = fleet.run()
    assert run.code == 0, run.output
    assert run.results[1]["clients"]["home"]["phone"]["public_key"] == key_of("phone")
    assert run.results[1]["unknown_keys"] == ["hub1", "laptop", "office", "server"]
    assert key_of("phone") in fleet.registry.read_text()
    fleet.arguments = {"public_keys": {"home": {"fone": key_of("phone")}}}
    assert "public_keys.home.fone: no such member; name a network and one of its members" in fleet.run().output


def test_a_broken_registry_stops_the_run(fleet: Fleet) -> None:
    fleet.registry.parent.mkdir()
    fleet.registry.write_text("---\nhosts:\n<<<<<<< HEAD\n")
    run = fleet.run()
    assert run.code == 2
    assert f"registry {fleet.registry}, line 3: unresolved merge conflict" in run.output


def test_the_registry_can_be_elsewhere(fleet: Fleet) -> None:
    fleet.inventory["all"]["vars"]["wireguard_registry"] = "public/facts"
    assert fleet.run().code == 0
    assert (fleet.directory / "public" / "facts" / "home.yml").exists()


def test_where_nothing_changed_nothing_is_touched(fleet: Fleet) -> None:
    fleet.run()
    before = fleet.registry.parent.stat().st_mtime_ns
    assert fleet.run().code == 0
    assert fleet.registry.parent.stat().st_mtime_ns == before


def test_a_registry_that_is_only_read_names_what_it_lacks(fleet: Fleet) -> None:
    """As with ansible-pull, where every host runs for itself in a checkout."""
    fleet.run()
    fleet.registry.write_text(fleet.registry.read_text().replace("last_seen: 20", "last_seen: 19"))
    before = fleet.registry.read_text()
    fleet.inventory["all"]["vars"]["wireguard_registry_read_only"] = True
    quiet = fleet.run("--limit", "office")
    assert (quiet.code, quiet.results[1]["changed"]) == (0, False)
    assert "WARNING" not in quiet.output

    archive = {"wireguard_addresses": ["10.8.0.9"], "keypair": {"public_key": key_of("archive")}}
    fleet.inventory["wg_spoke"]["hosts"]["archive"] = archive
    lacking = fleet.run("--limit", "archive")
    assert (lacking.code, lacking.results[1]["changed"]) == (0, False)
    assert "The registry is read-only here and has no public key of archive in the network home" in lacking.said
    assert lacking.results[1]["hosts"]["archive"][0]["options"]["peers"][0]["name"] == "hub1"

    del archive["wireguard_addresses"]
    assert fleet.run("--limit", "office").code == 0
    refused = fleet.run("--limit", "archive")
    assert refused.code == 2
    assert "archive: wireguard_addresses: the registry of the network home has none and is read-only" in refused.output
    assert f"record one in a run that can write, with its public key {key_of('archive')}, or set one" in refused.output
    assert fleet.registry.read_text() == before


def test_a_host_that_pulls_removes_the_keys_of_those_that_have_left(fleet: Fleet) -> None:
    """The registry that it reads still has them as members; nothing is recorded, and nothing said of other hosts."""
    fleet.hosts["office"]["keypair"] = {"failed": True}
    fleet.run()
    before = fleet.registry.read_text()
    del fleet.inventory["wg_spoke"]["hosts"]["server"]
    fleet.inventory["all"]["vars"]["wireguard_registry_read_only"] = True
    run = fleet.run("--limit", "hub1")
    assert run.code == 0, run.output
    (plan,) = run.results[1]["hosts"]["hub1"]
    assert (plan["options"]["peers_mode"], plan["options"]["absent_peers"]) == ("merge", [key_of("server")])
    assert "former keys, with the hosts" not in run.said
    assert fleet.registry.read_text() == before


def test_a_host_pulls_and_leaves_the_checkout_alone(fleet: Fleet) -> None:
    whole = fleet.run()
    git = ["git", "-C", str(fleet.directory), "-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    for arguments in (["init", "-q"], ["add", "play.yml", "inventory.yml", "wireguard_registry"], ["commit", "-qmx"]):
        subprocess.run([*git, *arguments], check=True)
    for _time in range(2):
        pulled = fleet.pull(fleet.directory, "--limit", "office", "-e", "wireguard_registry_read_only=true")
        assert pulled.code == 0, pulled.output
        assert pulled.results[-1]["hosts"] == whole.results[1]["hosts"]
    status = subprocess.run([*git, "-C", "checkout", "status", "--porcelain"], check=True, capture_output=True)
    assert status.stdout == b""


def test_two_runs_at_once_lose_nothing_of_each_others(fleet: Fleet) -> None:
    fleet.forget_addresses()
    runs = fleet.run_at_once("laptop", "office")
    assert [run.code for run in runs] == [0, 0]
    assert addresses(runs[0]) == addresses(runs[1])
    text = fleet.registry.read_text()
    assert [key_of(host) in text for host in ("laptop", "office", "server")] == [True, True, False]


def test_a_next_key_is_recorded_when_asked_for_and_taken_when_it_comes(fleet: Fleet) -> None:
    fleet.hosts["office"]["keypair"]["next_public_key"] = key_of("next")
    fleet.hosts["office"]["wireguard_key_max_age"] = 30
    fleet.run()
    assert key_of("next") not in fleet.registry.read_text()
    fleet.registry.write_text(fleet.registry.read_text().replace("first_seen: 2", "first_seen: 1"))
    assert "keys older than wireguard_key_max_age: office (" in fleet.run().said

    fleet.looking = {"older_than": 30}
    fleet.arguments |= {"rotating": True}
    looked, begun = fleet.run().results[:2]
    assert looked["old_keys"] == sorted(fleet.hosts)
    peers = {host: str(plan["options"]["peers"]) for host, (plan,) in begun["hosts"].items()}
    assert {host for host, text in peers.items() if key_of("next") in text} == {"hub1"}

    fleet.arguments = {"keypairs": "keypair"}
    assert "a key rotation was started and not finished for office." in fleet.run().said
    fleet.hosts["office"]["keypair"] = {"public_key": key_of("next"), "old_public_key": key_of("office")}
    ended = fleet.run().results[1]
    assert fleet.run("--tags", "look").results[0]["old_keys"] == ["hub1", "laptop", "server"]
    assert ended["changed_keys"] == []
    assert "next_public_key" not in fleet.registry.read_text()
    (peer,) = (peer for peer in ended["hosts"]["hub1"][0]["options"]["peers"] if peer["name"] == "office")
    assert peer["public_key"] == key_of("next")
