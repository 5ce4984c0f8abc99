# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people write in inventories, in real runs of playbooks that contact no host."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - cryptokey.wireguard.plan: {assume_keys: true, spare_clients: true}
      run_once: true
"""
HUB = "wg_hub: {hosts: {hub1: {wireguard_endpoint: vpn.example.org}}}\n"
# The opening words of each way to give nothing.
NOT_GIVEN = ("{{ nowhere | default(omit) }}", "{{ nowhere | default(none) }}", "{{ nowhere | default('') }}", "", None)
PHONE = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="


class Runs:
    """Runs over an inventory in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def playbook(self, inventory: str | dict[str, Any], playbook: str, *arguments: str) -> Run:
        text = inventory if isinstance(inventory, str) else yaml.safe_dump(inventory)
        (self.directory / "inventory.yml").write_text(text)
        command = ["ansible-playbook", "-v", "-i", "inventory.yml", playbook, *arguments]
        # Ansible before 2.19 wraps warnings and before 2.17 shows them in another place.
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=environment(self.directory),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return Run(done.returncode, done.stdout)

    def look(self, inventory: str | dict[str, Any]) -> Run:
        (self.directory / "play.yml").write_text(PLAY)
        return self.playbook(inventory, "play.yml")

    def plan(self, inventory: str | dict[str, Any]) -> dict[str, Any]:
        run = self.look(inventory)
        assert run.code == 0, run.output
        return dict(run.results[0])


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def refusals(run: Run) -> list[str]:
    """The lines of the message with which the plan failed."""
    assert run.code == 2, run.output
    found = re.search(r"FAILED! => (\{.*\})$", run.output, re.MULTILINE)
    assert found, run.output
    return str(json.loads(found[1])["msg"]).splitlines()


def test_an_endpoint_that_is_omitted_is_none(runs: Runs) -> None:
    for value in NOT_GIVEN:
        plan = runs.plan(
            {
                "all": {"vars": {"wireguard_networks": {"home": {"prefixes": ["10.8.0.0/24"], "topology": "mesh"}}}},
                "wg_member": {
                    "vars": {"wireguard_endpoint": "192.0.2.1" if value is None else "{{ public_ip }}"},
                    "hosts": {
                        "a": {"public_ip": "192.0.2.1"},
                        "b": {"wireguard_endpoint": value},
                        "c": {"public_ip": "192.0.2.3"},
                    },
                },
            }
        )
        peers = {peer["name"]: peer.get("endpoint") for peer in plan["hosts"]["a"][0]["peers"]}
        assert peers["b"] is None
        assert peers["c"] == ("192.0.2.1:51820" if value is None else "192.0.2.3:51820")


def test_what_is_not_given_is_as_if_it_were_not_there(runs: Runs) -> None:
    """Every variable and option, in every way: the plan is the same as without them."""
    options = ["addresses", "alias", "dns", "endpoint_policy", "fwmark", "hub", "listen_port", "mtu", "netns", "peers"]
    options += ["persistent_keepalive", "reresolve", "routes", "site", "subnets", "table", "tunnel", "key_max_age"]
    network = {"prefixes": ["10.8.0.0/24"], "clients": {"phone": {}}}
    inventory: dict[str, Any] = {
        "all": {"vars": {"wireguard_networks": {"home": network}}},
        "wg_hub": {"hosts": {"hub1": {"wireguard_endpoint": "vpn.example.org"}}},
        "wg_spoke": {"hosts": {"s1": {"wireguard_mtu": 1400}, "s2": {}}},
    }
    plain = runs.plan(inventory)
    for value in NOT_GIVEN:
        spokes = inventory["wg_spoke"]["hosts"]
        spokes["s2"] = {f"wireguard_{option}": value for option in options}
        spokes["s1"]["wireguard_overrides"] = {"home": dict.fromkeys(options, value)}
        spokes["s1"]["wireguard_peers"] = {"hub1": dict.fromkeys(("allowed_ips", "endpoint"), value)}
        inventory["all"]["vars"]["wireguard_registry"] = value
        inventory["all"]["vars"]["wireguard_networks"] = {
            "home": {
                "prefixes": ["10.8.0.0/24", value],
                "pools": value,
                "port": value,
                "interface": value,
                "preshared_secret": value,
                "preshared_keys": value,
                "clients": {"phone": dict.fromkeys(("addresses", "mtu", "public_key", "dns", "valid_until"), value)},
            }
        }
        found = runs.plan(inventory)
        assert {name: found[name] for name in ("hosts", "clients")} == {
            name: plain[name] for name in ("hosts", "clients")
        }, value


def test_a_part_that_is_omitted_is_refused(runs: Runs) -> None:
    run = runs.look(
        "all: {vars: {wireguard_networks: {home: {prefixes: [10.8.0.0/24]}}}}\n"
        "wg_hub: {hosts: {hub1: {wireguard_endpoint: '{{ nowhere | default(omit) }}:51820'}}}\n"
        "wg_spoke: {hosts: {s1: }}\n"
    )
    (line,) = refusals(run)
    assert line.startswith("hub1: wireguard_endpoint")


@pytest.mark.parametrize(
    ("clients", "problem"),
    [
        ("no: {}", 'wireguard_networks.home.clients False: YAML reads this name as a boolean; quote it, such as "no"'),
        ("on: {}", 'wireguard_networks.home.clients True: YAML reads this name as a boolean; quote it, such as "yes"'),
        ("1.5: {}", "wireguard_networks.home.clients '1.5': YAML reads this name as a decimal number; quote it"),
        ("2026-01-02: {}", "wireguard_networks.home.clients '2026-01-02': YAML reads this name as a date; quote it"),
        ("~: {}", "wireguard_networks.home.clients 'None': YAML reads this name as null; quote it"),
        ("101: {}, '101': {}", "wireguard_networks.home.clients '101': defined both as a number and as a string"),
    ],
)
def test_a_name_that_is_no_text_is_refused(runs: Runs, clients: str, problem: str) -> None:
    networks = f"{{home: {{prefixes: [10.8.0.0/24], clients: {{{clients}, phone: {{}}}}}}}}"
    (line,) = refusals(runs.look(f"all: {{vars: {{wireguard_networks: {networks}}}}}\n{HUB}"))
    assert line.startswith(problem)


def test_a_number_is_the_name_of_a_client(runs: Runs) -> None:
    plan = runs.plan(
        "all:\n  vars:\n    wireguard_networks:\n      home:\n        prefixes: [10.8.0.0/24]\n"
        "        preshared_keys: [{between: [101, hub1], key: off}]\n        clients:\n"
        "          101: {public_key: HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=}\n"
        f"          phone: {{public_key: {PHONE}}}\n{HUB}"
    )
    assert sorted(plan["clients"]["home"]) == ["101", "phone"]


def test_a_number_is_the_name_of_a_group_a_host_or_a_site(runs: Runs) -> None:
    links = "links: [{from: 7, to: hub1}]"
    plan = runs.plan(
        f"all: {{vars: {{wireguard_networks: {{home: {{topology: custom, prefixes: [10.8.0.0/24], {links}}}}}}}}}\n"
        "'7': {hosts: {'101': {wireguard_site: 12, wireguard_peers: {hub1: {persistent_keepalive: off}}}}}\n"
        "hubs: {hosts: {hub1: {wireguard_endpoint: vpn.example.org,\n"
        "    wireguard_peers: {101: {allowed_ips: [10.9.0.0/24]}}}}}\n"
    )
    assert [peer["name"] for peer in plan["hosts"]["101"][0]["peers"]] == ["hub1"]
    assert plan["hosts"]["hub1"][0]["peers"][0]["allowed_ips"] == ["10.9.0.0/24"]


def test_the_name_of_a_network_is_quoted_where_it_is_a_number(runs: Runs) -> None:
    networks = "{42: {prefixes: [10.8.0.0/24]}, no: {prefixes: [10.9.0.0/24]}, home: {on: 1, prefixes: [10.8.0.0/24]}}"
    lines = refusals(
        runs.look(f"all: {{vars: {{wireguard_networks: {networks}}}}}\n{HUB}wg_spoke: {{hosts: {{s1: }}}}\n")
    )
    assert lines == [
        'wireguard_networks 42: YAML reads this name as a number; quote it, such as "42"',
        'wireguard_networks False: YAML reads this name as a boolean; quote it, such as "no"',
        'wireguard_networks.home True: YAML reads this name as a boolean; quote it, such as "yes"',
    ]
    # The hosts of the run need not be those that have the definition.
    lines = refusals(runs.look(f"{HUB}wg_spoke: {{hosts: {{s1: {{wireguard_networks: {networks}}}}}}}\n"))
    assert len(lines) == 3


FOREIGN = """
all:
  vars:
    wireguard_networks: {home: {prefixes: [10.8.0.0/24]}}
    wireguard_exporter_port: 9586
wg_hub: {hosts: {hub1: {wireguard_endpoint: vpn.example.org}}}
wg_spoke:
  hosts:
    s1:
      wireguard_postup: ["iptables -A FORWARD -i %i -j ACCEPT"]
      wireguard_address: 10.8.0.2/24
      wireguard_port: 51820
    s2: {wireguard_endpont: x, wireguard_address: 10.8.0.3/24}
"""


def test_variables_that_are_almost_ours_are_refused_all_of_them_at_once(runs: Runs) -> None:
    remedy = "A variable of another role can be listed in wireguard_ignored_variables"
    assert refusals(runs.look(FOREIGN)) == [
        f"s1, s2: wireguard_address: unknown variable; did you mean wireguard_addresses? {remedy}",
        f"s1: wireguard_port: unknown variable; did you mean wireguard_listen_port? {remedy}",
        f"s2: wireguard_endpont: unknown variable; did you mean wireguard_endpoint? {remedy}",
    ]


def test_variables_of_other_roles_are_one_warning_that_can_be_silenced(runs: Runs) -> None:
    inventory = yaml.safe_load(FOREIGN)
    variables, spokes = inventory["all"]["vars"], inventory["wg_spoke"]["hosts"]
    del spokes["s2"]
    variables["wireguard_ignored_variables"] = ["wireguard_address", "wireguard_po?t"]
    run = runs.look(inventory)
    warning = (
        "Unknown variables, which are ignored: wireguard_exporter_port (hub1, s1), "
        "wireguard_postup (s1). List those of other roles in wireguard_ignored_variables to silence this warning."
    )
    assert (run.code, run.said.count(warning)) == (0, 1), run.output
    variables["wireguard_ignored_variables"] += ["wireguard_exporter_*", "wireguard_postup"]
    run = runs.look(inventory)
    assert (run.code, "WARNING" in run.output) == (0, False), run.output


def test_a_url_is_no_endpoint(runs: Runs) -> None:
    run = runs.look(
        "all: {vars: {wireguard_networks: {home: {prefixes: [10.8.0.0/24]}}}}\n"
        'wg_hub: {hosts: {hub1: {wireguard_endpoint: "http://wg.example.org:8000"}}}\nwg_spoke: {hosts: {s1: }}\n'
    )
    assert refusals(run) == [
        "hub1: wireguard_endpoint 'http://wg.example.org:8000': a URL is no endpoint; write wg.example.org:8000"
    ]


def test_all_that_cannot_be_templated_is_said_at_once_with_a_remedy(runs: Runs) -> None:
    lines = refusals(
        runs.look(
            "all: {vars: {wireguard_networks: {home: {prefixes: [10.8.0.0/24], port: '{{ nowhere }}'}}}}\n"
            'wg_hub: {hosts: {hub1: {wireguard_endpoint: "{{ ansible_host }}", wireguard_mtu: "{{ nowhere }}"}}}\n'
            'wg_spoke: {hosts: {s1: {wireguard_mtu: "{{ nowhere }}"}}}\n'
        )
    )
    assert [re.sub("templated: .*;", "templated;", line) for line in lines] == [
        "wireguard_networks.home.port: cannot be templated; define what it uses for all hosts"
    ]
    lines = refusals(
        runs.look(
            "all: {vars: {wireguard_networks: {home: {prefixes: [10.8.0.0/24]}}}}\n"
            'wg_hub: {hosts: {hub1: {wireguard_endpoint: "{{ ansible_host }}", wireguard_mtu: "{{ nowhere }}"}}}\n'
            'wg_spoke: {hosts: {s1: {wireguard_mtu: "{{ nowhere }}"}}}\n'
        )
    )
    assert [re.sub("templated: .*;", "templated;", line) for line in lines] == [
        "hub1: wireguard_endpoint: cannot be templated; write {{ ansible_host | default(inventory_hostname) }}",
        "hub1, s1: wireguard_mtu: cannot be templated; define the variables that it uses for this host",
    ]


VAULTED = """
all:
  vars:
    ansible_connection: local
    wireguard_networks:
      home:
        prefixes: [10.8.0.0/24]
        preshared_secret: SECRET
        preshared_keys: [{between: [hub1, s1], key: KEY}]
    vault_secret: !vault |
TEXT
wg_hub: {hosts: {hub1: {wireguard_endpoint: vpn.example.org}}}
wg_spoke: {hosts: {s1: }}
"""


def vaulted(directory: Path) -> str:
    """A vaulted text, indented for the inventory; nobody has its password."""
    (directory / "password").write_text("open sesame")
    command = ["ansible-vault", "encrypt", "--vault-password-file", "password", "--output", "-"]
    text = "a secret of more than enough characters"
    done = subprocess.run(
        command, cwd=directory, env=environment(directory), input=text, capture_output=True, text=True, check=True
    )
    return "".join(f"      {line}\n" for line in done.stdout.splitlines())


@pytest.mark.parametrize("named", [True, False])
def test_a_secret_that_cannot_be_read_is_named_and_the_plan_needs_none(runs: Runs, named: bool) -> None:
    text = vaulted(runs.directory)
    secret = '"{{ vault_secret }}"' if named else f"!vault |\n{text.replace('      ', ' ' * 12)}"
    pair = '"{{ vault_secret }}"'
    inventory = VAULTED.replace("SECRET", secret.rstrip()).replace("KEY", pair).replace("TEXT", text.rstrip())
    looked = runs.playbook(inventory, "cryptokey.wireguard.plan")
    assert looked.code == 0, looked.output
    assert "vpn.example.org:51820" in looked.output

    lines = refusals(runs.playbook(inventory, "cryptokey.wireguard.site", "--check"))
    assert [re.sub("templated: .*;", "templated;", line) for line in lines] == [
        (
            f"wireguard_networks.home.{option}: cannot be templated; give the password that it was encrypted with, "
            "with --ask-vault-pass or --vault-id"
        )
        for option in ("preshared_secret", "preshared_keys")
    ]


def test_what_a_host_would_refuse_is_refused_for_all_of_them_before_any_key_is_made(runs: Runs) -> None:
    inventory = """
all:
  vars:
    ansible_connection: local
    wireguard_networks:
      home: {prefixes: [10.8.0.0/24, "fd00:8::/64"], interface: client.wg0}
      lab: {prefixes: [10.9.0.0/24], interface: wg1, hubs: lab_hub, spokes: lab_spoke}
wg_hub: {hosts: {hub1: {wireguard_endpoint: vpn.example.org}}}
wg_spoke:
  hosts:
    laptop: {wireguard_dns: [10.8.0.1]}
    lap: {wireguard_dns_search: [corp.example]}
    small: {wireguard_mtu: 1200, wireguard_interface: wg0}
    vpn: {wireguard_netns: vpn, wireguard_dns: [10.8.0.1], wireguard_interface: wg0}
    first: {wireguard_addresses: [10.8.0.0, "fd00:8::"]}
    last: {wireguard_addresses: [10.8.0.255/32]}
lab_hub: {hosts: {hub2: {wireguard_endpoint: lab.example.org}}}
lab_spoke: {hosts: {six: {wireguard_mtu: 1279, wireguard_subnets: ["fd00:9::/64"]}, other: {wireguard_mtu: 1279}}}
"""
    lines = refusals(runs.playbook(inventory, "cryptokey.wireguard.site", "--check"))
    assert sorted(line.partition(";")[0] for line in lines) == [
        "first: wireguard_addresses '10.8.0.0/24': the network address of 10.8.0.0/24",
        "first: wireguard_addresses 'fd00:8::/64': the anycast address of the routers of fd00:8::/64",
        "lap: wireguard_dns_search 'corp.example': there is no server to ask for it",
        (
            "laptop: wireguard_networks.home.interface 'client.wg0': wg-quick cannot set name servers for a name "
            "with a dot where systemd-resolved is in use"
        ),
        "last: wireguard_addresses '10.8.0.255/32': the broadcast address of 10.8.0.0/24",
        "vpn: wireguard_dns '10.8.0.1': a network namespace has no name servers of its own",
    ]
    for host in ("laptop", "lap", "vpn", "first", "last"):
        inventory = re.sub(f"    {host}: .*\n", "", inventory)
    # Addresses are given out, and routes follow from them, only where the rest is right.
    lines = refusals(runs.playbook(inventory, "cryptokey.wireguard.site", "--check"))
    assert lines == [
        f"{host}: wireguard_mtu {mtu}: IPv6 needs an MTU of 1280 at least; give 1280 or more, or leave IPv6 out"
        for host, mtu in (("small", 1200), ("other", 1279))
    ]
    assert not (runs.directory / "wireguard_registry").exists()
