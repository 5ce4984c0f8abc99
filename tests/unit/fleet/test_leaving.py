# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has left is out, whatever else is unknown, and a run that could not do it says where the key still is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.managed import CONFIG_ONLY, Managed

PHONE, TABLET = key_of("phone"), key_of("tablet")
CLIENTS = f"""
          phone: {{public_key: {PHONE}}}
          tablet: {{public_key: {TABLET}}}
"""
INVENTORY = """
all:
  vars:
    wireguard_networks:
      home:
        prefixes: [10.8.0.0/24]
        clients: {clients}
wg_hub: {{hosts: {{hub1: {{wireguard_endpoint: vpn.example.org}}}}}}
wg_spoke: {{hosts: {{{spokes}}}}}
"""


def write(site: Managed, clients: str = CLIENTS, spokes: str = "server: ") -> None:
    site.inventory = yaml.safe_load(INVENTORY.format(clients=clients, spokes=spokes))


@pytest.fixture
def site(tmp_path: Path) -> Managed:
    """All are members, and the hub's file has them."""
    made = Managed(tmp_path, "hub1", "server")
    write(made)
    first = made.run("site", *CONFIG_ONLY)
    assert first.code == 0, first.output
    assert PHONE in made.conf("hub1")
    return made


STOLEN = f"""
          tablet: {{public_key: {TABLET}}}
          visitor:
"""
EXPIRED = f"""
          phone: {{public_key: {PHONE}, valid_until: 2020-01-01}}
          tablet: {{public_key: {TABLET}}}
          visitor:
"""


@pytest.mark.parametrize("clients", [STOLEN, EXPIRED])
def test_a_client_that_has_left_is_removed_while_another_key_is_unknown(site: Managed, clients: str) -> None:
    write(site, clients)
    checked = site.run("site", *CONFIG_ONLY, "--check", "--diff")
    assert checked.code == 0, checked.output
    assert f"-PublicKey = {PHONE}" in checked.output
    run = site.run("site", *CONFIG_ONLY)
    assert run.code == 0, run.output
    assert "No public key is known yet of the clients wireguard_networks.home.clients.visitor." in run.said
    assert "Run cryptokey.wireguard.clients, which makes their keys, or give each the public_key" in run.said
    assert "The role makes" not in run.said
    assert "former keys, with the hosts that may still have them until a run" in run.said
    assert PHONE not in site.conf("hub1")
    assert TABLET in site.conf("hub1")
    assert site.recorded()["former"][PHONE]["name"] == "phone"
    assert site.run("site", *CONFIG_ONLY).changed is False


def test_an_offboarded_host_is_removed_while_another_key_is_unknown(site: Managed) -> None:
    key = site.recorded()["hosts"]["server"]["public_key"]
    write(site, STOLEN)
    run = site.run("offboard", *CONFIG_ONLY, "-e", "wireguard_hosts=server", "-e", "wireguard_gone=true")
    assert run.code == 0, run.output
    assert key not in site.conf("hub1")
    assert site.recorded()["former"][key]["name"] == "server"
    # It is still in the inventory, and has its key: that is refused until it is accepted.
    back = site.run("site", *CONFIG_ONLY)
    assert back.code == 0, back.output
    assert f"server has the public key {key}, which left the network home on " in back.said
    assert key not in site.conf("hub1")
    accepted = site.run("site", *CONFIG_ONLY, "-e", "wireguard_accept_changed_keys=true")
    assert accepted.code == 0, accepted.output
    assert key in site.conf("hub1")
    assert key not in site.recorded()["former"]


@pytest.mark.parametrize("playbook", ["site", "offboard"])
def test_a_run_fails_and_names_the_hosts_where_the_key_still_is(site: Managed, playbook: str) -> None:
    site.unreachable = {"hub1"}
    write(site, STOLEN if playbook == "site" else CLIENTS)
    name, arguments = (
        ("phone", [])
        if playbook == "site"
        else ("server", ["-e", "wireguard_hosts=server", "-e", "wireguard_gone=true"])
    )
    run = site.run(playbook, *CONFIG_ONLY, *arguments)
    assert run.code not in (0, None), run.output
    assert (
        "Former keys are still on hosts that were not reached or failed: hub1 has the key of "
        f"{name} in home. These hosts still accept them."
    ) in run.said
    former = {entry["name"]: entry["hosts"] for entry in site.recorded()["former"].values()}
    assert former == {name: ["hub1"]}


def test_the_playbook_goes_on_with_the_other_peers_when_one_fails(tmp_path: Path) -> None:
    site = Managed(tmp_path, "a1", "a2", "a3")
    network: dict[str, Any] = {"prefixes": ["10.8.0.0/24"], "topology": "mesh"}
    hosts = {name: {"wireguard_endpoint": f"{name}.example.org"} for name in site.hosts}
    site.inventory = {"all": {"vars": {"wireguard_networks": {"home": network}}}, "wg_member": {"hosts": hosts}}
    assert site.run("site", *CONFIG_ONLY).code == 0
    key = site.recorded()["hosts"]["a3"]["public_key"]
    broken = site.etc("a2") / "wg0.conf"
    broken.write_text(broken.read_text().replace("PrivateKey", "PrivatKey"))
    run = site.run("offboard", *CONFIG_ONLY, "-e", "wireguard_hosts=a3", "-e", "wireguard_gone=true")
    assert run.code == 2, run.output
    assert "were not reached or failed: a2 has the key of a3 in home." in run.said
    assert "Brought up to date: a1" in run.output
    assert "Not brought up to date: a2" in run.output
    assert key not in site.conf("a1")
    assert key in site.conf("a2")
