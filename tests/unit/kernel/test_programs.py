# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time limit of every program that is run on a host: programs that hang are real ones, the limit is short."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import ping
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.ping import send_pings
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import dns, nft, programs
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.programs import Finished, run_program
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS, Dns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError

PLUGINS = Path(__file__).parents[3] / "plugins"
# What hangs by itself, and what has a child hang with it, which holds its output open.
SLEEPS = "exec sleep 600"
FORKS = "sleep 600 & echo $! >>PIDS; wait"
# What ends by itself, and leaves a child behind that holds its output open.
LEAVES = "sleep 5 & echo done"

Make = Callable[[str, str], str]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a program of a shell script, to be found first, and gives its path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make_program(name: str, script: str) -> str:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script.replace('PIDS', str(tmp_path / 'pids'))}\n")
        path.chmod(0o755)
        return str(path)

    return make_program


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "LIMIT_SECONDS", 0.3)
    monkeypatch.setattr(ping, "SPARE_SECONDS", -1.0)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


USERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "nft reads": ("nft", lambda _path: nft.list_rules(2, "wg-quick-wg0")),
    "nft writes": ("nft", lambda _path: nft.replace_rules("wg0", 2, frozenset({"preraw drop"}))),
    "nft removes": ("nft", lambda _path: nft.replace_rules("wg0", 2, frozenset())),
    "systemctl": ("systemctl", lambda _path: dns._resolved_runs()),
    "resolvectl reads": ("resolvectl", lambda path: dns.Resolved(path).read("lo")),
    "resolvectl writes": ("resolvectl", lambda path: dns.Resolved(path).write("lo", NO_DNS)),
    "resolvconf reads": ("resolvconf", lambda path: dns.Resolvconf(path).read("lo")),
    "resolvconf writes": ("resolvconf", lambda path: dns.Resolvconf(path).write("lo", Dns(("10.9.0.1",)))),
    "resolvconf deletes": ("resolvconf", lambda path: dns.Resolvconf(path).write("lo", NO_DNS)),
}


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("script", [SLEEPS, FORKS], ids=["it hangs", "its child hangs"])
@pytest.mark.parametrize("user", USERS)
def test_a_program_that_hangs_is_ended(
    user: str, script: str, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, use = USERS[user]
    monkeypatch.setattr(dns, "_RESOLVED_FOLDER", str(tmp_path))
    path = make(name, script)
    begun = time.monotonic()
    with pytest.raises(KernelError, match=rf"^[a-z -]+.*: {name} did not finish within 0\.3 s: .* \(ETIMEDOUT\)"):
        use(path)
    assert time.monotonic() - begun < 5
    pids = tmp_path / "pids"
    deadline = time.monotonic() + 5
    while pids.exists() and any(map(is_alive, map(int, pids.read_text().split()))) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not (pids.exists() and any(map(is_alive, map(int, pids.read_text().split()))))


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("script", [SLEEPS, FORKS], ids=["it hangs", "its child hangs"])
def test_a_ping_that_hangs_is_ended(script: str, make: Make) -> None:
    options = {"interface": "lo", "targets": [{"name": "hub", "address": "127.0.0.1"}], "count": 1, "timeout": 1}
    begun = time.monotonic()
    (result,) = send_pings(options, make("ping", script))
    assert result["reachable"] is False
    assert re.match(r"ping hub: ping did not finish within 0\.2 s: check whether .* \(ETIMEDOUT\)", result["problem"])
    assert time.monotonic() - begun < 5


def test_a_program_that_leaves_a_child_behind_is_not_waited_for(make: Make) -> None:
    begun = time.monotonic()
    assert run_program([make("resolvconf", LEAVES)], "try") == Finished(0, "done\n", "")
    assert time.monotonic() - begun < 4


def test_what_a_program_is_given_and_gives(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    text = "ä" * 100_000
    done = run_program([make("cat-twice", 'cat; printf "%s\\377" "$LC_ALL $1" >&2; exit 3'), "x"], "try", text)
    assert done == Finished(3, text, "C x\N{REPLACEMENT CHARACTER}")
    assert run_program([make("silent", "exit 4")], "try").complaint == "it failed with exit code 4 and no output"


def test_a_program_that_cannot_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(KernelError, match=r"^try: .*/nothing cannot be started \(ENOENT\)"):
        run_program([str(tmp_path / "nothing")], "try")


def test_a_run_that_is_interrupted_leaves_no_program_behind(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def interrupt(process: subprocess.Popen[bytes], timeout: float) -> int:
        if not started:
            started.append(process.pid)
            raise KeyboardInterrupt
        return wait(process, timeout)

    wait = subprocess.Popen.wait
    monkeypatch.setattr(subprocess.Popen, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_program([make("nft", SLEEPS)], "try")
    assert not is_alive(started[0])


def test_every_program_of_the_system_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert programs.find_program("sh")
    assert programs.find_program("nft")
    assert programs.find_program("no such program") is None


def test_nothing_else_runs_a_program() -> None:
    """The watchdog's own helper has its time limit; all others use the one that is tested here."""
    runs = re.compile(r"\bsubprocess\b|\bos\.(system|popen|spawn\w*|posix_spawn\w*|exec\w+)\b|\brun_command\b")
    users = [path.relative_to(PLUGINS) for path in PLUGINS.rglob("*.py") if runs.search(path.read_text())]
    assert sorted(map(str, users)) == [
        "module_utils/_host/programs.py",
        "module_utils/_provisional/watchdog.py",
        "plugin_utils/_hosts/lifeline.py",  # the controller's ssh
    ]
