# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that touch the running interface tell no key: neither what they print nor the journal nor the files that
Ansible leaves on the host. Those that write files, and the playbooks, are in ``tests/unit/leaks``."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.sealed import seal_peers
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, peer_options, strangers, tunnel
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints
from ansible_collections.cryptokey.wireguard.tests.leaks.search import files, find, hits, spellings

INTERFACE = "wgleak"


class Loud:
    """Tasks on one host, as loud as can be; ``outputs`` is what they have printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outputs: list[tuple[str, bytes]] = []

    def task(self, name: str, arguments: dict[str, Any], *flags: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "ansible.cli.adhoc", "localhost", "-c", "local", "-vvvv", "--diff"]
        command += ["-e", f"ansible_python_interpreter={sys.executable}", "-m", f"cryptokey.wireguard.{name}"]
        # An empty dictionary is taken for free text.
        command += ["-a", json.dumps(arguments)] if arguments else []
        paths = os.pathsep.join(path for path in sys.path if path)
        done = subprocess.run(
            [*command, *flags],
            capture_output=True,
            check=False,
            cwd=self.folder,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": paths,
                "ANSIBLE_COLLECTIONS_PATHS": paths,
                "ANSIBLE_HOME": str(self.folder / "ansible"),
                "ANSIBLE_INJECT_INVOCATION": "1",  # what all versions before ansible-core 2.21 do
                "ANSIBLE_KEEP_REMOTE_FILES": "1",
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "local"),
                "ANSIBLE_LOG_PATH": str(self.folder / "log"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "0",
                "ANSIBLE_REMOTE_TEMP": str(self.folder / "remote"),
                "PYTHONPATH": paths,
            },
        )
        output = done.stdout + done.stderr
        self.outputs.append((name, output))
        text = done.stdout.decode()
        start = text.find("=> {")
        assert start >= 0, output.decode()
        result: dict[str, Any] = json.JSONDecoder().raw_decode(text[start + 3 :])[0]
        return result


@pytest.fixture
def loud(tmp_path: Path) -> Iterator[Loud]:
    forget_endpoints()
    yield Loud(tmp_path)
    forget_endpoints()


def cursor() -> str:
    """The place at which the journal ends."""
    last = run("journalctl", "--lines=0", "--show-cursor", "--no-pager").strip().splitlines()[-1]
    return last.partition("cursor: ")[2]


def test_no_key_is_told(loud: Loud, pair: tuple[Host, Host]) -> None:
    left, right = pair
    since = cursor()
    options, _hub = tunnel(left, right)
    private = right.private_key.reveal_base64()
    preshared = {n: PresharedKey(f"preshared key {n}".encode().ljust(32, b".")) for n in range(3)}
    key = loud.folder / "wgleak.key"
    key.write_text(f"{private}\n")
    key.chmod(0o600)
    plain = [peer_options(left, allowed_ips=["10.9.0.1/32"]), *strangers(2)]
    peers = [{**peer, "preshared_key": preshared[n].reveal_base64()} for n, peer in enumerate(plain)]
    arguments: dict[str, Any] = {
        "interface": INTERFACE,
        "private_key_file": str(key),
        "addresses": ["10.9.0.2/24"],
        "listen_port": 51820,
        "peers": seal_peers(peers, right.public_key),
    }
    options["peers"][0]["preshared_key"] = peers[0]["preshared_key"]
    left.converge(**options)
    with right.entered():
        assert loud.task("interface", arguments, "--check")["changed"] is True
        assert loud.task("interface", arguments)["changed"] is True
        assert loud.task("interface", {**arguments, "mtu": 1390, "peers": arguments["peers"][:2]})["changed"] is True
        left.ping("10.9.0.2")
        info = loud.task("interface_info", {})
        assert [len(each["peers"]) for each in info.get("interfaces", ())] == [2], info
        loud.task("ping", {"interface": INTERFACE, "targets": [{"name": "left", "address": "10.9.0.1"}]})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("0.0.0.0", 51999))
            failed = loud.task("interface", {**arguments, "listen_port": 51999})
        assert "EADDRINUSE" in failed["msg"]
        key.chmod(0o644)
        assert "other users may have read it" in loud.task("interface", arguments)["msg"]
        key.write_text(f"{private}x\n")
        key.chmod(0o600)
        assert "not a WireGuard key" in loud.task("interface", arguments)["msg"]
        loud.task("interface", {"interface": INTERFACE, "state": "absent"})
    journal = subprocess.run(
        ["journalctl", f"--after-cursor={since}", "--all", "--output=export", "--no-pager"],
        capture_output=True,
        check=True,
    ).stdout
    secrets = {f"preshared key {n}": each.reveal_base64() for n, each in preshared.items()}
    wanted = spellings({"the private key": private, **secrets})
    assert b"ansible" in journal
    assert sum(path.name.startswith("AnsiballZ_interface") for path in files(loud.folder / "remote")) >= 6
    for place, output in loud.outputs[:3]:
        assert hits(place, output, spellings({"a public key": str(left.public_key)})), output[-4000:]
    found = [hit for place, output in loud.outputs for hit in hits(place, output, wanted)]
    assert [*found, *hits("the journal", journal, wanted), *find(loud.folder, wanted, [key])] == []
