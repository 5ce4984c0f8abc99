# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks and the role in real runs over local connections, in namespaces of their own: nothing of this machine
is touched. There need be no WireGuard in its kernel, as what would be set up is only predicted, in check mode."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import EXAMPLES, key_of
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment

SECRET = key_of("a preshared key")
UPDATE = "Update this member"
# With -v on one line, with more on several.
RESULT = r"^(?:ok|changed): \[(\S+)\] => (\{[^\n]*\}|\{\n.*?^\})$"
# An empty folder for keys and configurations, no systemd, and no network but the loopback.
ISOLATED = ["unshare", "--map-root-user", "--mount", "--net", "sh", "-ec"]
SCRIPT = 'mount -t tmpfs none /etc/wireguard; mount -t tmpfs none /run; ip link set lo up; exec "$@"'


class RoleRun(Run):
    def items(self, task: str) -> set[tuple[str, str]]:
        """The hosts and the items of a task of the role, whatever became of them."""
        text = self.output.partition(f"TASK [cryptokey.wireguard.network : {task}] ")[2].partition("\nTASK [")[0]
        return set(re.findall(r"^\w+: \[(\S+)\] => \(item=(\S+)\)", text, re.MULTILINE))

    @property
    def updates(self) -> list[tuple[str, dict[str, Any]]]:
        """The hosts that were updated, and what the task returned, in the order of the run."""
        return self.returned(UPDATE)

    def returned(self, task: str) -> list[tuple[str, dict[str, Any]]]:
        """Of each run of a task of the role, the hosts, and what it returned."""
        parts = self.output.split(f"TASK [cryptokey.wireguard.network : {task}] ")[1:]
        found = (re.findall(RESULT, part.partition("\nTASK [")[0], re.MULTILINE | re.DOTALL) for part in parts)
        return [(host, json.loads(text)) for part in found for host, text in part]

    @property
    def updated(self) -> set[tuple[str, str]]:
        """The hosts and interfaces that were updated, not only asked for their keys."""
        done = ((host, result["interfaces"]) for host, result in self.updates if result["complete"])
        return {(host, part["interface"]) for host, parts in done for part in parts}


class Site:
    """The example of the documentation with a second network, a mesh of the laptop and the server."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.inventory: dict[str, Any] = yaml.safe_load((EXAMPLES / "hub_and_spoke.yml").read_text())
        variables = self.inventory["all"]["vars"]
        variables["wireguard_networks"] = {
            "home": {"interface": "wgtest0", "prefixes": ["10.8.0.0/24", "fd00:8::/64"]},
            "side": {
                "interface": "wgtest1",
                "topology": "mesh",
                "members": "side",
                "prefixes": ["10.9.0.0/24"],
                "preshared_secret": "a vaulted secret of more than enough characters",
                "preshared_keys": [{"between": ["laptop", "server"], "key": SECRET}],
            },
        }
        variables |= {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
        }
        self.inventory["side"] = {"hosts": {"laptop": None, "server": None}}
        spokes = self.inventory["wg_spoke"]["hosts"]
        spokes["server"]["wireguard_overrides"] = {"side": {"addresses": ["10.9.0.4"], "endpoint": "192.0.2.4"}}
        spokes["laptop"]["wireguard_overrides"] = {"side": {"addresses": ["10.9.0.2"], "tunnel": "split"}}
        self.hosts: dict[str, Any] = {**self.inventory["wg_hub"]["hosts"], **spokes}
        # What the role looks for, so that it leaves out the packages.
        for tool in ("nft", "ping"):
            path = directory / "bin" / tool
            path.parent.mkdir(exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)

    def known(self, *names: str, network: str = "home") -> None:
        """Has the registry know the keys of these hosts."""
        path = self.directory / "wireguard_registry" / f"{network}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump({"hosts": {name: {"public_key": key_of(name + network)} for name in names}}))

    def recorded(self, network: str) -> dict[str, Any]:
        path = self.directory / "wireguard_registry" / f"{network}.yml"
        return dict(yaml.safe_load(path.read_text())["hosts"])

    def unreachable(self, name: str) -> None:
        self.hosts[name] |= {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}

    def run(self, playbook: str, *arguments: str) -> RoleRun:
        (self.directory / "inventory.yml").write_text(yaml.safe_dump(self.inventory))
        shown = [] if any(each.startswith("-v") for each in arguments) else ["-v"]
        command = ["ansible-playbook", "-i", "inventory.yml", playbook, *shown, *arguments]
        done = subprocess.run(
            [*ISOLATED, SCRIPT, "sh", *command],
            cwd=self.directory,
            env=environment(self.directory, PATH=f"{self.directory / 'bin'}:{os.environ['PATH']}"),
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        return RoleRun(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_each_network_of_a_host_has_its_interface_and_whoever_is_not_there_keeps_its_place(site: Site) -> None:
    site.known("hub1", "laptop", "office", "server")
    site.known("laptop", "server", network="side")
    site.unreachable("office")
    run = site.run("cryptokey.wireguard.site", "--check", "--diff", "-vvvv")
    assert run.code == 4, run.output
    assert {host: counts["unreachable"] for host, counts in run.recap.items()} == {
        "hub1": 0,
        "laptop": 0,
        "office": 1,
        "server": 0,
    }
    interfaces = {
        ("hub1", "wgtest0"),
        ("laptop", "wgtest0"),
        ("laptop", "wgtest1"),
        ("server", "wgtest0"),
        ("server", "wgtest1"),
    }
    assert run.updated == interfaces
    assert all(
        result["converged"] == [part["interface"] for part in result["interfaces"]] for _host, result in run.updates
    )
    # In the hub's running state and in its file.
    assert run.output.count(f'+        "office ({key_of("officehome")})": {{') == 1
    assert run.output.count(f"+PublicKey = {key_of('officehome')}") == 1
    # The one peer in each direction of the second network has the preshared key, which is nowhere to be seen.
    assert run.output.count('+            "preshared_key": "(hidden)"') == 2
    assert SECRET not in run.output
    assert "a vaulted secret" not in run.output


def test_without_what_is_tagged_running_only_keys_and_files_are_made(site: Site) -> None:
    site.known("laptop", "office", "server")
    run = site.run("cryptokey.wireguard.site", "--limit", "hub1", "--skip-tags", "running", "--diff")
    assert run.code == 0, run.output
    # First the key, which is then recorded, and then the file.
    (first, second) = (result for host, result in run.updates)
    assert [(part["created"], part["known"]) for part in first["interfaces"]] == [(True, False)]
    assert [(part["created"], part["known"]) for part in second["interfaces"]] == [(False, True)]
    assert run.output.count("+PublicKey = ") == 3
    assert site.recorded("home")["hub1"]["public_key"] == second["interfaces"][0]["public_key"]
    # Which would need WireGuard in this kernel, and a hub forwards.
    assert (first["converged"], second["converged"]) == ([], [])
    assert "ip_forward" not in run.output


@pytest.mark.parametrize("whole", [True, False])
def test_what_a_host_lacks_is_seen_to_before_its_keys_and_holds_up_nobody_else(site: Site, whole: bool) -> None:
    play = {"hosts": "all", "gather_facts": False, "roles": ["cryptokey.wireguard.network"]}
    (site.directory / "role.yml").write_text(yaml.safe_dump([play]))
    site.known("laptop", "office", "server")
    site.hosts["laptop"]["wireguard_netns"] = "vpn"
    playbook = "cryptokey.wireguard.site" if whole else "role.yml"
    run = site.run(playbook, "--limit", "hub1,laptop", "--skip-tags", "running")
    assert run.code == 2, run.output
    assert "network namespaces need systemd, which does not run on this host" in run.output
    assert {host: counts["failed"] for host, counts in run.recap.items()} == {"hub1": 0, "laptop": 1}
    assert run.updated == {("hub1", "wgtest0")}


def test_keys_are_made_for_each_network_and_recorded_before_anybody_else_is_told(site: Site) -> None:
    (site.directory / "keys.yml").write_text(
        yaml.safe_dump(
            [
                {
                    "hosts": "laptop",
                    "gather_facts": False,
                    "tasks": [{"include_role": {"name": "cryptokey.wireguard.network", "tasks_from": "keys"}}],
                }
            ]
        )
    )
    run = site.run("keys.yml")
    assert run.code == 0, run.output
    keys = [site.recorded(network)["laptop"]["public_key"] for network in ("home", "side")]
    assert len(set(keys)) == 2
    assert "No public key is known yet of hub1, office, server." in run.output
    assert run.updated == set()


def test_onboarding_contacts_those_that_have_to_know_of_the_new_host_and_says_who_was_not_reached(site: Site) -> None:
    site.known("hub1", "laptop", "server")
    site.known("laptop", "server", network="side")
    site.unreachable("server")
    run = site.run("cryptokey.wireguard.onboard", "--check", "-e", "wireguard_hosts=office")
    assert run.code == 4, run.output
    # The server would get a route to the subnet behind the office; the laptop sends everything to the hub anyway.
    assert set(run.recap) == {"localhost", "office", "hub1", "server"}
    assert "Updated: hub1, office" in run.output
    assert "Not reached, to be updated by the next run of site.yml: server" in run.output
    assert run.updated == {("hub1", "wgtest0"), ("office", "wgtest0")}


def test_offboarding_tells_those_that_knew_the_host_and_what_is_left_to_do(site: Site) -> None:
    site.known("hub1", "laptop", "office", "server")
    site.known("laptop", "server", network="side")
    site.unreachable("office")
    stopped = site.run("cryptokey.wireguard.offboard", "--check", "-e", "wireguard_hosts=office,")
    assert stopped.code != 0
    assert (
        "office does not answer, so its keys would stay there. If it no longer exists, add -e wireguard_gone=true"
        in (stopped.output)
    )
    assert set(stopped.recap) == {"localhost", "office"}

    # The server loses the subnet behind the office; the laptop sends everything to the hub anyway.
    run = site.run(
        "cryptokey.wireguard.offboard",
        "--check",
        "--diff",
        "-e",
        "wireguard_hosts=office,",
        "-e",
        "wireguard_gone=true",
    )
    assert run.code == 0, run.output
    assert {host for host, counts in run.recap.items() if counts["ok"]} == {"localhost", "hub1", "server"}
    assert f"-    public_key: {key_of('officehome')}" in run.output
    assert f"+PublicKey = {key_of('officehome')}" not in run.output
    assert "192.168.7.0/24" not in run.output.partition("Have those that knew the host remove it")[2]
    assert "office has left. Delete it from the inventory now" in run.output


@pytest.mark.parametrize(
    ("playbook", "host", "message"),
    [
        (
            "offboard",
            "hub1",
            "Without hub1, the inventory is invalid: wireguard_networks.home.hubs 'wg_hub': the group has no",
        ),
        ("offboard", ",", "affected_by: it names no host; name a host of the inventory"),
        ("offboard", "nobody", "affected_by 'nobody': in no network"),
        ("onboard", "web1", "affected_by 'web1': in no network"),
        ("onboard", "", "name the new host with -e wireguard_hosts=NAME"),
    ],
)
def test_who_cannot_come_or_leave(site: Site, playbook: str, host: str, message: str) -> None:
    site.inventory["web"] = {"hosts": {"web1": None}}
    run = site.run(f"cryptokey.wireguard.{playbook}", *(["-e", f"wireguard_hosts={host}"] if host else []))
    assert run.code == 2
    assert message in run.output
    assert set(run.recap) == {"localhost"}


def test_one_network_of_a_host_can_be_removed(site: Site) -> None:
    arguments = ["--check", "-e", "wireguard_hosts=laptop"]
    run = site.run("cryptokey.wireguard.remove", *arguments, "-e", "wireguard_network=side")
    assert run.code == 0, run.output
    ((host, result),) = run.returned("Remove this host's part of the networks")
    assert (host, [part["interface"] for part in result["interfaces"]]) == ("laptop", ["wgtest1"])
    refused = site.run("cryptokey.wireguard.remove", *arguments, "-e", "wireguard_network=sied")
    assert refused.code == 2
    assert "wireguard_network sied: no such network; leave it out, or name one of home, side" in refused.output


def test_changing_a_key_contacts_the_host_and_its_peers_and_says_whose_key_was_not_changed(site: Site) -> None:
    site.known("hub1", "laptop", "office", "server")
    site.known("laptop", "server", network="side")
    run = site.run("cryptokey.wireguard.rotate", "--check", "-e", "wireguard_hosts=office")
    assert run.code == 0, run.output
    assert set(run.recap) == {"localhost", "office", "hub1"}
    assert run.items("Create the next key pair for each network") == {("office", "wgtest0")}
    assert run.updated == {("hub1", "wgtest0"), ("office", "wgtest0")}
    assert "Not changed on all interfaces, see the errors above: office" in run.output


def test_nobodys_key_is_changed_without_being_named(site: Site) -> None:
    run = site.run("cryptokey.wireguard.rotate")
    assert run.code == 2
    assert "no hosts are given; name them with -e wireguard_hosts=PATTERN" in run.output


def test_hubs_are_changed_one_after_the_other_each_with_its_spokes(site: Site) -> None:
    variables = site.inventory["all"]["vars"]["wireguard_networks"]
    del variables["side"], site.inventory["side"]
    site.hosts["server"].pop("wireguard_overrides")
    site.hosts["laptop"].pop("wireguard_overrides")
    hub = site.inventory["wg_spoke"]["hosts"].pop("server")
    site.inventory["wg_hub"]["hosts"]["server"] = {**hub, "wireguard_endpoint": "192.0.2.9"}
    site.hosts["office"]["wireguard_hub"] = "server"
    site.hosts["laptop"]["wireguard_hub"] = "hub1"
    site.known("hub1", "laptop", "office", "server")
    run = site.run("cryptokey.wireguard.site", "--check")
    assert run.code == 0, run.output
    turns = [host for host, _result in run.updates]
    assert (set(turns[:2]), set(turns[2:])) == ({"hub1", "laptop"}, {"office", "server"})


@pytest.mark.parametrize("part", ["main", "keys"])
def test_a_condition_on_the_role_that_skips_the_first_host_is_for_that_host_alone(site: Site, part: str) -> None:
    conditional: dict[str, Any] = {"role": "cryptokey.wireguard.network", "when": "wg_enabled | default(false)"}
    play: dict[str, Any] = {"hosts": "all", "gather_facts": False, "roles": [conditional]}
    if part == "keys":
        role = {"name": "cryptokey.wireguard.network", "tasks_from": "keys"}
        play = {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [{"import_role": role, "when": "wg_enabled | default(false)"}],
        }
    (site.directory / "role.yml").write_text(yaml.safe_dump([play]))
    site.known("hub1", "laptop", "office", "server")
    site.hosts["server"]["wg_enabled"] = True
    # It sorts first, and is in no network; the laptop is in one.
    site.inventory = {"aaa": {"hosts": {"aaa": None}}, **site.inventory}
    run = site.run("role.yml", "--skip-tags", "running")
    assert run.code == 0, run.output
    interfaces = {("server", "wgtest0"), ("server", "wgtest1")}
    made = {(host, each["interface"]) for host, result in run.updates for each in result["interfaces"]}
    assert made == interfaces
    assert run.updated == (interfaces if part == "main" else set())
    assert {host for host, counts in run.recap.items() if counts["changed"]} == {"server"}


def test_what_runs_is_looked_at_too_before_a_run_says_that_a_key_is_gone(site: Site) -> None:
    """All tasks, in check mode; the batches are two."""
    site.known("gone", "hub1", "laptop", "office", "server")
    site.known("laptop", "server", network="side")
    done = site.run("cryptokey.wireguard.site", "--check", "--diff")
    assert done.code == 0, done.output
    assert "former keys, with the hosts" in done.said
    assert f"-    public_key: {key_of('gonehome')}" in done.output
    site.unreachable("hub1")
    failed = site.run("cryptokey.wireguard.site", "--check")
    assert failed.code != 0
    assert "were not reached or failed: hub1 has the key of gone in home." in failed.said
    # A host outside of the run is no failure of it.
    limited = site.run("cryptokey.wireguard.site", "--check", "--limit", "laptop,server")
    assert limited.code == 0, limited.output
    assert "former keys, with the hosts" in limited.said


def test_a_host_that_a_condition_on_the_role_skips_still_has_the_keys_that_have_left(site: Site) -> None:
    conditional: dict[str, Any] = {"role": "cryptokey.wireguard.network", "when": "wg_enabled | default(false)"}
    (site.directory / "role.yml").write_text(
        yaml.safe_dump([{"hosts": "all", "gather_facts": False, "roles": [conditional]}])
    )
    site.known("gone", "hub1", "laptop", "office", "server")
    plan = {"cryptokey.wireguard._registry": {"keypairs": "nothing"}, "run_once": True}
    (site.directory / "keys.yml").write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [plan]}]))
    recorded = site.run("keys.yml")
    assert recorded.code == 0, recorded.output
    site.hosts["server"]["wg_enabled"] = True
    done = site.run("role.yml", "--check", "--diff")
    assert done.code == 0, done.output
    task = done.output.partition("TASK [cryptokey.wireguard.network : Record which hosts have removed the keys")[2]
    assert "ok: [server]" in task.partition("RUNNING HANDLER")[0]
    assert "hub1" in done.said.partition("former keys, with the hosts")[2].partition(".")[0]
