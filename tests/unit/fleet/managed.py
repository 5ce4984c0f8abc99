# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Config-only runs of the playbooks: every host is this machine, with an /etc/wireguard of its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment

ISOLATED = ["unshare", "--map-root-user", "--mount", "--net"]
PYTHON = """\
#!/bin/sh
exec unshare --mount /bin/sh -ec 'mount --bind {folder} /etc/wireguard; exec {python} "$@"' sh "$@"
"""
CONFIG_ONLY = ("--skip-tags", "running")


class Managed:
    """An inventory in a directory of its own. A host answers once it is in ``reachable``."""

    def __init__(self, directory: Path, *hosts: str) -> None:
        self.directory = directory
        self.registry = directory / "wireguard_registry" / "home.yml"
        self.inventory: dict[str, Any] = {}
        self.unreachable: set[str] = set()
        self.hosts: tuple[str, ...] = ()
        self.add(*hosts)

    def add(self, *hosts: str) -> None:
        """Make these hosts, where they are not there yet."""
        for host in hosts:
            if host in self.hosts:
                continue
            self.hosts += (host,)
            self.etc(host).mkdir(parents=True)
            python = self.etc(host).parent / "python"
            python.write_text(
                PYTHON.format(folder=shlex.quote(str(self.etc(host))), python=shlex.quote(sys.executable))
            )
            python.chmod(0o755)

    def etc(self, host: str) -> Path:
        return self.directory / "hosts" / host / "wireguard"

    def conf(self, host: str) -> str:
        """What brings its interface up at boot; empty where there is nothing."""
        path = self.etc(host) / "wg0.conf"
        return path.read_text() if path.exists() else ""

    def recorded(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.registry.read_text()))

    def run(self, playbook: str, *arguments: str) -> Run:
        (self.directory / "inventory.yml").write_text(yaml.safe_dump(self.inventory))
        return self.call(
            ["ansible-playbook", "-v", "-i", "inventory.yml", f"cryptokey.wireguard.{playbook}", *arguments]
        )

    def call(self, command: Sequence[str], **settings: str) -> Run:
        """Run any command beside the inventory. ``settings`` are environment variables."""
        connection = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": f"{self.directory}/hosts/{{{{ inventory_hostname }}}}/python",
        }
        away = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
        (self.directory / "host_vars").mkdir(exist_ok=True)
        for host in self.hosts:
            variables = {**connection, **(away if host in self.unreachable else {})}
            (self.directory / "host_vars" / f"{host}.yml").write_text(yaml.safe_dump(variables))
        done = subprocess.run(
            [*ISOLATED, *command],
            cwd=self.directory,
            env=environment(self.directory, ANSIBLE_SSH_RETRIES="0", **settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Run(done.returncode, done.stdout + done.stderr)
