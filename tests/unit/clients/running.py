# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real runs of the collection's playbooks on an inventory of their own, with no host to contact."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment

SECRET = "correct horse battery staple"
PASSWORD = "open sesame"
ISOLATED = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
READ_ONLY = 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; shift; exec "$@"'


class Site:
    """A directory with an inventory, whose network has a hub of known key and a vaulted secret, and no client yet."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "ansible.log"
        self.folder = directory / "wireguard_clients"
        self.registry = directory / "wireguard_registry" / "home.yml"
        self.registry.parent.mkdir()
        self.registry.write_text(yaml.safe_dump({"hosts": {"hub1": {"public_key": key_of("hub1")}}}))
        self.clients: dict[str, Any] = {}
        self.network: dict[str, Any] = {"prefixes": ["10.8.0.0/24", "fd00:8::/64"], "clients": self.clients}
        hub = {"wireguard_addresses": ["10.8.0.1", "fd00:8::1"], "wireguard_endpoint": "vpn.example.org"}
        self.inventory: dict[str, Any] = {
            "all": {"vars": {"wireguard_networks": {"home": self.network}}},
            "wg_hub": {"hosts": {"hub1": hub}},
        }
        self.environment = environment(directory, ANSIBLE_LOG_PATH=str(self.log), TMPDIR=str(directory))
        self.password(PASSWORD)

    def password(self, password: str, name: str = "password") -> None:
        (self.directory / name).write_text(password)

    def vault(self, *arguments: str, text: str = "") -> bytes:
        """What ``ansible-vault`` prints."""
        command = ["ansible-vault", *arguments, "--vault-password-file", "password"]
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, input=text.encode(), capture_output=True, check=True
        ).stdout

    def preshare(self) -> None:
        """Has a vaulted secret for preshared keys, named by a variable of its own."""
        self.network["preshared_secret"] = "{{ vault_secret }}"
        vaulted = self.vault("encrypt_string", "--stdin-name", "vault_secret", text=SECRET).decode()
        (self.directory / "group_vars").mkdir()
        (self.directory / "group_vars" / "all.yml").write_text(vaulted)

    def run(
        self,
        playbook: str,
        *arguments: str,
        settings: dict[str, str] | None = None,
        read_only: Path | None = None,
        prefix: Sequence[str] = (),
    ) -> Run:
        """``playbook``: one of the collection, or a file. ``read_only``: a directory that nothing can be written to.

        ``prefix`` is a program that runs the command.
        """
        (self.directory / "inventory.yml").write_text(yaml.safe_dump(self.inventory))
        named = playbook if playbook.endswith(".yml") else f"cryptokey.wireguard.{playbook}"
        command = ["ansible-playbook", "-v", "-i", "inventory.yml", named]
        if "--vault-id" not in arguments:
            command += ["--vault-password-file", "password"]
        if read_only:
            command = [*ISOLATED, READ_ONLY, "sh", str(read_only), *command]
        done = subprocess.run(
            [*prefix, *command, *arguments],
            cwd=self.directory,
            env={**self.environment, **(settings or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Run(done.returncode, done.stdout + done.stderr)
