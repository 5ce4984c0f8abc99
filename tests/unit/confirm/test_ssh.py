# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the connection over which Ansible came is a matter of an interface."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import netfilter_rules
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import Route, RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.ssh import (
    SshConnection,
    find_connection,
    is_affected,
    parse_connection,
)


def parsed(text: str) -> SshConnection:
    connection = parse_connection(text)
    assert connection
    return connection


@pytest.mark.parametrize("text", ["", "UNKNOWN", "UNKNOWN 65535 UNKNOWN 65535", "10.0.0.1 1 10.0.0.2", "a 1 b 2"])
def test_what_is_no_connection(text: str) -> None:
    assert parse_connection(text) is None


def process(proc: Path, pid: int, parent: int, name: str = "sh", **variables: str) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "environ").write_text("".join(f"{key}={value}\0" for key, value in variables.items()))
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} {pid} {pid} 0 -1 4194560 1 2")


CONNECTION = "10.8.0.1 50000 10.8.0.2 22"


def test_it_is_looked_for_in_the_ancestors(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, "sshd", SSH_CONNECTION="10.7.7.7 1 10.7.7.8 22")
    process(tmp_path, 11, 10, SHELL="/bin/sh", SSH_CONNECTION=CONNECTION)
    process(tmp_path, 12, 11, "sudo")
    process(tmp_path, 13, 12, "a (strange) 5 name\n", PATH="/bin")
    assert find_connection(13, str(tmp_path)) == parsed(CONNECTION)
    assert find_connection(10, str(tmp_path)) == parsed("10.7.7.7 1 10.7.7.8 22")


def test_there_may_be_none(tmp_path: Path) -> None:
    process(tmp_path, 20, 1)
    process(tmp_path, 21, 20, NOT_SSH_CONNECTION=CONNECTION)
    assert find_connection(21, str(tmp_path)) is None
    process(tmp_path, 31, 30)
    assert find_connection(31, str(tmp_path)) is None


def test_a_real_process_finds_it_in_its_parent() -> None:
    code = f"from {find_connection.__module__} import find_connection; print(find_connection().text)"
    inner = (
        f"import os, subprocess; del os.environ['SSH_CONNECTION']; subprocess.run([{sys.executable!r}, '-c', {code!r}])"
    )
    environment = {**os.environ, "SSH_CONNECTION": CONNECTION, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", inner], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    assert done.stdout == "10.8.0.1\n"


def state(address: str = "10.8.0.2/24", *routes: str, netns: str = "") -> RunningState:
    return RunningState(
        "wg0",
        True,
        addresses=(parse_interface_address(address),),
        routes=frozenset(Route(parse_prefix(route)) for route in routes),
        netns=netns,
    )


FULL = replace(
    state(),
    routes=frozenset({Route(parse_prefix("0.0.0.0/0"), 51820)}),
    netfilter={2: netfilter_rules("wg0", 2, 51820, [], outside_replies=True)},
)


@pytest.mark.parametrize(
    ("connection", "before", "after", "way", "expected"),
    [
        pytest.param("192.0.2.1 1 192.0.2.2 22", state(), state(), "eth0", False, id="another way"),
        pytest.param("10.8.0.1 1 10.8.0.2 22", state(), state(), "eth0", True, id="to its address"),
        pytest.param("10.8.0.1 1 10.8.0.2 22", state(), state("10.9.0.2/24"), "eth0", True, id="to the old one"),
        pytest.param("10.8.0.1 1 10.9.0.2 22", state(), state("10.9.0.2/24"), "eth0", True, id="to the new one"),
        pytest.param("192.168.7.5 1 192.0.2.2 22", state(), state(), "wg0", True, id="by its route"),
        pytest.param("192.168.7.5 1 192.0.2.2 22", state(), state(), None, False, id="no way"),
        pytest.param(
            "192.168.7.5 1 192.0.2.2 22", state(), state("10.8.0.2/24", "192.168.7.0/24"), "eth0", True, id="stolen"
        ),
        pytest.param(
            "192.168.7.5 1 192.0.2.2 22", RunningState("wg0"), state("10.8.0.2/24", "0.0.0.0/0"), "eth0", True, id="all"
        ),
        pytest.param("192.168.7.5 1 192.0.2.2 22", RunningState("wg0"), FULL, "eth0", False, id="answered outside"),
        pytest.param(
            "192.168.7.5 1 192.0.2.2 22",
            RunningState("wg0"),
            replace(FULL, netfilter={}),
            "eth0",
            True,
            id="not answered outside",
        ),
        pytest.param("fe80::1%wg0 1 fe80::2%wg0 22", state(), state(), "eth0", True, id="scoped"),
        pytest.param("fe80::1%eth0 1 fe80::2%eth0 22", state(), state(), None, False, id="scoped elsewhere"),
        pytest.param("fd00::1 1 fd00::2 22", state("fd00::2/64"), state("fd00::2/64"), None, True, id="IPv6"),
        pytest.param(
            "10.8.0.1 1 10.8.0.2 22", state(netns="vpn"), state(netns="vpn"), "wg0", False, id="another namespace"
        ),
    ],
)
def test_whether_it_is_concerned(
    connection: str, before: RunningState, after: RunningState, way: str | None, expected: bool
) -> None:
    assert is_affected(parsed(connection), before, after, lambda _host: way) is expected
