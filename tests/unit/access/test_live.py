# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of policies with real packets: what hosts try, what their answers mean, and the attempts themselves."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import attempt as module
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.live import (
    compare_live,
    list_trials,
    render_live,
)
from ansible_collections.cryptokey.wireguard.tests.unit.access.test_reach import GRANTS, several_hubs
from ansible_collections.cryptokey.wireguard.tests.unit.access.test_run_tests import with_tests
from ansible_collections.cryptokey.wireguard.tests.unit.access.worlds import World
from ansible_collections.cryptokey.wireguard.tests.unit.runs import COLLECTIONS

RULES = with_tests(
    GRANTS,
    ("ada", ["bob:443"], ["hub:22"]),
    ("phone", ["two:8080"], []),
    ("192.168.7.1", ["hub:22"], []),
)
REACHED, NOT, UNKNOWN = ({"outcome": each, "why": "said"} for each in ("reached", "not reached", "unknown"))


def trials() -> tuple[Any, list[str]]:
    return list_trials(World(several_hubs(), RULES).reach)


def test_hosts_try_what_the_tests_name_from_their_own_addresses() -> None:
    found, untried = trials()
    assert found.keys() == {"ada"}
    (part,) = found["ada"]
    assert [(each["source"], each["address"], each["port"]) for each in part["attempts"]] == [
        ("10.8.0.2", "10.8.0.3", 443),
        ("10.8.0.2", "10.8.0.1", 22),
        ("fd00:8::2", "fd00:8::1", 22),
    ]
    assert [each["expected"] for each in part["checks"]] == [True, False, False]
    assert untried == [
        "wireguard_networks.home.policy.tests[1]: phone is a client",
        "wireguard_networks.home.policy.tests[2]: 192.168.7.1 is no host's own address",
    ]


def test_where_the_network_disagrees_is_said() -> None:
    found, untried = trials()
    compared = compare_live(found, {"ada": {"results": [{"results": [NOT, NOT, REACHED]}]}})
    assert compared.agreed == 1
    path = "wireguard_networks.home.policy.tests[0]"
    assert compared.disagreements == [
        f"{path}.accept[0] (bob:443), ada from 10.8.0.2 to 10.8.0.3 tcp:443: must be reached, and was not (said)",
        f"{path}.deny[0] (hub:22), ada from fd00:8::2 to fd00:8::1 tcp:22: must not be reached, and was (said)",
    ]
    lines = render_live(compared, untried)
    assert lines[:2] == ["1 attempts agree with the tests.", "The network disagrees:"]
    assert "  wireguard_networks.home.policy.tests[1]: phone is a client" in lines
    silent = compare_live(found, {"ada": {"results": [{"results": [REACHED, UNKNOWN, NOT]}]}})
    assert (silent.agreed, silent.disagreements, len(silent.unknown)) == (2, [], 1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        {},
        {"results": []},
        {"results": [{"results": [REACHED]}]},
        {"results": [{"results": 5}]},
        {"results": [{"results": [REACHED, NOT, "reached"]}]},
        {"results": [{"results": [REACHED, NOT, {"outcome": "{{ x }}", "why": ""}]}]},
        {"results": [{"results": [REACHED, NOT, {"outcome": "reached", "why": "\x1b[31m"}]}]},
        {"results": [{"results": [REACHED, NOT, {"outcome": "reached", "why": "x" * 10_000}]}]},
        {"unreachable": True, "msg": "no route"},
        {"results": [{"failed": True, "msg": "\x07"}]},
    ],
)
def test_an_answer_that_is_nonsense_fails_its_host_alone(answer: object) -> None:
    found, _untried = trials()
    both = {"ada": found["ada"], "bob": found["ada"]}
    compared = compare_live(both, {"ada": answer, "bob": {"results": [{"results": [REACHED, NOT, NOT]}]}})
    assert compared.agreed == 3
    assert compared.disagreements == []
    (problem,) = compared.problems
    assert problem.startswith("ada: ")
    assert problem.isprintable()


def attempt(protocol: int, address: str, port: int = 0, source: str = "127.0.0.1") -> dict[str, str]:
    entry = {"protocol": protocol, "source": source, "address": address, "port": port}
    (found,) = module.try_all({"attempts": [entry], "timeout": 1}, shutil.which("ping"))
    return found


def test_tcp_is_reached_if_it_is_accepted_or_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert attempt(6, "127.0.0.1", port) == {"outcome": "reached", "why": "connected"}
    assert attempt(6, "127.0.0.1", port) == {"outcome": "reached", "why": "refused"}


def test_udp_is_reached_if_there_is_an_answer_and_unknown_if_there_is_silence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert attempt(17, "127.0.0.1", port) == {"outcome": "unknown", "why": "silence"}
    assert attempt(17, "127.0.0.1", port) == {"outcome": "reached", "why": "refused"}


def test_what_cannot_be_tried_is_unknown() -> None:
    assert attempt(47, "127.0.0.1")["outcome"] == "unknown"
    assert attempt(6, "127.0.0.1", 80, source="192.0.2.77")["outcome"] == "unknown"  # not an address of this machine
    entry = {"protocol": 1, "source": "127.0.0.1", "address": "127.0.0.1", "port": 0}
    assert module.try_all({"attempts": [entry], "timeout": 1}, None)[0]["why"] == "the program ping is missing"


@pytest.mark.parametrize("wrong", [{"port": 70000}, {"protocol": 300}, {"address": "web1"}, {"source": "x"}])
def test_attempts_that_are_wrong_are_refused(wrong: dict[str, Any]) -> None:
    entry = {"protocol": 6, "source": "127.0.0.1", "address": "127.0.0.1", "port": 80, **wrong}
    with pytest.raises(InputError, match=r"attempts\[0\]"):
        module.try_all({"attempts": [entry], "timeout": 1}, None)


DROPPING = """
import json, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.attempt import try_all
entries = [{"protocol": p, "source": "10.8.0.2", "address": a, "port": n} for p, a, n in json.loads(sys.argv[2])]
print(json.dumps([each["outcome"] for each in try_all({"attempts": entries, "timeout": 1}, None)]))
"""


def test_what_is_dropped_or_prohibited_is_not_reached() -> None:
    """By real packets, in a network namespace: one port is dropped on input, and one address is prohibited."""
    setup = (
        "ip link set lo up; ip addr add 10.8.0.2/32 dev lo; ip addr add 10.8.0.3/32 dev lo; "
        "ip route add prohibit 10.9.0.0/24; "
        "nft 'table inet t { chain i { type filter hook input priority 0; tcp dport 5432 drop; }; }'; "
        'exec "$@"'
    )
    tries = json.dumps([[6, "10.8.0.3", 5432], [6, "10.8.0.3", 80], [6, "10.9.0.1", 80], [17, "10.9.0.1", 53]])
    command = ["unshare", "--map-root-user", "--net", "sh", "-ec", setup, "sh", sys.executable, "-c", DROPPING]
    done = subprocess.run([*command, COLLECTIONS, tries], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["not reached", "reached", "not reached", "not reached"]
