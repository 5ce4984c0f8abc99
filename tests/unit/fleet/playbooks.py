# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of ansible-playbook over an inventory in a directory of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import EXAMPLES, key_of
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment


def addresses(run: Run, task: int = 1) -> dict[str, list[str]]:
    """Of each host that is in one network only."""
    return {host: plan["options"]["addresses"] for host, (plan,) in sorted(run.results[task]["hosts"].items())}


class Fleet:
    """An example of the documentation, whose hosts' keys are preset in it, and runs that plan it.

    The variable ``keypair`` of each of ``hosts`` is what its ``keypair`` task would have returned. ``settings`` are
    environment variables, ``looking`` the arguments of the task that only plans, ``arguments`` those of the one that
    records.
    """

    def __init__(self, directory: Path, name: str = "hub_and_spoke.yml") -> None:
        self.directory = directory
        self.registry = directory / "wireguard_registry" / "home.yml"
        self.inventory = yaml.safe_load((EXAMPLES / name).read_text())
        self.settings: dict[str, str] = {}
        self.looking: dict[str, Any] = {}
        self.arguments: dict[str, Any] = {"keypairs": "keypair"}
        self.hosts = {
            host: variables
            for group in ("wg_hub", "wg_spoke")
            for host, variables in self.inventory[group]["hosts"].items()
        }
        for host, variables in self.hosts.items():
            variables["keypair"] = {"public_key": key_of(host)}

    def recorded(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.registry.read_text())["hosts"])

    def forget_addresses(self) -> None:
        for variables in self.hosts.values():
            del variables["wireguard_addresses"]

    def add_second_network(self) -> None:
        """hub1 and server are a mesh besides; each of their two key pairs was made in a loop."""
        networks = self.inventory["all"]["vars"]["wireguard_networks"]
        networks["lab"] = {"prefixes": ["10.9.0.0/24"], "topology": "mesh", "members": "lab", "interface": "wg1"}
        self.inventory["lab"] = {"hosts": {"hub1": None, "server": None}}
        self.hosts["hub1"]["wireguard_overrides"] = {"lab": {"listen_port": 51821}}
        for host in ("hub1", "server"):
            del self.hosts[host]["wireguard_addresses"]
            self.hosts[host]["keypair"] = {
                "results": [
                    {"item": {"network": network}, "public_key": key_of(f"{host}-{network}")}
                    for network in ("home", "lab")
                ]
            }

    def write(self, inventory: str = "inventory.yml") -> None:
        plan = "cryptokey.wireguard.plan"
        tasks = [
            {"name": "Look", plan: self.looking, "run_once": True, "tags": "look"},
            {"name": "Record", "cryptokey.wireguard._registry": self.arguments, "run_once": True, "register": "plan"},
            {"name": "Use it", "ansible.builtin.debug": {"var": "plan.hosts[inventory_hostname][0].options.interface"}},
        ]
        play = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
        (self.directory / inventory).write_text(yaml.safe_dump(self.inventory))
        # A run that is going on may be about to read it.
        (self.directory / "play.new").write_text(yaml.safe_dump(play))
        (self.directory / "play.new").replace(self.directory / "play.yml")

    def _start(self, *command: str, directory: str = ".") -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.directory / directory,
            env=environment(self.directory, **self.settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> Run:
        self.write()
        return _finish(self._start("ansible-playbook", "-v", "-i", "inventory.yml", "play.yml", *arguments))

    def run_play(self, play: list[dict[str, Any]]) -> Run:
        self.write()
        (self.directory / "play.yml").write_text(yaml.safe_dump(play))
        return _finish(self._start("ansible-playbook", "-v", "-i", "inventory.yml", "play.yml"))

    def pull(self, repository: Path, *arguments: str) -> Run:
        """As a host does for itself, from what is committed in a git repository."""
        (self.directory / "root").mkdir(exist_ok=True)
        pull = ("ansible-pull", "-v", "--url", str(repository), "--directory", str(self.directory / "checkout"))
        return _finish(self._start(*pull, "-i", "inventory.yml", *arguments, "play.yml", directory="root"))

    def run_at_once(self, *hosts: str) -> list[Run]:
        """One run for each of these hosts, all at the same time; the host alone has reported its key in it."""
        keypairs = {host: variables.pop("keypair") for host, variables in self.hosts.items()}
        started = []
        for host in hosts:
            self.hosts[host]["keypair"] = keypairs[host]
            self.write(f"{host}.yml")
            started.append(self._start("ansible-playbook", "-v", "-i", f"{host}.yml", "play.yml", "--limit", host))
            del self.hosts[host]["keypair"]
        return [_finish(each) for each in started]


def _finish(started: subprocess.Popen[str]) -> Run:
    output, _none = started.communicate(timeout=120)
    return Run(started.returncode, output)
