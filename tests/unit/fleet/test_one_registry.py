# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One network, one definition, one registry: whichever hosts there are, however they sort, and in whatever order the
inventories are given. Real runs that contact no host."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.raw import find_difference, mentioned
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import addresses
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment

HOME = {"home": {"prefixes": ["10.8.0.0/24"]}}
OFFICES = """
all:
  children:
    site_a:
      vars: {wireguard_networks: {office: {prefixes: [10.1.0.0/24], topology: mesh, members: site_a}}}
      hosts: {a1: {wireguard_endpoint: 192.0.2.1}, a2: {wireguard_endpoint: 192.0.2.2}}
    site_b:
      vars: {wireguard_networks: {office: {prefixes: [10.2.0.0/24], topology: mesh, members: site_b}}}
      hosts: {b1: {wireguard_endpoint: 192.0.2.3}, b2: {wireguard_endpoint: 192.0.2.4}}
"""


class Inventories:
    """Directories with an inventory each, and runs over some of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.play: dict[str, Any] = {"hosts": "all", "gather_facts": False}
        self.task: dict[str, Any] = {}

    def write(self, name: str, inventory: dict[str, Any]) -> None:
        """Every host has a key, as if its ``keypair`` task had returned it."""
        for entry in inventory.values():
            for host in entry.get("hosts") or {}:
                variables = {"keypair": {"public_key": key_of(host)}, **(entry["hosts"][host] or {})}
                entry["hosts"][host] = variables
        (self.directory / name).mkdir(exist_ok=True)
        (self.directory / name / "hosts.yml").write_text(yaml.safe_dump(inventory))

    def write_both(self) -> None:
        """A data centre whose network there is, and a cloud whose hosts sort first."""
        hub, spokes = {"m-hub": {"wireguard_endpoint": "vpn.example.org"}}, {"alpha": None, "beta": None}
        networks = {"vars": {"wireguard_networks": HOME}}
        self.write("dc", {"all": networks, "wg_hub": {"hosts": hub}, "wg_spoke": {"hosts": spokes}})
        second = {"a-hub": {"wireguard_endpoint": "vpn2.example.org"}}
        self.write("cloud", {"wg_hub": {"hosts": second}, "wg_spoke": {"hosts": {"aardvark": None}}})

    def run(self, *arguments: str, playbook: str = "play.yml", **settings: str) -> Run:
        module = {"cryptokey.wireguard._registry": {"keypairs": "keypair"}}
        plan = {"name": "Plan", **module, "run_once": True, **self.task}
        (self.directory / "play.yml").write_text(yaml.safe_dump([{**self.play, "tasks": [plan]}]))
        done = subprocess.run(
            ["ansible-playbook", "-v", *arguments, playbook],
            cwd=self.directory,
            env=environment(self.directory, **settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Run(done.returncode, done.stdout + done.stderr)

    @property
    def registries(self) -> list[str]:
        found = [path for path in self.directory.rglob("home.yml") if ".ansible" not in path.parts]
        return sorted(str(path.parent.relative_to(self.directory)) for path in found)


@pytest.fixture
def inventories(tmp_path: Path) -> Inventories:
    return Inventories(tmp_path)


DC, CLOUD = ("-i", "dc"), ("-i", "cloud")


def test_a_second_inventory_directory_leaves_the_registry_and_the_addresses_where_they_are(
    inventories: Inventories,
) -> None:
    inventories.write_both()
    first = inventories.run(*DC)
    assert first.code == 0, first.output
    assert inventories.registries == ["dc/wireguard_registry"]
    for order in ((*DC, *CLOUD), (*CLOUD, *DC), (*CLOUD, *DC, "--limit", "aardvark")):
        both = inventories.run(*order)
        assert both.code == 0, both.output
        assert inventories.registries == ["dc/wireguard_registry"]
        found = addresses(both, 0)
        assert {host: found[host] for host in addresses(first, 0)} == addresses(first, 0)


def test_the_files_of_clients_are_where_the_registry_is(inventories: Inventories) -> None:
    inventories.write_both()
    assert inventories.run(*DC).code == 0
    assert inventories.run(*DC, *CLOUD).code == 0
    for order in ((*DC, *CLOUD), (*CLOUD, *DC)):
        given = json.dumps({"wireguard_networks": {"home": {**HOME["home"], "clients": {"phone": {}}}}})
        made = inventories.run(*order, "-e", given, playbook="cryptokey.wireguard.clients")
        assert made.code == 0, made.output
    assert [path.parent.name for path in inventories.directory.rglob("wireguard_clients")] == ["dc"]
    refused = inventories.run(
        *DC, "-e", "wireguard_clients_directory=~no-such-user/x", playbook="cryptokey.wireguard.clients"
    )
    assert refused.code == 2
    assert "wireguard_clients_directory '~no-such-user/x': ~no-such-user has no home directory here" in refused.said


@pytest.mark.parametrize("limit", [(), ("--limit", "alpha"), ("--limit", "m-hub")])
def test_their_directory_is_for_all_hosts(inventories: Inventories, limit: tuple[str, ...]) -> None:
    inventories.write_both()
    path = inventories.directory / "dc" / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    hosts = inventory["wg_spoke"]["hosts"]
    hosts["alpha"]["wireguard_clients_directory"] = "one"
    inventory["all"]["vars"]["wireguard_networks"] = {"home": {**HOME["home"], "clients": {"phone": {}}}}
    path.write_text(yaml.safe_dump(inventory))
    assert inventories.run(*DC).code == 0
    made = inventories.run(*DC, *limit, playbook="cryptokey.wireguard.clients")
    assert made.code == 0, made.output
    assert (inventories.directory / "dc" / "one" / "phone.conf").exists()
    hosts["beta"]["wireguard_clients_directory"] = "two"
    path.write_text(yaml.safe_dump(inventory))
    refused = inventories.run(*DC, *limit, playbook="cryptokey.wireguard.clients")
    assert refused.code == 2
    assert "wireguard_clients_directory: alpha and beta define it differently" in refused.said


def test_a_source_without_hosts_is_no_place_unless_the_registry_is_there(inventories: Inventories) -> None:
    inventories.write_both()
    (inventories.directory / "shared").mkdir()
    (inventories.directory / "shared" / "vars.yml").write_text("all: {vars: {region: 1}}\n")
    for order in (("-i", "shared", *DC), (*DC, "-i", "shared")):
        run = inventories.run(*order)
        assert run.code == 0, run.output
    assert inventories.registries == ["dc/wireguard_registry"]
    (inventories.directory / "dc" / "wireguard_registry").rename(
        inventories.directory / "shared" / "wireguard_registry"
    )
    assert not inventories.run(*DC, "-i", "shared").changed
    assert inventories.registries == ["shared/wireguard_registry"]


def test_where_it_could_be_in_either_the_run_is_refused_until_it_is_said(inventories: Inventories) -> None:
    inventories.write_both()
    for order in ((*DC, *CLOUD), (*CLOUD, *DC)):
        refused = inventories.run(*order)
        assert refused.code == 2
        directory = inventories.directory
        assert (
            "wireguard_registry 'wireguard_registry': the inventory has several directories, so the path could be "
            f"{directory}/cloud/wireguard_registry (host a-hub) or {directory}/dc/wireguard_registry (host alpha); "
            "none of them exists; set wireguard_registry to an absolute path"
        ) in refused.said
        assert inventories.registries == []
    given = inventories.run(*DC, *CLOUD, "-e", f"wireguard_registry={inventories.directory}/elsewhere")
    assert given.code == 0, given.output
    assert inventories.registries == ["elsewhere"]


def test_a_network_that_two_directories_have_is_refused(inventories: Inventories) -> None:
    inventories.write_both()
    inventories.run(*DC)
    (inventories.directory / "dc" / "wireguard_registry").rename(inventories.directory / "kept")
    (inventories.directory / "cloud" / "wireguard_registry").mkdir()
    (inventories.directory / "cloud" / "wireguard_registry" / "home.yml").write_text("---\nhosts: {}\n")
    (inventories.directory / "kept").rename(inventories.directory / "dc" / "wireguard_registry")
    refused = inventories.run(*CLOUD, *DC)
    assert refused.code == 2
    assert "both exist; set wireguard_registry to an absolute path, and remove the wrong one" in refused.said


@pytest.mark.parametrize("limit", [(), ("--limit", "site_a"), ("--limit", "b2")])
def test_definitions_that_differ_by_group_are_refused_whoever_runs(
    inventories: Inventories, limit: tuple[str, ...]
) -> None:
    inventory = yaml.safe_load(OFFICES)
    (inventories.directory / "dc").mkdir()
    (inventories.directory / "dc" / "hosts.yml").write_text(yaml.safe_dump(inventory))
    refused = inventories.run(*DC, *limit)
    assert refused.code == 2
    assert (
        "wireguard_networks.office.members: a1 and b1 define it differently; define it once, for all hosts, and "
        "list the hosts of each network in hubs, spokes or members"
    ) in refused.said
    assert not (inventories.directory / "dc" / "wireguard_registry").exists()


def test_networks_that_only_some_hosts_define_are_refused(inventories: Inventories) -> None:
    inventory = yaml.safe_load(OFFICES)
    networks = inventory["all"]["children"]["site_b"]["vars"]["wireguard_networks"]
    networks["other"] = networks.pop("office")
    inventories.write("dc", {})
    (inventories.directory / "dc" / "hosts.yml").write_text(yaml.safe_dump(inventory))
    refused = inventories.run(*DC, "--limit", "site_b")
    assert refused.code == 2
    assert "wireguard_networks.office: a1 and b1 define it differently" in refused.said


def test_one_text_with_several_values_is_refused_and_with_one_value_it_is_not(inventories: Inventories) -> None:
    inventories.write_both()
    path = inventories.directory / "dc" / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    inventory["all"]["vars"] |= {
        "wireguard_networks": {"home": {"prefixes": ["{{ base }}.0/24"], "preshared_secret": "{{ secret }}"}},
        "base": "{{ region }}.0",
        "region": "10.8",
        "secret": "correct horse battery staple",
    }
    path.write_text(yaml.safe_dump(inventory))
    assert inventories.run(*DC).code == 0
    # Another text with the same value.
    inventory["wg_spoke"]["hosts"]["beta"]["region"] = "10.{{ 4 * 2 }}"
    path.write_text(yaml.safe_dump(inventory))
    assert inventories.run(*DC).code == 0
    inventory["wg_spoke"]["hosts"]["beta"]["secret"] = "another secret, and quite a long one"
    path.write_text(yaml.safe_dump(inventory))
    refused = inventories.run(*DC, "--limit", "alpha", "-vvv")
    assert refused.code == 2
    assert "wireguard_networks.home.preshared_secret: m-hub and beta define it differently" in refused.said
    assert "correct horse" not in refused.output


def test_the_play_and_the_command_line_go_before_the_inventory(inventories: Inventories) -> None:
    inventories.write_both()
    path = inventories.directory / "dc" / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    inventory["wg_spoke"]["hosts"]["beta"]["wireguard_networks"] = {"home": {"prefixes": ["10.7.0.0/24"]}}
    path.write_text(yaml.safe_dump(inventory))
    given = json.dumps({"wireguard_networks": {"home": {"prefixes": ["10.9.0.0/24"]}}})
    assert inventories.run(*DC).code == 2
    told = inventories.run(*DC, "-e", given)
    assert told.code == 0, told.output
    inventories.play["vars"] = {"wireguard_networks": {"home": {"prefixes": ["10.9.0.0/24"]}}}
    played = inventories.run(*DC)
    assert played.code == 0, played.output
    assert (
        addresses(played, 0)
        == addresses(told, 0)
        == {
            "alpha": ["10.9.0.2/24"],
            "beta": ["10.9.0.3/24"],
            "m-hub": ["10.9.0.1/24"],
        }
    )


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("wireguard_registry", ("one", "two")),
        ("wireguard_registry_cache", ("jsonfile", "yaml")),
        ("wireguard_registry_read_only", (True, "no")),
    ],
)
@pytest.mark.parametrize("limit", [(), ("--limit", "alpha")])
def test_what_is_for_all_hosts_must_be_the_same_for_them(
    inventories: Inventories, variable: str, values: tuple[object, object], limit: tuple[str, ...]
) -> None:
    inventories.write_both()
    path = inventories.directory / "dc" / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    for host, value in zip(("alpha", "beta"), values, strict=True):
        inventory["wg_spoke"]["hosts"][host][variable] = value
    path.write_text(yaml.safe_dump(inventory))
    refused = inventories.run(*DC, *limit)
    assert refused.code == 2
    assert f"{variable}: alpha and beta define it differently; define it once, for all hosts" in refused.said
    assert inventories.registries == []


def test_one_host_alone_may_say_it_for_all(inventories: Inventories) -> None:
    inventories.write_both()
    path = inventories.directory / "dc" / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    inventory["wg_spoke"]["hosts"]["beta"]["wireguard_registry"] = "facts"
    path.write_text(yaml.safe_dump(inventory))
    assert inventories.run(*DC, "--limit", "alpha").code == 0
    assert inventories.registries == ["dc/facts"]


def test_a_home_directory_is_that_of_the_user(inventories: Inventories) -> None:
    inventories.write_both()
    home = inventories.directory / "the-home"
    home.mkdir()
    run = inventories.run(*DC, "-e", "wireguard_registry=~/wg-registry", HOME=str(home))
    assert run.code == 0, run.output
    assert inventories.registries == ["the-home/wg-registry"]
    assert not [path for path in inventories.directory.rglob("*") if path.name.startswith("~")]
    refused = inventories.run(*DC, "-e", "wireguard_registry=~no-such-user/x")
    assert refused.code == 2
    assert (
        "wireguard_registry '~no-such-user/x': ~no-such-user has no home directory here; use another user, "
        "or an absolute path"
    ) in refused.said


def test_the_variables_of_a_template_are_found_through_others() -> None:
    variables = {"a": "{{ b | default(c) }}", "b": ["{% if d %}x{% endif %}"], "c": 1, "d": True, "e": "{{ a }}"}
    assert mentioned({"x": ["{{ a }}"]}, variables) & variables.keys() == {"a", "b", "c", "d"}
    assert mentioned({"x": ["{{ missing }}"]}, variables) == {"missing"}
    assert mentioned({"x": "a b c"}, variables) == set()


def test_the_first_difference_is_named() -> None:
    assert find_difference("n", {"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == "n.a.c"
    assert find_difference("n", {"a": {"b": 1}}, {"a": {"b": 1}, "b": None}) == "n.b"
    assert find_difference("n", [1], [2]) == "n"


def test_a_member_without_the_definition_is_refused_before_it_is_touched(inventories: Inventories) -> None:
    hub = {"hub": {"wireguard_endpoint": "vpn.example.org"}}
    spokes = {
        "s1": {},
        "s2": {"wireguard_networks": "{{ home_networks }}"},
        "s3": {"wireguard_networks": "{{ home_networks | default(omit) }}"},
    }
    groups = {"wg_hub": {"hosts": hub, "vars": {"wireguard_networks": HOME}}, "wg_spoke": {"hosts": spokes}}
    inventories.write("dc", groups)
    for limit in ((), ("--limit", "hub"), ("--limit", "s1")):
        refused = inventories.run(*DC, *limit)
        assert refused.code == 2
        assert (
            "s1, s3: wireguard_networks: not defined for this host, which is a member of home; define it for all "
            "hosts, such as in group_vars/all"
        ) in refused.said
        assert "s2: wireguard_networks: cannot be templated: " in refused.said
        assert inventories.registries == []
    # With -e, or from the play, all of them have it.
    given = inventories.run(*DC, "-e", json.dumps({"wireguard_networks": HOME}))
    assert given.code == 0, given.output
    inventories.play["vars"] = {"wireguard_networks": HOME}
    played = inventories.run(*DC, "--limit", "s1")
    assert played.code == 0, played.output


@pytest.mark.parametrize("place", ["play", "task"])
def test_variables_of_a_play_that_only_the_inventory_can_have_are_refused(inventories: Inventories, place: str) -> None:
    inventories.write_both()
    given = {"wireguard_registry": "elsewhere", "wireguard_mtu": 1380, "wireguard_networks": HOME}
    getattr(inventories, place)["vars"] = given
    for limit in ((), ("--limit", "alpha")):
        refused = inventories.run(*DC, *limit)
        assert refused.code == 2
        for name, where in (("wireguard_mtu", "host_vars or group_vars"), ("wireguard_registry", "group_vars/all")):
            assert (
                f"{name}: set in the variables of a play, a role or a task, where it is ignored; set it in the "
                f"inventory, such as in {where}, or with -e"
            ) in refused.said
        assert "wireguard_networks" not in refused.output
        assert inventories.registries == []


def test_variables_of_a_play_that_change_nothing_are_let_pass(inventories: Inventories) -> None:
    """What is not given, what playbooks read, what a fact says, and what -e or the inventory gives all the same."""
    inventories.write_both()
    path = inventories.directory / "dc" / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    inventory["all"]["vars"]["wireguard_mtu"] = 1380
    path.write_text(yaml.safe_dump(inventory))
    inventories.play["vars"] = {
        "wireguard_mtu": 1380,
        "wireguard_registry": "elsewhere",
        "wireguard_registry_cache": None,
        "wireguard_dns": "",
        "wireguard_hosts": "all",
    }
    inventories.play["pre_tasks"] = [{"ansible.builtin.set_fact": {"wireguard_alias": "vpn"}}]
    run = inventories.run(*DC, "-e", "wireguard_registry=facts")
    assert run.code == 0, run.output
    assert inventories.registries == ["dc/facts"]
    assert {plan["options"]["alias"] for (plan,) in run.results[-1]["hosts"].values()} == {"vpn"}
