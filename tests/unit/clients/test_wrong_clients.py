# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that is wrong by itself is refused by name, and the others get their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.unit.clients.running import Site

SEARCH = (
    "wireguard_networks.home.clients.phone.dns_search 'corp.example': there is no name server for it; give dns as well"
)
MTU = (
    "wireguard_networks.home.clients.tablet.mtu 'small': out of range or not a number; give a number from 576 to 65535"
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.clients.update(laptop={}, phone={"dns_search": ["corp.example"]}, tablet={"mtu": "small"})
    return site


def test_one_wrong_client_does_not_keep_the_others_from_their_files(site: Site) -> None:
    run = site.run("clients")
    assert run.code == 2, run.output
    assert SEARCH in run.output
    assert MTU in run.output
    assert sorted(path.name for path in site.folder.iterdir()) == ["laptop.conf", "laptop.png"]
    assert "laptop:" in site.registry.read_text()
    named = site.run("clients", "-e", "wireguard_client=laptop")
    assert (named.code, named.changed) == (0, False), named.output
    assert site.run("clients", "-e", "wireguard_client=phone").code == 2


def test_a_wrong_client_keeps_its_record(site: Site) -> None:
    del site.clients["tablet"]
    search = site.clients["phone"].pop("dns_search")
    assert site.run("clients").code == 0
    before = site.registry.read_text()
    assert "phone:" in before
    site.clients["phone"]["dns_search"] = search
    assert site.run("clients").code == 2
    assert site.registry.read_text() == before


def test_a_run_for_the_hosts_refuses_it_before_any_key_is_made(site: Site) -> None:
    run = site.run("site", "--check")
    assert run.code == 2
    # What is wrong with one option is refused before what several are together.
    assert MTU in run.output
    del site.clients["tablet"]
    run = site.run("site", "--check")
    assert run.code == 2
    assert SEARCH in run.output
    assert "Create the key pair" not in run.output


def test_name_servers_do_not_depend_on_the_name_of_the_hosts_interface(site: Site) -> None:
    site.network["interface"] = "vpn.home"
    site.clients.clear()
    site.clients["phone"] = {"dns": ["10.8.0.1"]}
    assert site.run("clients").code == 0
    assert "DNS = 10.8.0.1" in (site.folder / "phone.conf").read_text()
