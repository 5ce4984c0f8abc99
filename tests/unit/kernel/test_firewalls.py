# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of other programs that drop what an interface forwards or receives, as the real nft lists them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import obstacles
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.firewalls import find_drops
from ansible_collections.cryptokey.wireguard.tests.kernel.firewalls import RULES
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

PLAIN = """table inet filter {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established accept
        tcp dport 22 accept
    }
    chain forward { type filter hook forward priority filter; policy drop; ct state established,related accept; }
}
"""
DOCKER = "iptables -I DOCKER-USER"
FIREWALLD = "firewall-cmd --permanent --zone=trusted --add-interface=wg0"


def listing(rules: str, *more: str) -> Any:
    script = "nft -f - && " + "".join(f"nft '{each}' && " for each in more) + "nft -j -t list ruleset"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script], input=rules, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def found(rules: str, *more: str, families: tuple[str, ...] = ("ip",), port: int = 0, forwards: bool = True) -> str:
    links = ["eth0"] if forwards else None
    return "\n".join(find_drops(listing(rules, *more), "wg0", families, port, links))


@pytest.mark.parametrize(
    ("rules", "families", "commands"),
    [
        (RULES["docker"], ("ip",), [f"{DOCKER} -i wg0 -j ACCEPT", f"{DOCKER} -o wg0 -j ACCEPT"]),
        (RULES["ufw"], ("ip", "ip6"), ["iptables -I FORWARD -i wg0", "ufw"]),
        (RULES["firewalld"], ("ip",), [FIREWALLD, "firewall-cmd --reload"]),
        (PLAIN, ("ip6",), ['nft insert rule inet filter forward iifname "wg0" accept', 'oifname "wg0" accept']),
    ],
    ids=["docker", "ufw", "firewalld", "nftables"],
)
def test_what_drops_forwarded_packets_is_named(rules: str, families: tuple[str, ...], commands: list[str]) -> None:
    told = found(rules, families=families)
    assert "drops what wg0 forwards" in told
    if commands[-1] != "ufw":
        assert all(command in told for command in commands)
    else:
        assert "run 'ufw route allow in on wg0'" in told
    assert found(rules, families=families, forwards=False) == ""


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        (RULES["docker"], 'insert rule ip filter DOCKER-USER iifname "wg0" counter accept'),
        (RULES["docker"], 'insert rule ip filter DOCKER-USER iifname "wg*" oifname "wg0" accept'),
        (RULES["docker"], 'insert rule ip filter FORWARD iifname "wg0" oifname "eth0" accept'),
        (RULES["docker"], "insert rule ip filter FORWARD ip saddr 10.8.0.0/24 accept"),
        (RULES["firewalld"], 'insert rule inet firewalld filter_FORWARD iifname { "wg0", "wg1" } accept'),
        (PLAIN, 'add rule inet filter forward iifname "wg0" meta mark 7 accept'),
        (PLAIN, "add chain inet filter forward { policy accept; }"),
    ],
)
def test_what_accepts_the_interface_is_no_obstacle(rules: str, allowed: str) -> None:
    assert found(rules) != ""
    assert found(rules, allowed) == ""


@pytest.mark.parametrize(
    ("rules", "port", "command"),
    [
        (RULES["ufw"], 51820, ""),
        (RULES["ufw"], 51821, "'ufw allow 51821/udp'"),
        (RULES["firewalld"], 51820, ""),
        (RULES["firewalld"], 51821, "'firewall-cmd --permanent --add-port=51821/udp'"),
        (RULES["docker"], 51820, ""),
        (PLAIN, 51820, "'nft insert rule inet filter input udp dport 51820 accept'"),
    ],
)
def test_a_udp_port_that_is_closed_is_named(rules: str, port: int, command: str) -> None:
    told = found(rules, port=port, forwards=False)
    assert command in told
    assert bool(command) == bool(told)


@pytest.mark.parametrize(
    "allowed",
    [
        "add rule inet filter input udp dport { 51820, 51830 } accept",
        "add rule inet filter input udp dport 51000-52000 accept",
        "add rule inet filter input meta l4proto udp accept",
        "add rule inet filter input ip saddr 192.0.2.0/24 udp dport 51820 accept",
        "add rule inet filter input ct state new accept",
    ],
)
def test_a_udp_port_that_is_open_is_not(allowed: str) -> None:
    assert found(PLAIN, allowed, port=51820, forwards=False) == ""


@pytest.mark.parametrize(("protocol", "closed"), [("udp", False), ("tcp", True), (None, True)])
def test_an_extension_of_iptables_may_be_the_port(protocol: str | None, closed: bool) -> None:
    """As nft 1.0 lists ``-p udp -m udp --dport 51820 -j ACCEPT`` of an older iptables."""
    chain = {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter", "hook": "input", "policy": "drop"}
    extension = {"xt": {"type": "match", "name": "udp"}}
    left = {"payload": {"protocol": "ip", "field": "protocol"}}
    expressions = [{"match": {"op": "==", "left": left, "right": protocol}}] if protocol else []
    rule = {**{key: chain[key] for key in ("family", "table")}, "chain": "INPUT"}
    rules = [{"chain": chain}, {"rule": {**rule, "expr": [*expressions, extension, {"accept": None}]}}]
    assert bool(find_drops({"nftables": rules}, "wg0", ["ip"], 51820, None)) is closed


def test_the_own_tables_are_no_obstacle() -> None:
    own = """table inet cryptokey-wg0 {
        chain forward { type filter hook forward priority filter; policy accept; jump access; }
        chain access { ct original ip saddr 10.8.0.2 accept; drop; }
    }
    """
    assert found(own, port=51820) == ""
    assert found(own.replace("cryptokey-wg0", "other")) != ""


def test_without_rules_there_is_no_obstacle() -> None:
    assert found("", port=51820) == ""


# Runs in a network namespace. Each run prints its warnings, and how often it started nft.
RUNS = f"""
import json, subprocess, sys
from {obstacles.__name__} import find_obstacles
from {obstacles.__name__.rpartition("._backends")[0]}._store import table_record
from {obstacles.__name__.rpartition(".")[0]} import obstacles
table_record.load_obstacles.__defaults__ = table_record.record_obstacles.__defaults__ = (sys.argv[1],)
starts, run = [], obstacles.run_program
def counted(*arguments):
    starts.append(arguments)
    return run(*arguments)
obstacles.run_program = counted
def nft(script):
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)
def told(forwards=True, check_mode=False, **options):
    starts.clear()
    given = {{"interface": "wg0", "addresses": ["10.8.0.1/24"], "peers": [{{"public_key": "x"}}], **options}}
    return [find_obstacles(given, forwards, check_mode), len(starts)]
"""


def runs(folder: Path, script: str, *arguments: str) -> Any:
    command = ["unshare", "--net", sys.executable, "-c", RUNS + script, str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_warning_is_repeated_without_nft_until_the_rules_change(tmp_path: Path) -> None:
    script = """
nft(sys.argv[2])
found = [told(check_mode=True), told(), told(), told(forwards=False), told()]
nft("add chain inet filter forward { policy accept; }")
found += [told(), told()]
print(json.dumps(found))
"""
    predicted, first, second, other, again, mended, last = runs(tmp_path, script, PLAIN)
    assert [count for _found, count in (predicted, first, second)] == [1, 1, 0]
    assert predicted[0] == first[0] == second[0] == again[0]
    assert first[0][0].startswith("wg0: the chain forward of the nftables table inet filter drops what wg0 forwards. ")
    assert (other, mended, last) == ([[], 0], [[], 1], [[], 0])


def test_a_port_matters_only_to_peers_without_an_endpoint(tmp_path: Path) -> None:
    script = """
nft(sys.argv[2])
dialled = [{"public_key": "x", "endpoint": "192.0.2.1:51820"}]
found = [told(False, listen_port=51820), told(False, listen_port=51820, peers=dialled), told(False)]
found += [told(False, listen_port=51820, netns="vpn")]
print(json.dumps([[len(said), count] for said, count in found]))
"""
    assert runs(tmp_path, script, PLAIN) == [[1, 1], [0, 0], [0, 0], [0, 0]]


def test_what_cannot_be_read_gives_no_warning(tmp_path: Path) -> None:
    script = """
nft(sys.argv[2])
obstacles.run_program = lambda *_arguments: run(["echo", "no JSON"], "print")
print(json.dumps(told()[0]))
"""
    assert runs(tmp_path, script, PLAIN) == []


def test_a_member_that_forwards_is_warned_and_one_that_does_not_is_not(tmp_path: Path) -> None:
    script = """
from pathlib import Path
from {}.member import Steps, ensure_member, read_entry
nft(sys.argv[2])
def warned(forwarding):
    key, conf = (str(Path(sys.argv[1], "wg0" + suffix)) for suffix in (".key", ".conf"))
    options = {{"interface": "wg0", "addresses": ["10.8.0.1/24"], "peers": [], "private_key_file": key, "path": conf}}
    entry = read_entry({{"network": "home", "options": options, "forwarding": forwarding}}, lambda given: given)
    warnings = []
    ensure_member([entry], Steps(check_keys=False, converged=True), True, warnings)
    return [each for each in warnings if "drops what wg0 forwards" in each]
print(json.dumps([len(warned(each)) for each in ({{"ipv4": True}}, {{}})]))
""".format(obstacles.__name__.rpartition(".")[0])
    assert runs(tmp_path, script, PLAIN) == [1, 0]
