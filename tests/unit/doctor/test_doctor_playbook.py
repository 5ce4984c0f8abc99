# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/doctor.yml as users run it, on hosts that are this machine in a network namespace of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.clients.running import Site
from ansible_collections.cryptokey.wireguard.tests.unit.doctor.sound import Sound, office_and_hub
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

# Both hosts are the same, and have an interface of this name.
ISOLATED = [*("unshare", "--map-root-user", "--net", "sh", "-ec"), 'ip link add wg7 type veth; exec "$@"', "sh"]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A hub, an office and a shop, all with known keys, and a second network of the two hosts alone."""
    found = Site(tmp_path)
    hosts = ("hub1", "office", "shop")
    found.registry.write_text(yaml.safe_dump({"hosts": {name: {"public_key": key_of(name)} for name in hosts}}))
    found.network["prefixes"] = ["10.8.0.0/24"]
    found.inventory["wg_hub"]["hosts"]["hub1"]["wireguard_addresses"] = ["10.8.0.1"]
    found.inventory["wg_spoke"] = {
        "hosts": {name: {"wireguard_addresses": [f"10.8.0.{end}"]} for end, name in enumerate(hosts[1:], 2)}
    }
    found.inventory["all"]["vars"] |= {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    return found


def test_what_is_wrong_is_one_line_each_and_json(site: Site) -> None:
    arguments = ("-e", "wireguard_hosts=office", "-e", "wireguard_file=found.json")
    run = site.run("doctor", *arguments, prefix=ISOLATED)
    assert run.code == 2, run.output
    lines = run.output.splitlines()
    remedy = "To correct it, run the playbook site with -e wireguard_hosts="
    for host in ("hub1", "office"):
        assert f"{host}: the interface wg0 does not exist. {remedy}{host}. [no_interface]" in lines
    assert "Tunnels: 1, of which carry traffic: 0. Findings: 2." in lines
    assert "shop" not in run.recap
    saved = json.loads((site.directory / "found.json").read_text())
    assert [(each["code"], each["host"]) for each in saved["findings"]] == [
        ("no_interface", "hub1"),
        ("no_interface", "office"),
    ]
    assert (saved["schema"], saved["up"], saved["total"], saved["notes"]) == (1, 0, 1, [])
    shown = site.run("doctor", *arguments, "-e", "wireguard_format=json", "--check", prefix=ISOLATED)
    assert (site.directory / "found.json").read_text() in shown.output


def test_an_end_that_is_not_reached_is_judged_from_the_other_one(site: Site) -> None:
    site.network["interface"] = "wg7"
    hub = site.inventory["wg_hub"]["hosts"]["hub1"]
    hub |= {"ansible_connection": "ssh", "ansible_host": "192.0.2.1"}
    site.environment["ANSIBLE_SSH_EXECUTABLE"] = "/bin/false"
    run = site.run("doctor", prefix=ISOLATED)
    assert run.code == 2, run.output
    for host in ("office", "shop"):
        assert f"{host}: the interface wg7 is a veth interface, not a wireguard one." in run.output
    assert "Note: hub1 could not be asked: " in run.output
    assert "Tunnels: 2, of which carry traffic: 0. Findings: 2." in run.output


def test_a_host_without_tunnels_is_refused(site: Site) -> None:
    site.inventory["all"]["hosts"] = {"printer": None}
    run = site.run("doctor", "-e", "wireguard_hosts=printer")
    assert run.code == 2
    assert "none of these hosts has a tunnel to another host" in run.output


def test_a_limit_is_refused_and_not_taken_for_a_sound_network(site: Site) -> None:
    run = site.run("doctor", "--limit", "office")
    assert run.code == 2
    assert "use -e wireguard_hosts=PATTERN and not --limit" in run.output


def test_a_sound_network_ends_well(site: Site) -> None:
    """With the answers of a test in the place of a real task's."""
    sound = Sound()
    hosts = office_and_hub().hosts
    site.registry.write_text(yaml.safe_dump({"hosts": {name: {"public_key": key_of(name)} for name in hosts}}))
    for group, name in (("wg_hub", "hub"), ("wg_spoke", "office")):
        site.inventory[group] = {"hosts": {name: {**hosts[name], "examination": sound.answers[name]}}}
    arguments: dict[str, Any] = {"plan": "{{ plan }}", "hosts": ["office"]}
    diagnose = "cryptokey.wireguard._diagnose"
    tasks: list[dict[str, Any]] = [
        {"cryptokey.wireguard.plan": {}, "register": "plan"},
        {diagnose: arguments, "register": "chosen"},
        {diagnose: {**arguments, "questions": "{{ chosen.questions }}", "answers": "examination"}},
    ]
    for each in tasks:
        each |= {"name": "Do it", "run_once": True}
    play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    (site.directory / "play.yml").write_text(yaml.safe_dump(play))
    run = site.run("play.yml")
    assert run.code == 0, run.output
    assert "Nothing found: the tunnel carries traffic." in run.output
    assert not run.changed
