# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the role's timer with a made-up wg and getent. With a real kernel it is in tests/kernel."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.unit.files.test_lock import HOLD, holding

PROGRAM = Path(__file__).parents[3] / "roles" / "network" / "files" / "reresolve.sh"
# "wg show wg0 PART" reads a file, and "wg set wg0 peer KEY endpoint ENDPOINT" is written down, also for a new peer.
WG = """#!/bin/sh
case $1 in
show) cat "ROOT/$3" ;;
set) echo "$4 $6" >>ROOT/sets ;;
esac
"""
# A name is a program of that name in the directory "names", which prints addresses.
GETENT = """#!/bin/sh
exec sh "ROOT/names/$2"
"""


class Host:
    """With peers a, b and so on, of which each was given the name PEER.test, and is dead."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("bin", "etc", "net", "names"):
            (root / name).mkdir()
        for name, text in (("wg", WG), ("getent", GETENT)):
            (root / "bin" / name).write_text(text.replace("ROOT", str(root)))
            (root / "bin" / name).chmod(0o755)
        (root / "net" / "wg0").touch()
        self.locks = root / "locks"
        self.limits = {"lock_seconds=20": "lock_seconds=1", "name_seconds=10": "name_seconds=1"}

    def peers(self, *names: str) -> None:
        parts = {"latest-handshakes": "0", "persistent-keepalive": "off", "endpoints": "192.0.2.1:51820"}
        for part, value in parts.items():
            (self.root / part).write_text("".join(f"{name}\t{value}\n" for name in names))
        sections = (f"[Peer]\nPublicKey = {name}\nEndpoint = {name}.test:51820\n" for name in names)
        (self.root / "etc" / "wg0.conf").write_text("[Interface]\n" + "".join(sections))

    def name(self, name: str, program: str = "echo 192.0.2.2 STREAM") -> None:
        (self.root / "names" / f"{name}.test").write_text(f"cd {self.root}\n{program}\n")

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        text = PROGRAM.read_text()
        places = {"/etc/wireguard": "etc", "/sys/class/net": "net", "/run/cryptokey-wireguard": "locks"}
        changes = {old: str(self.root / new) for old, new in places.items()}
        for old, new in {**changes, **self.limits}.items():
            assert old in text
            text = text.replace(old, new)
        return subprocess.run(
            ["sh", "-c", text, "reresolve", "wg0"],
            env={**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @property
    def sets(self) -> list[str]:
        path = self.root / "sets"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_dead_peer_gets_an_address_of_its_name(host: Host) -> None:
    host.peers("a", "b")
    host.name("a")
    host.name("b", "exit 2")
    done = host.run()
    assert (done.returncode, host.sets) == (0, ["a 192.0.2.2:51820"])
    assert done.stdout == "wg0: peer a: endpoint 192.0.2.1:51820 -> 192.0.2.2:51820 (a.test)\n"
    assert done.stderr == "wg0: peer b: b.test has no address now\n"


@pytest.mark.parametrize(
    "meanwhile",
    [
        "sed -i /^a/d latest-handshakes persistent-keepalive endpoints",  # it was removed
        "sed -i /PublicKey/,+1d etc/wg0.conf",  # also from the file alone
        "sed -i s/0$/$(date +%s)/ latest-handshakes",  # it is alive again
        "sed -i s/192.0.2.1/192.0.2.9/ endpoints",  # another run has set it
        "sed -i s/a.test/c.test/ etc/wg0.conf",  # it has another name
    ],
)
def test_a_peer_that_changed_while_its_name_was_looked_up_is_left_alone(host: Host, meanwhile: str) -> None:
    host.peers("a")
    host.name("a", f"{meanwhile}; echo 192.0.2.2 STREAM")
    done = host.run()
    assert (done.returncode, done.stdout, done.stderr, host.sets) == (0, "", "", [])


def test_names_are_looked_up_without_the_lock_and_endpoints_set_with_it(host: Host) -> None:
    host.peers("a")
    host.name("a", "mkdir -m 0700 locks; flock -n locks/wg0.lock echo 192.0.2.2 STREAM")
    wg = host.root / "bin" / "wg"
    wg.write_text(
        wg.read_text().replace("set) ", f"set) flock -n {host.locks}/wg0.lock echo free >>{host.root}/sets; ")
    )
    assert host.run().returncode == 0
    assert host.sets == ["a 192.0.2.2:51820"]
    assert (
        (host.locks / "wg0.lock").read_text().endswith(f" (cryptokey-wireguard-reresolve) on {os.uname().nodename}\n")
    )


def test_it_waits_for_another_run_and_names_it(host: Host) -> None:
    host.peers("a")
    host.name("a")
    with holding(HOLD, host.locks) as other:
        done = host.run()
        assert (done.returncode, done.stdout, host.sets) == (1, "", [])
        assert f"wg0: locked by another run for 1 seconds: process {other.pid} (" in done.stderr
        assert "; the next run of the timer tries again\n" in done.stderr
    assert host.run().returncode == 0
    assert len(host.sets) == 1


def test_names_that_hang_cost_one_limit(host: Host) -> None:
    dead = [f"dead{number}" for number in range(10)]
    host.peers(*dead, "a")
    for name in dead:
        host.name(name, "exec sleep 600")
    host.name("a")
    begin = time.monotonic()
    done = host.run()
    assert time.monotonic() - begin < 8
    assert host.sets == ["a 192.0.2.2:51820"]
    assert done.stderr.count("has no address now") == 10


@pytest.mark.parametrize("spoil", ["mkdir -m 0755 locks", "mkdir -m 0700 real && ln -s real locks", "touch locks"])
def test_a_directory_of_locks_that_others_could_enter_is_refused(host: Host, spoil: str) -> None:
    host.peers("a")
    host.name("a")
    subprocess.run(["sh", "-c", spoil], cwd=host.root, check=True)
    done = host.run()
    assert (done.returncode, host.sets) == (1, [])
    assert f"{host.locks}: not a directory with mode 0700 of user " in done.stderr


def test_nothing_is_left_behind(host: Host, tmp_path_factory: pytest.TempPathFactory) -> None:
    host.peers("a")
    temporary = tmp_path_factory.mktemp("tmp")
    host.name("a", f"ls {temporary} >seen; echo 192.0.2.2 STREAM")
    assert host.run(TMPDIR=str(temporary)).returncode == 0
    assert (host.root / "seen").read_text() != ""
    assert list(temporary.iterdir()) == []
