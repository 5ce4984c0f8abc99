# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin in real playbook runs, on hosts whose finds are preset, so that none is contacted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config_info import describe_files
from ansible_collections.cryptokey.wireguard.tests.unit.adopt.finds import STATE, file_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import (
    TODAY,
    Inventory,
    example,
    key_of,
    options_of,
)
from ansible_collections.cryptokey.wireguard.tests.unit.runs import environment

REPORTED = {"files": "adopt_files", "running": "adopt_running"}


class Site:
    """Hosts of an example that were set up by hand, and an inventory that knows no more of them than their names."""

    def __init__(self, directory: Path, inventory: Inventory) -> None:
        self.directory = directory
        self.arguments: dict[str, Any] = {}
        self.hosts: dict[str, dict[str, Any]] = {}
        for name, plan in options_of(inventory.plan()).items():
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

    def add(self, host: str, **files: str) -> None:
        """A host with these files by the names of their interfaces, none of which runs, as its modules report them."""
        directory = self.directory / "etc" / host
        directory.mkdir(parents=True)
        for name, text in files.items():
            path = directory / f"{name}.conf"
            path.write_text(text)
            path.chmod(0o600)
        unreadable: list[dict[str, Any]] = []
        described = describe_files(list(files), managed=True, directory=str(directory), unreadable=unreadable)
        self.hosts[host] = {
            "adopt_files": {"files": described, "unreadable": unreadable},
            "adopt_running": {"interfaces": []},
            "adopt_keys": {"results": [{"public_key": file["public_key"]} for file in described]},
        }

    def run(self, *arguments: str) -> tuple[int, str]:
        tasks = [
            {"cryptokey.wireguard._adopt": {**REPORTED, **self.arguments}, "run_once": True},
            {"cryptokey.wireguard._adopt": {**REPORTED, **self.arguments, "keys": "adopt_keys"}, "run_once": True},
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
    plans = options_of(again.plan(today=TODAY))
    found = options_of(example("clients.yml").plan())
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
    assert f"hub1: {path}: already exists and differs in wireguard_alias; remove the file" in output
    assert path.read_text() == before
    site.arguments = {"overwrite": True}
    assert site.run()[0] == 0
    assert "wireguard_alias" not in path.read_text()


def test_a_file_that_ansible_would_no_longer_read_is_not_shadowed(site: Site) -> None:
    (site.directory / "host_vars").mkdir()
    (site.directory / "host_vars" / "hub1.yml").write_text("x: 1\n")
    code, output = site.run()
    assert code == 2
    assert "Ansible ignores this file if the directory hub1 exists" in output
    assert site.written() == ["host_vars/hub1.yml"]
    site.arguments = {"directory": "elsewhere"}
    assert site.run()[0] == 0
    assert "elsewhere/wireguard_registry/wg0.yml" in site.written()


def test_variables_that_say_something_else_are_refused(site: Site) -> None:
    site.hosts["server"]["wireguard_addresses"] = ["10.8.0.5"]
    code, output = site.run()
    assert code == 2
    assert "server: wireguard_addresses ['10.8.0.5']: is already defined, but the host has" in output
    assert site.written() == []


def test_nothing_is_written_unless_every_host_has_its_key_in_place(site: Site) -> None:
    site.hosts["server"]["adopt_keys"] = {}
    code, output = site.run()
    assert code == 2
    assert (
        f"server: wg0 '{key_of('server')}': this key was not written to its file; read the error of that task" in output
    )
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


PROVIDER = """\
[Interface]
PrivateKey = YD0z48BZ9NcyQf/dubGfaso62isHAViGgUPC0sE2G2M=
Address = 10.2.0.2/32, 2a07:b944::2:2/128
DNS = 10.2.0.1, 2a07:b944::2:1

[Peer]
PublicKey = 6o+LJwo7U6JWAFiGQVmj6C2MNP/fOMIS1POazcm0lGE=
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = exit.example.net:51820
"""


def test_the_client_of_a_provider_is_adopted_next_to_other_networks(site: Site) -> None:
    site.add("box", wg0=PROVIDER)
    code, output = site.run()
    assert code == 0, output
    networks = site.read("group_vars/all/wireguard.yml")["wireguard_networks"]
    (other,) = set(networks) - {"wg0"}
    assert [sorted(network.get("clients", ())) for network in networks.values()].count(["server_exit"]) == 1
    assert site.read("host_vars/box/wireguard.yml") == {
        "wireguard_addresses": ["10.2.0.2", "2a07:b944::2:2"],
        "wireguard_persistent_keepalive": 0,
        "wireguard_peers": {
            "server_exit": {"allowed_ips": ["0.0.0.0/0", "::/0"], "endpoint": "exit.example.net:51820"}
        },
    }
    assert "wireguard_registry/wg0.yml" in site.written()
    assert f"wireguard_registry/{other}.yml" in site.written()
    code, output = site.run()
    assert (code, "changed=0" in output) == (0, True), output


def test_what_cannot_be_adopted_is_named_and_the_others_go_on(site: Site) -> None:
    site.add("box", wg0=PROVIDER, wg1=PROVIDER.replace("[Peer]", "[Peers]"))
    site.add("bad", wg0="[Interface]\n  SaveConfig = true\n")
    site.hosts["odd"] = {"adopt_files": {"files": [{"interface": []}]}, "adopt_running": {"interfaces": "x"}}
    code, output = site.run()
    assert code == 2, output
    etc = site.directory / "etc"
    said = [
        f"box: {etc}/box/wg1.conf line 6 column 1 '[Peers]': there is no such section; write [Peer]",
        f"bad: {etc}/bad/wg0.conf line 2 column 3 'SaveConfig = true': wg-quick would overwrite the file",
        "odd: files[0].interface 'a list': the host's answer is invalid: expected a string; check the host",
    ]
    # In the report, and at the end.
    assert [output.replace("\\n", "\n").count(text) >= 2 for text in said] == [True] * 3, output
    hosts = [f"host_vars/{host}/wireguard.yml" for host in ("box", "hub1", "server")]
    assert [path for path in site.written() if path.startswith("host_vars")] == hosts
    before = {path: site.read(path) for path in site.written()}
    assert site.run()[0] == 2
    assert {path: site.read(path) for path in site.written()} == before


def test_a_spoke_that_is_left_out_is_a_client_of_its_hub_until_it_is_adopted(site: Site) -> None:
    site.file("server")["save_config"] = "/etc/wireguard/wg0.conf line 3"
    code, output = site.run()
    assert code == 2
    assert "server: /etc/wireguard/wg0.conf line 3: SaveConfig = true; remove the line" in output
    (note,) = {line.strip() for line in output.splitlines() if line.startswith("  hub1: the peer server wg0 is not")}
    name = note.partition("becomes the client ")[2].partition(".")[0]
    network = site.read("group_vars/all/wireguard.yml")["wireguard_networks"]["wg0"]
    assert network["clients"][name]["public_key"] == key_of("server")
    site.file("server")["save_config"] = None
    site.arguments = {"overwrite": True}
    code, output = site.run()
    assert code == 0, output
    assert name not in site.read("group_vars/all/wireguard.yml")["wireguard_networks"]["wg0"]["clients"]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda site: site.hosts["server"].update(adopt_keys={}), "server: wg0 "),
        (lambda site: site.hosts["hub1"].update(wireguard_addresses=["10.8.0.5"]), "hub1: wireguard_addresses "),
    ],
)
def test_a_network_that_cannot_be_written_down_leaves_the_others_alone(
    site: Site, spoil: Callable[[Site], object], problem: str
) -> None:
    site.add("box", wg0=PROVIDER)
    spoil(site)
    code, output = site.run()
    assert code == 2
    assert problem in output
    written = site.written()
    assert "host_vars/box/wireguard.yml" in written
    assert "host_vars/hub1/wireguard.yml" not in written
    assert [path.partition("/")[0] for path in written].count("wireguard_registry") == 1
