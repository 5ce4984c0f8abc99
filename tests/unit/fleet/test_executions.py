# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tasks a run of site.yml starts on each host. Each costs about as much as a ping, a skipped one a part."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.managed import CONFIG_ONLY, Managed
from ansible_collections.cryptokey.wireguard.tests.unit.runs import counting, read_executions

HOSTS = ("hub1", "hub2", "office", "server")
INVENTORY = """
all:
  vars:
    wireguard_networks:
      home: {prefixes: [10.8.0.0/24], preshared_secret: "not a secret, but 32 characters."}
      side: {prefixes: [10.9.0.0/24], topology: mesh, members: side, interface: wg1}
  hosts: {aside: {ansible_connection: local}}
wg_hub: {hosts: {hub1: {wireguard_endpoint: a.example.org}, hub2: {wireguard_endpoint: b.example.org}}}
wg_spoke: {hosts: {office: null, server: null}}
side: {hosts: {office: {wireguard_overrides: {side: {endpoint: 192.0.2.1}}}, server: }}
"""
UPDATE = "cryptokey.wireguard.network : Update this member"


@pytest.fixture
def site(tmp_path: Path) -> Managed:
    made = Managed(tmp_path, *HOSTS)
    made.inventory = yaml.safe_load(INVENTORY)
    return made


def run(site: Managed, *arguments: str) -> dict[str, list[str]]:
    (site.directory / "inventory.yml").write_text(yaml.safe_dump(site.inventory))
    command = ["ansible-playbook", "-i", "inventory.yml", "cryptokey.wireguard.site", *CONFIG_ONLY, *arguments]
    done = site.call(command, **counting(site.directory))
    assert done.code == 0, done.output
    return read_executions(site.directory)


def once(*hosts: str) -> dict[str, list[str]]:
    return {host: [UPDATE] for host in hosts}


def test_one_on_each_member_if_nothing_has_changed_and_none_elsewhere(site: Managed) -> None:
    first = run(site)
    # Its keys, then all the rest, and each time the handlers.
    assert [first[host].count(UPDATE) for host in HOSTS] == [2, 2, 2, 2]
    assert run(site) == once(*HOSTS)
    assert run(site, "--check") == once(*HOSTS)
    assert run(site, "--limit", "hub2,server") == once("hub2", "server")


def test_a_new_member_costs_one_more_on_it_and_its_peers(site: Managed) -> None:
    run(site)
    site.add("new")
    site.inventory["wg_spoke"]["hosts"]["new"] = {"wireguard_hub": "hub1"}
    counts = {host: started.count(UPDATE) for host, started in run(site).items()}
    # The other hub has to know only behind which hub the new address is.
    assert counts == {"hub1": 2, "hub2": 1, "new": 2, "office": 1, "server": 1}
