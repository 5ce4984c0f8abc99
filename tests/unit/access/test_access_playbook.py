# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/access.yml, and tests of policies in the playbooks that plan, as users run them. No host is contacted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.tests.unit.clients.running import Site
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

LOOPBACK = [
    *("unshare", "--map-root-user", "--net", "sh", "-ec"),
    'ip link set lo up; ip addr add 10.8.0.2/32 dev lo; ip addr add 10.8.0.3/32 dev lo; exec "$@"',
    "sh",
]
PATH = "wireguard_networks.home.policy.tests"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A laptop and two servers at a hub, none of which has a key yet, and a phone."""
    found = Site(tmp_path)
    found.clients["phone"] = {"addresses": ["10.8.0.20"], "public_key": key_of("phone")}
    found.inventory["wg_spoke"] = {
        "hosts": {
            "laptop1": {"wireguard_addresses": ["10.8.0.2"], "wireguard_tunnel": "full"},
            "web1": {"wireguard_addresses": ["10.8.0.3"]},
            "db1": {"wireguard_addresses": ["10.8.0.4"], "wireguard_subnets": ["192.168.7.0/24"]},
        }
    }
    found.inventory["laptops"] = {"hosts": {"laptop1": None}}
    found.network["policy"] = {
        "grants": [
            {"src": ["laptops", "phone"], "dst": ["web1"], "ip": ["tcp:443", "icmp"]},
            {"src": ["laptops"], "dst": ["192.168.7.0/24"], "ip": ["tcp:22"]},
            {"src": ["laptops"], "dst": ["internet"]},
        ],
        "tests": [
            {"src": "laptop1", "accept": ["web1:443", "internet:443", "192.168.7.9:22"], "deny": ["db1:5432"]},
            {"src": "phone", "deny": ["192.168.7.9:22"]},
        ],
    }
    # Nobody answers there, and there is no ssh to ask with.
    found.inventory["all"]["vars"]["ansible_host"] = "192.0.2.1"
    found.environment["ANSIBLE_SSH_EXECUTABLE"] = "/bin/false"
    return found


def grants(site: Site) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.network["policy"]["grants"]
    return found


def test_who_reaches_what_is_a_table(site: Site) -> None:
    run = site.run("access")
    assert run.code == 0, run.output
    rows = [line.split("  ") for line in run.output.splitlines() if "  " in line]
    table = [" ".join(filter(None, map(str.strip, row))) for row in rows]
    assert "FROM TO SERVICES" in table
    assert "laptop1 192.168.7.0/24 behind db1 tcp:22" in table
    assert "internet *" in table
    assert "web1 icmp, tcp:443" in table
    assert "phone web1 icmp, tcp:443" in table
    assert not (site.registry.parent / "lab.yml").exists()
    assert "unreachable=0    failed=0" in run.output


def test_one_answer_is_explained(site: Site) -> None:
    run = site.run("access", "-e", "wireguard_from=laptop1", "-e", "wireguard_to=web1:443")
    assert run.code == 0, run.output
    assert "laptop1 sends it to hub1 by wg0 of the network home: allowed IPs 0.0.0.0/0." in run.output
    assert "hub1 allows it on wg0 of the network home by wireguard_networks.home.policy.grants[0]" in run.output
    assert "Reached." in run.output
    run = site.run("access", "-e", "wireguard_from=phone", "-e", "wireguard_to=web1:53", "-e", "wireguard_proto=udp")
    assert run.code == 0, run.output
    assert "no grant of the network home allows udp:53 from 10.8.0.20 to 10.8.0.3, so hub1 drops it" in run.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wireguard_from=laptop1"], "give both wireguard_from and wireguard_to"),
        (["wireguard_from=laptop9", "wireguard_to=web1:443"], "did you mean laptop1"),
        (["wireguard_from=laptop1", "wireguard_to=web1"], "the port is missing"),
        (["wireguard_from=laptop1", "wireguard_to=web1:443", "wireguard_proto=tpc"], "unknown protocol"),
        (["wireguard_baseline=nothing.json"], "no such file"),
        (["wireguard_baseline=inventory.yml"], "not a file that was saved by the playbook access"),
    ],
)
def test_questions_that_cannot_be_answered(site: Site, arguments: list[str], message: str) -> None:
    run = site.run("access", *(part for each in arguments for part in ("-e", each)))
    assert run.code == 2
    assert message in run.said


def test_what_is_saved_is_compared(site: Site) -> None:
    checked = site.run("access", "--check", "-e", "wireguard_file=access.json")
    assert checked.changed
    path = site.directory / "access.json"
    assert not path.exists()
    assert site.run("access", "-e", "wireguard_file=access.json").changed
    saved = path.read_text()
    assert json.loads(saved)["access"]["laptop1"]["web1"] == ["icmp (IPv4)", "tcp:443 (IPv4)"]
    again = site.run("access", "-e", "wireguard_file=access.json", "-e", "wireguard_baseline=access.json")
    assert again.code == 0, again.output
    assert not again.changed
    assert "No access is gained or lost." in again.output
    grants(site)[0] |= {"ip": ["tcp:443", "tcp:80"]}
    for arguments in ((), ("--check",)):
        run = site.run("access", *arguments, "-e", "wireguard_baseline=access.json")
        assert run.code == 2
        assert "gained: laptop1, phone -> web1: tcp:80\n" in run.output
        assert "lost:   laptop1, phone -> web1: icmp\n" in run.output
    assert path.read_text() == saved


def test_a_failing_test_is_shown_after_the_table(site: Site) -> None:
    grants(site).pop()
    run = site.run("access")
    assert run.code == 2
    assert "FROM" in run.output
    assert f"{PATH}[0].accept[1] 'internet:443'" in run.said


@pytest.mark.parametrize("playbook", ["plan", "site", "clients"])
def test_a_failing_test_refuses_a_run_before_any_host_is_contacted(site: Site, playbook: str) -> None:
    before = site.registry.read_text()
    grants(site)[0]["dst"] = ["db1"]
    run = site.run(playbook)
    assert run.code == 2, run.output
    assert f"{PATH}[0].accept[0] 'web1:443': laptop1 does not reach it: no grant of the network home allows" in run.said
    assert "UNREACHABLE" not in run.output
    assert site.registry.read_text() == before


def test_grants_without_a_test_are_named(site: Site) -> None:
    site.network["policy"]["tests"][0]["accept"].remove("192.168.7.9:22")
    run = site.run("plan")
    assert run.code == 0, run.output
    assert "no test covers 1 of 3 grants: grants[1]" in run.said


@pytest.mark.parametrize("has_grants", [True, False])
def test_a_stolen_laptop_leaves_though_tests_name_it(site: Site, has_grants: bool) -> None:
    """It is the only one of its group, too. Its grants may have been removed first, so that its tests fail."""
    if not has_grants:
        site.network["policy"]["grants"] = [{"src": ["phone"], "dst": ["web1"]}]
        assert site.run("plan").code == 2
    run = site.run("offboard", "-e", "wireguard_hosts=laptop1", "-e", "wireguard_gone=true")
    assert "TASK [Remove the host from the registry]" in run.output
    assert "not run, as they name hosts that leave: those from laptop1" in run.said
    assert "does not reach it" not in run.said


def test_the_tests_are_run_with_real_packets(site: Site) -> None:
    """web1 is this machine, whose loopback has the address of the laptop and no server: all is refused, so reached."""
    site.network["policy"]["tests"] = [
        {"src": "web1", "deny": ["laptop1:5432"]},
        {"src": "laptop1", "accept": ["web1:443"]},
        {"src": "phone", "accept": ["web1:443"]},
    ]
    spokes = site.inventory["wg_spoke"]["hosts"]
    spokes["web1"] |= {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    run = site.run("access", "-e", "wireguard_live=true", prefix=LOOPBACK)
    assert run.code == 2
    assert "The network disagrees:" in run.output
    assert (
        f"  {PATH}[0].deny[0] (laptop1:5432), web1 from 10.8.0.3 to 10.8.0.2 tcp:5432: must not be reached, and was"
        in (run.output)
    )
    assert "laptop1: attempts: the host could not try" in run.output
    assert f"  {PATH}[2]: phone is a client" in run.output
