# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/plan.yml and the filters in real runs, also on an inventory whose groups come from labels."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.sealed import open_peers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import derive
from ansible_collections.cryptokey.wireguard.tests.unit.clients.running import SECRET, Site
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import EXAMPLES, key_of
from ansible_collections.cryptokey.wireguard.tests.unit.runs import environment


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path)
    found.clients["phone"] = {"public_key": key_of("phone")}
    # Nobody answers there, and there is no ssh to ask with.
    found.inventory["wg_hub"]["hosts"]["hub1"]["ansible_host"] = "192.0.2.1"
    found.environment["ANSIBLE_SSH_EXECUTABLE"] = "/bin/false"
    return found


def cells(output: str) -> list[list[str]]:
    """The lines of the table below its head."""
    lines = output.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("MEMBER"))
    end = lines.index("", start)
    return [re.split("  +", line) for line in lines[start + 1 : end]]


def test_the_table_is_shown_and_no_host_contacted(site: Site) -> None:
    before = site.registry.read_text()
    run = site.run("plan")
    assert run.code == 0, run.output
    assert "unreachable=0    failed=0" in run.output
    rows = cells(run.output)
    assert [row[:2] for row in rows] == [["hub1", "hub"], ["phone", "client"]]
    assert rows[1][-4:-2] == ["hub1", "vpn.example.org:51820"]
    assert site.registry.read_text() == before


def test_a_graph_is_written_to_a_file(site: Site) -> None:
    target = site.directory / "net.mmd"
    arguments = ("-e", "wireguard_format=mermaid", "-e", "wireguard_file=net.mmd")
    checked = site.run("plan", "--check", "--diff", *arguments)
    assert checked.changed
    assert "+    n_home_phone --> n_home_hub1" in checked.output
    assert not target.exists()
    assert site.run("plan", *arguments).changed
    assert target.read_text().startswith("flowchart LR\n")
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert not site.run("plan", *arguments).changed
    run = site.run("plan", "-e", "wireguard_format=dot")
    assert "\ndigraph wireguard {\n" in run.output
    assert site.run("plan", "-e", "wireguard_format=svg").code == 2


def test_a_page_is_written_to_a_file(site: Site) -> None:
    target = site.directory / "net.html"
    arguments = ("-e", "wireguard_format=html", "-e", "wireguard_file=net.html")
    checked = site.run("plan", "--check", "--diff", *arguments)
    assert checked.changed
    assert "<html" not in checked.output
    assert not target.exists()
    run = site.run("plan", *arguments)
    assert run.code == 0, run.output
    text = target.read_text()
    assert "<title>WireGuard plan</title>" in text
    assert "hub and spoke" in text
    assert "cryptokey.wireguard 1." in text
    assert all(f">{name}</a>" in text for name in ("hub1", "phone"))
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    refused = site.run("plan", "-e", "wireguard_format=html")
    assert refused.code == 2
    assert "a page is not shown in the terminal; name a file with -e wireguard_file=PATH" in refused.output


def play(site: Site, *tasks: dict[str, Any]) -> list[Any]:
    """The messages of ``debug`` tasks in a playbook that has planned."""
    first = {"cryptokey.wireguard.plan": {}, "run_once": True, "register": "network_plan"}
    content = [{"hosts": "hub1", "gather_facts": False, "tasks": [first, *tasks]}]
    (site.directory / "play.yml").write_text(yaml.safe_dump(content))
    (site.directory / "inventory.yml").write_text(yaml.safe_dump(site.inventory))
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventory.yml", "play.yml", "--vault-password-file", "password"],
        cwd=site.directory,
        env={**site.environment, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = done.stdout.split("hub1 | SUCCESS => ")[2:]
    return [json.loads(part)["msg"] for part in parts]


def debug(expression: str) -> dict[str, Any]:
    return {"ansible.builtin.debug": {"msg": "{{ " + expression + " }}"}}


def test_the_filters(site: Site) -> None:
    table, graph, dot, host = play(
        site,
        debug("network_plan | cryptokey.wireguard.plan_table"),
        debug("network_plan | cryptokey.wireguard.plan_graph"),
        debug("network_plan | cryptokey.wireguard.plan_graph('dot')"),
        debug("network_plan | cryptokey.wireguard.plan_host(inventory_hostname)"),
    )
    assert table.startswith("Network home\n\nMEMBER")
    assert graph.endswith("    n_home_phone --> n_home_hub1\n")
    assert dot.startswith("digraph wireguard {\n")
    assert host.startswith("hub1, wg0 in home\n")
    assert key_of("phone") in host


@pytest.mark.parametrize("named", [True, False])
def test_preshared_keys_from_a_vaulted_secret(site: Site, named: bool) -> None:
    if named:
        site.preshare()
    else:
        site.network["preshared_secret"] = SECRET
    hub = PrivateKey(b"the hub's private key".ljust(32, b"."))
    site.registry.write_text(yaml.safe_dump({"hosts": {"hub1": {"public_key": str(public_key_of(hub))}}}))
    expression = (
        "(network_plan.hosts.hub1[0].options.peers | cryptokey.wireguard.with_preshared_keys("
        f"inventory_hostname, '{public_key_of(hub)}', wireguard_networks.home, 'home'))[0].preshared_key"
    )
    (sealed,) = play(site, debug(expression))
    phone = key_of("phone")
    (opened,) = open_peers([{"public_key": phone, "preshared_key": sealed}], hub, check_mode=False)
    assert opened["preshared_key"] == derive(SECRET.encode(), "home", (public_key_of(hub), parse_public_key(phone)))


def test_groups_from_labels_give_a_working_network(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "constructed", tmp_path / "inventory")
    settings = environment(tmp_path, ANSIBLE_SSH_EXECUTABLE="/bin/false")
    command = ["ansible-playbook", "-i", "hosts.yml", "-i", "labels.constructed.yml", "cryptokey.wireguard.plan"]
    done = subprocess.run(
        command, cwd=tmp_path / "inventory", env=settings, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = cells(done.stdout)
    assert [[row[0], row[1].partition(",")[0], row[3], row[4]] for row in rows] == [
        ["api-1", "host", "gate-eu", "203.0.113.10:51820"],
        ["api-2", "host", "gate-us", "198.51.100.20:51820"],
        ["db-1", "host", "gate-eu", "203.0.113.10:51820"],
        ["gate-eu", "hub", "api-1", "-"],
        ["gate-eu", "hub", "db-1", "-"],
        ["gate-eu", "hub", "gate-us", "198.51.100.20:51820"],
        ["gate-us", "hub", "api-2", "-"],
        ["gate-us", "hub", "gate-eu", "203.0.113.10:51820"],
    ]
    assert "In no network: build-1." in done.stdout
    assert "WARNING" not in done.stdout + done.stderr
