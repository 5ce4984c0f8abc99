# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin in real playbook runs, on hosts whose finds are preset, so that none is contacted."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.adopt.finds import STATE, file_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory, example, key_of
from ansible_collections.cryptokey.wireguard.tests.unit.runs import environment

REPORTED = {"files": "adopt_files", "running": "adopt_running"}


class Site:
    """Hosts of an example that were set up by hand, and an inventory that knows no more of them than their names."""

    def __init__(self, directory: Path, inventory: Inventory) -> None:
        self.directory = directory
        self.arguments: dict[str, Any] = {}
        self.hosts: dict[str, dict[str, Any]] = {}
        for name, plan in inventory.plan().hosts.items():
            file = file_of(name, plan)
            state = {**STATE, "public_key": file["public_key"], "addresses": file["addresses"], "peers": file["peers"]}
            self.hosts[name] = {
                "adopt_files": {"files": [file]},
                "adopt_running": {"interfaces": [state]},
                "adopt_keys": {"results": [{"public_key": file["public_key"]}]},
            }

    def file(self, host: str) -> dict[str, Any]:
        """What ``config_info`` said of the host's only file."""
        (file,) = self.hosts[host]["adopt_files"]["files"]
        assert isinstance(file, dict)
        return file

    def run(self, *arguments: str) -> tuple[int, str]:
        tasks = [
            {"cryptokey.wireguard.adopt": {**REPORTED, **self.arguments}, "run_once": True},
            {"cryptokey.wireguard.adopt": {**REPORTED, **self.arguments, "keys": "adopt_keys"}, "run_once": True},
        ]
        play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
        (self.directory / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": self.hosts}}))
        (self.directory / "play.yml").write_text(yaml.safe_dump(play))
        done = subprocess.run(
            ["ansible-playbook", "-i", "inventory.yml", "play.yml", *arguments],
            cwd=self.directory,
            env=environment(self.directory),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout

    def read(self, path: str) -> Any:
        return yaml.safe_load((self.directory / path).read_text())

    def written(self) -> list[str]:
        names = ("group_vars", "host_vars", "wireguard_registry", "elsewhere")
        paths = [path for name in names for path in (self.directory / name).rglob("*") if path.is_file()]
        return sorted(str(path.relative_to(self.directory)) for path in paths)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, example("clients.yml"))


def test_what_is_written_plans_what_was_found_and_a_second_run_changes_nothing(site: Site) -> None:
    site.file("hub1")["kept"] = ["PostUp = iptables -A FORWARD -i %i -j ACCEPT"]
    code, output = site.run("--check", "--diff")
    assert code == 0, output
    assert "+wireguard_networks:" in output
    assert site.written() == []

    code, output = site.run()
    assert code == 0, output
    assert "hub1 /etc/wireguard/wg0.conf: PostUp = iptables -A FORWARD -i %i -j ACCEPT" in output
    registry = "wireguard_registry/wg0.yml"
    hosts = ["host_vars/hub1/wireguard.yml", "host_vars/server/wireguard.yml"]
    assert site.written() == ["group_vars/all/wireguard.yml", *hosts, registry]
    members = site.read(registry)["hosts"]
    assert {name: facts["public_key"] for name, facts in members.items() if name in site.hosts} == {
        "hub1": key_of("hub1"),
        "server": key_of("server"),
    }

    again = Inventory()
    again.networks = site.read("group_vars/all/wireguard.yml")["wireguard_networks"]
    again.hosts = {host: site.read(f"host_vars/{host}/wireguard.yml") for host in site.hosts}
    again.groups = {"all": list(site.hosts)}
    plans = again.plan(today=TODAY).hosts
    found = example("clients.yml").plan().hosts
    assert {host: plan["addresses"] for host, plan in plans.items()} == {h: p["addresses"] for h, p in found.items()}

    code, output = site.run()
    assert code == 0, output
    assert "changed=0" in output
    assert "nothing to change" in output


def test_nothing_is_overwritten_without_saying_so(site: Site) -> None:
    assert site.run()[0] == 0
    path = site.directory / "host_vars" / "hub1" / "wireguard.yml"
    path.write_text(path.read_text() + "wireguard_alias: mine\n")
    before = path.read_text()
    code, output = site.run()
    assert code == 2
    assert f"hub1: {path}: is there already and says something else in wireguard_alias; remove the file" in output
    assert path.read_text() == before
    site.arguments = {"overwrite": True}
    assert site.run()[0] == 0
    assert "wireguard_alias" not in path.read_text()


def test_a_file_that_ansible_would_no_longer_read_is_not_shadowed(site: Site) -> None:
    (site.directory / "host_vars").mkdir()
    (site.directory / "host_vars" / "hub1.yml").write_text("x: 1\n")
    code, output = site.run()
    assert code == 2
    assert "Ansible would not read it any more next to the directory hub1" in output
    assert site.written() == ["host_vars/hub1.yml"]
    site.arguments = {"directory": "elsewhere"}
    assert site.run()[0] == 0
    assert "elsewhere/wireguard_registry/wg0.yml" in site.written()


def test_variables_that_say_something_else_are_refused(site: Site) -> None:
    site.hosts["server"]["wireguard_addresses"] = ["10.8.0.5"]
    code, output = site.run()
    assert code == 2
    assert "server: wireguard_addresses ['10.8.0.5']: is defined already, and the host was found with" in output
    assert site.written() == []


def test_nothing_is_written_unless_every_host_has_its_key_in_place(site: Site) -> None:
    site.hosts["server"]["adopt_keys"] = {}
    code, output = site.run()
    assert code == 2
    assert f"server: wg0 '{key_of('server')}': this key was not put into its file; see what adopt_key said" in output
    assert site.written() == []


def test_a_registry_that_knows_another_key_is_heard(site: Site) -> None:
    assert site.run()[0] == 0
    path = site.directory / "wireguard_registry" / "wg0.yml"
    path.write_text(path.read_text().replace(key_of("server"), key_of("another")))
    code, output = site.run()
    assert code == 2
    assert f"server: public_key '{key_of('server')}': the registry of the network wg0 has {key_of('another')}" in output


def test_hosts_without_wireguard_are_left_alone(site: Site) -> None:
    site.hosts = {"plain": {"adopt_files": {"files": []}, "adopt_running": {"interfaces": []}, "adopt_keys": {}}}
    code, output = site.run()
    assert code == 0, output
    assert "changed=0" in output
    assert site.written() == []
