# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of networks, members and interfaces that have other names now, and of plays in batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.renames import (
    later_hint,
    member_hints,
    network_hints,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord, Records
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.networks import host, network
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet

OLD = MemberRecord(key_of("old"), ("10.8.0.5",))
KEPT = MemberRecord(key_of("kept"), ("10.8.0.6",))


def hints(known: dict[str, MemberRecord], found: dict[str, str], *members: Any) -> list[str]:
    return list(member_hints(network(members), Records(known), found))


def test_a_host_that_reports_the_key_of_one_that_left_was_renamed() -> None:
    (said,) = hints({"old": OLD}, {"new": key_of("old")}, host("new", "10.8.0.9"))
    assert said == (
        "Network home: new has the key of old, which left the inventory: it was renamed. Its key stays, but its "
        "addresses change from 10.8.0.5 to 10.8.0.9. To keep them, set wireguard_addresses of new to the old ones, or "
        "addresses if it is a client."
    )
    (same,) = hints({"old": OLD}, {"new": key_of("old")}, host("new", "10.8.0.5"))
    assert same.endswith("it was renamed. Its key and its addresses stay.")


def test_who_may_have_been_renamed_is_named_before_anything_is_recorded() -> None:
    (said,) = hints({"old": OLD, "kept": KEPT}, {}, host("kept", "10.8.0.6"), host("new", "10.8.0.9"))
    assert said.startswith("Network home: old left the inventory, and new joined. A renamed member counts as new")
    assert "rename it in the network's registry too, before a run records the new name" in said


@pytest.mark.parametrize(
    ("known", "members"),
    [
        ({}, ["new"]),
        ({"kept": KEPT}, ["kept", "new"]),
        ({"kept": KEPT, "old": OLD}, ["kept"]),
    ],
)
def test_who_only_comes_or_only_leaves_was_not_renamed(known: dict[str, MemberRecord], members: list[str]) -> None:
    assert hints(known, {name: key_of(name) for name in members}, *map(host, members)) == []


def test_a_registry_that_no_network_names() -> None:
    (said,) = network_hints(["home", "lab"], {"home": True, "labs": False}, "/x/wireguard_registry")
    assert "git mv /x/wireguard_registry/lab.yml /x/wireguard_registry/labs.yml" in said
    # Another inventory may have it.
    assert list(network_hints(["home", "lab"], {"home": True}, "/x")) == []
    assert list(network_hints(["home"], {"home": True, "labs": False}, "/x")) == []


HOSTS = ["hub1", "s1", "s2", "s3"]


@pytest.mark.parametrize(
    ("unknown", "batch", "named"),
    [
        ({"s2", "s3"}, ["hub1"], "s2, s3"),
        ({"s1"}, ["s2"], ""),
        ({"phone"}, ["hub1"], ""),
        ({"s3"}, HOSTS, ""),
        (set(), ["hub1"], ""),
    ],
)
def test_later_batches_whose_keys_are_unknown_are_named(unknown: set[str], batch: list[str], named: str) -> None:
    said = later_hint(unknown, HOSTS, batch)
    assert bool(said) == bool(named)
    assert f"(serial), and {named} of later batches have no key yet" in said or not named


def test_a_play_in_batches_is_told_to_make_all_keys_first(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.hosts["server"].pop("keypair")
    run = fleet.run()
    assert run.code == 0
    assert "This play runs in batches" not in run.said
    fleet.registry.unlink()
    fleet.write()
    play = yaml.safe_load((tmp_path / "play.yml").read_text())
    play[0]["serial"] = 1
    # Each host makes its key only when its batch has its turn.
    for variables in fleet.hosts.values():
        variables["made"] = variables.pop("keypair", {})
    task = {"ansible.builtin.set_fact": {"keypair": "{{ made }}"}}
    play[0]["tasks"].insert(1, task)
    run = fleet.run_play(play)
    assert run.code == 0, run.output
    said = "This play runs in batches (serial), and laptop, office, server of later batches have no key yet."
    assert said in run.said
    assert "runs the role with tasks_from: keys" in run.said
    assert "and server of later batches" in run.said


def test_a_renamed_host_network_and_interface_in_a_run(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.forget_addresses()
    assert fleet.run().code == 0
    spokes = fleet.inventory["wg_spoke"]["hosts"]
    spokes["desktop"] = spokes.pop("laptop")
    fleet.hosts["server"]["keypair"] = {"public_key": key_of("another"), "changed": True}
    before = fleet.registry.read_text()
    run = fleet.run("--check")
    assert "laptop left the inventory, and desktop joined" in run.said
    assert "desktop has the key of laptop, which left the inventory: it was renamed" in run.said
    assert (
        f"server made a new key for the network home in this run, as it had none for wg0: {key_of('another')}. The "
        f"registry has {key_of('server')}, which its peers keep"
    ) in run.said
    assert "/etc/wireguard/private/wg0.key" in run.said
    assert "If the host was reinstalled, set wireguard_accept_changed_keys for it." in run.said
    # One warning says it all.
    assert "The public key of server in the network home is" not in run.said
    networks = fleet.inventory["all"]["vars"]["wireguard_networks"]
    networks["house"] = networks.pop("home")
    registry = fleet.registry.parent
    run = fleet.run("--check")
    assert f"git mv {registry}/home.yml {registry}/house.yml" in run.said
    assert fleet.registry.read_text() == before
