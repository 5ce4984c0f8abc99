# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No key is anywhere but in its files, however loud a run is and however it ends.

Every playbook runs at ``-vvvv`` with ``--diff``, a log, no pipelining and the remote files kept, for real as far as
that takes no WireGuard in the kernel, and in check mode as a whole; then with things broken, so that tasks fail. Then
every byte that came out, and every file on controller and hosts, is searched for every key. The hosts are this machine,
each with an /etc/wireguard of its own. What takes a kernel is in ``tests/kernel/test_leaks.py``.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_private_key
from ansible_collections.cryptokey.wireguard.tests.leaks.search import files, find, hits, spellings
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.runs import environment

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
SECRET = "correct horse battery staple, and some more"
PAIR_KEY = key_of("a preshared key of a pair")
ISOLATED = ["unshare", "--map-root-user", "--mount", "--net"]
PYTHON = """\
#!/bin/sh
exec unshare --mount /bin/sh -ec 'mount --bind {folder} /etc/wireguard; exec {python} "$@"' sh "$@"
"""
HOSTS = ("hub1", "office", "phonebox")
CONFIG_ONLY = ["--skip-tags", "running"]
# What the playbooks are told; those that take none of it do not mind.
EXTRA = ["-e", "wireguard_hosts=office"]


class Site:
    """A hub with two spokes and a client; ``outputs`` is what every run has printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clients = folder / "wireguard_clients"
        self.outputs: list[tuple[str, bytes]] = []
        for host in HOSTS:
            (self.etc(host)).mkdir(parents=True)
            python = self.etc(host).parent / "python"
            places = {"folder": shlex.quote(str(self.etc(host))), "python": shlex.quote(sys.executable)}
            python.write_text(PYTHON.format(**places))
            python.chmod(0o755)
        network: dict[str, Any] = {
            "prefixes": ["10.8.0.0/24", "fd00:8::/64"],
            "interface": "wgleak0",
            "preshared_secret": SECRET,
            "preshared_keys": [{"between": ["hub1", "office"], "key": PAIR_KEY}],
            "clients": {"phone": {}},
        }
        variables = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": "{{ inventory_dir }}/hosts/{{ inventory_hostname }}/python",
            "wireguard_networks": {"home": network},
        }
        inventory = {
            "all": {"vars": variables},
            "wg_hub": {"hosts": {"hub1": {"wireguard_endpoint": "vpn.example.org"}}},
            "wg_spoke": {"hosts": dict.fromkeys(HOSTS[1:])},
        }
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))

    def etc(self, host: str) -> Path:
        return self.folder / "hosts" / host / "wireguard"

    def run(self, playbook: str, *arguments: str) -> int:
        command = ["ansible-playbook", "-i", "inventory.yml", f"cryptokey.wireguard.{playbook}", "-vvvv", "--diff"]
        done = subprocess.run(
            [*ISOLATED, *command, *arguments],
            cwd=self.folder,
            env=environment(
                self.folder,
                ANSIBLE_INJECT_INVOCATION="1",  # what all versions before ansible-core 2.21 do
                ANSIBLE_KEEP_REMOTE_FILES="1",
                ANSIBLE_LOG_PATH=str(self.folder / "ansible.log"),
                ANSIBLE_PIPELINING="0",
                ANSIBLE_REMOTE_TEMP=str(self.folder / "remote"),
                TMPDIR=str(self.folder),
            ),
            capture_output=True,
            check=False,
            timeout=300,
        )
        self.outputs.append((" ".join([playbook, *arguments]), done.stdout + done.stderr))
        return done.returncode

    def keys(self) -> dict[str, str]:
        """Every key there is, in base64: what is in the hosts' files, and in the clients'."""
        found = {"the pair's key": PAIR_KEY}
        for host in HOSTS:
            for line in self.conf(host).read_text().splitlines():
                name, _equals, value = line.partition(" = ")
                if name in ("PrivateKey", "PresharedKey"):
                    found[f"{name} {len(found)} of {host}"] = value
        for path in self.clients.rglob("*.conf"):
            for line in path.read_text().splitlines():
                name, _equals, value = line.partition(" = ")
                if name in ("PrivateKey", "PresharedKey"):
                    found[f"{name} {len(found)} of a client"] = value
        return found

    def conf(self, host: str) -> Path:
        return self.etc(host) / "wgleak0.conf"

    def key_file(self, host: str) -> Path:
        return self.etc(host) / "private" / "wgleak0.key"

    def found(self, keys: dict[str, str]) -> list[str]:
        """Where keys are outside of the files that are made for them, and of the inventory, which has the pair's."""
        own = [self.folder / "inventory.yml", self.clients, *map(self.conf, HOSTS), *map(self.key_file, HOSTS)]
        wanted = {**spellings(keys), "the secret": SECRET.encode()}
        printed = [hit for place, output in self.outputs for hit in hits(place, output, wanted)]
        return [*printed, *find(self.folder, wanted, own)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Set up for real, and its keys made."""
    made = Site(tmp_path_factory.mktemp("site"))
    assert made.run("site", *CONFIG_ONLY) == 0, made.outputs[-1][1].decode()
    assert made.run("clients") == 0, made.outputs[-1][1].decode()
    assert made.run("site", *CONFIG_ONLY) == 0, made.outputs[-1][1].decode()
    return made


def test_the_search_finds_what_is_there(site: Site) -> None:
    """Public keys, of the same form, are in the output, and private ones in the files that the search leaves out."""
    keys = site.keys()
    assert len(keys) >= 3 + 2 * 3 + 2
    private = site.key_file("hub1").read_text().strip()
    assert parse_private_key(private)
    holders = {hit.partition(": ")[0] for hit in find(site.folder, spellings({"hub1": private}))}
    assert holders == {str(site.conf("hub1")), str(site.key_file("hub1"))}
    registry = yaml.safe_load((site.folder / "wireguard_registry" / "home.yml").read_text())
    public = spellings({"hub1": registry["hosts"]["hub1"]["public_key"]})
    assert any(hits(place, output, public) for place, output in site.outputs)
    remains = [path for path in files(site.folder / "remote") if path.name.startswith("AnsiballZ_member")]
    assert any(hits("", path.read_bytes(), public) for path in remains)


def test_no_key_is_anywhere_after_every_playbook(site: Site) -> None:
    keys = site.keys()
    for playbook in sorted(path.stem for path in PLAYBOOKS.glob("*.yml")):
        site.run(playbook, "--check", *EXTRA)
        if playbook not in ("offboard", "remove"):
            site.run(playbook, *CONFIG_ONLY, *EXTRA)
    # What these have taken down is made again, with other keys.
    assert site.found({**keys, **site.keys()}) == []


def test_no_key_is_told_by_what_fails(site: Site) -> None:
    keys = site.keys()
    hub, office, phonebox = HOSTS
    text = site.conf(hub).read_text()
    site.conf(hub).write_text(text.replace("PrivateKey", "PrivatKey").replace("PresharedKey = ", "PresharedKey = x"))
    site.key_file(office).chmod(0o644)
    private = site.key_file(phonebox).read_text()
    site.key_file(phonebox).write_text(f"# mine\n{private}")
    assert site.run("site", *CONFIG_ONLY) == 2
    output = site.outputs[-1][1].decode()
    for message in ("other users may have read it", "not a WireGuard key"):
        assert message in output
    site.key_file(office).chmod(0o600)
    site.key_file(phonebox).write_text(private)
    assert site.run("site", *CONFIG_ONLY) == 2
    assert "neither wg nor wg-quick knows" in site.outputs[-1][1].decode()
    site.conf(hub).write_text(text)
    assert site.run("site", *CONFIG_ONLY) == 0
    assert site.found(keys) == []
