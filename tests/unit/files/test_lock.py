# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once: they take turns, and an error names the holder. No killed run and no other user blocks one."""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import lock as _lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import atomic_write, remove_file
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.keyfile import converge_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import directory_lock, interface_lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.reading import read_file
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

MODULE = _lock.__name__
HOLD = f"""
import sys
from {MODULE} import interface_lock
with interface_lock("wg0", sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""
HOLD_DIRECTORY = f"""
import os, sys
from {MODULE} import directory_lock
with directory_lock(sys.argv[1], os.stat(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""
# What every user can do to a directory that they can read.
HOLD_AS_ANOTHER_USER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(script: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which has the lock until its input ends."""
    command = [sys.executable, "-c", script, str(directory)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment(), **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lock, "WAIT_SECONDS", 0.2)


@pytest.mark.usefixtures("_soon")
def test_who_comes_second_is_told_who_is_first(tmp_path: Path) -> None:
    with holding(HOLD, tmp_path) as first, pytest.raises(InputError) as refused, interface_lock("wg0", str(tmp_path)):
        raise AssertionError("locked by two")
    name = f"({Path(sys.executable).name}) on {socket.gethostname()}"
    assert str(refused.value) == (
        f"interface 'wg0': locked by another run for 0.2 seconds: process {first.pid} {name}; "
        "wait until it ends, or stop it, and run again"
    )


@pytest.mark.usefixtures("_soon")
def test_a_killed_run_holds_up_nobody(tmp_path: Path) -> None:
    with holding(HOLD, tmp_path) as first:
        first.kill()
        first.wait()
        with interface_lock("wg0", str(tmp_path)):
            pass


@pytest.mark.usefixtures("_soon")
def test_another_interface_is_another_lock(tmp_path: Path) -> None:
    with holding(HOLD, tmp_path), interface_lock("wg1", str(tmp_path)):
        pass


def test_who_comes_second_waits(tmp_path: Path) -> None:
    with holding(HOLD, tmp_path) as first:
        assert first.stdin is not None
        threading.Timer(0.3, first.stdin.close).start()
        with interface_lock("wg0", str(tmp_path)):
            assert first.wait() == 0


@pytest.mark.usefixtures("_soon")
def test_a_directory_that_another_run_has_locked(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    atomic_write(path, b"old", 0o600)
    with holding(HOLD_DIRECTORY, tmp_path) as first:
        with pytest.raises(
            InputError, match=rf"directory '{tmp_path}': locked by another run .*: process {first.pid} \("
        ):
            atomic_write(path, b"new", 0o600)
        # Readers do not wait: a file is always whole.
        assert data_of(path) == b"old"
    atomic_write(path, b"new", 0o600)
    assert data_of(path) == b"new"


@pytest.mark.usefixtures("_soon")
def test_a_lock_on_the_directory_itself_holds_up_nobody(tmp_path: Path) -> None:
    """Any local user can take one on /etc/sysctl.d, or on a file that they can read there."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with holding(HOLD_AS_ANOTHER_USER, tmp_path), holding(HOLD_AS_ANOTHER_USER, path):
        atomic_write(str(path), b"new", 0o600)
        assert data_of(str(path)) == b"new"
        assert remove_file(str(path))


def test_only_the_owner_can_open_a_lock(tmp_path: Path) -> None:
    directory = tmp_path / "run" / "locks"
    with interface_lock("wg0", str(directory)):
        assert mode_of(directory) == 0o700
        assert mode_of(directory / "wg0.lock") == 0o600
    directory.chmod(0o755)
    with interface_lock("wg0", str(directory)):
        assert mode_of(directory) == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_directory_of_locks_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "locks"
    directory.mkdir()
    directory.chmod(mode)
    with (
        pytest.raises(
            InputError, match=f"'{directory}': mode {mode:04o}: others could hold .*; remove it and run again"
        ),
        interface_lock("wg0", str(directory)),
    ):
        raise AssertionError("locked where others can lock")
    assert list(directory.iterdir()) == []


def test_a_directory_of_locks_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    (tmp_path / "locks").mkdir(0o700)
    with (
        pytest.raises(InputError, match=f"owned by user {owner}, who could hold the locks in it; remove it"),
        interface_lock("wg0", str(tmp_path / "locks")),
    ):
        raise AssertionError("locked where another user can lock")


def test_no_lock_is_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "wg1.lock").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").write_text("precious")
    with (
        pytest.raises(InputError, match="not a directory, so it cannot hold locks"),
        interface_lock("wg0", str(tmp_path / "link")),
    ):
        raise AssertionError("locked through a link")
    with pytest.raises(InputError, match="cannot be locked"), interface_lock("wg1", str(tmp_path / "real")):
        raise AssertionError("locked through a link")
    assert (tmp_path / "victim").read_text() == "precious"


def test_the_locks_of_directories_leave_no_files_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = tmp_path / "locks"
    monkeypatch.setattr(_lock, "_directory_of_user", lambda: str(locks))
    with directory_lock(str(tmp_path), tmp_path.stat()):
        (lock,) = locks.iterdir()
        assert (mode_of(lock), len(lock.name) > 15) == (0o600, True)
    assert list(locks.iterdir()) == []


def test_each_user_has_a_directory_of_locks_wherever_a_run_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda user: SimpleNamespace(pw_dir=f"/home/{'ada' if user else 'root'}"))
    found = []
    for user in (0, 1000):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        found.append(_lock._directory_of_user())
    assert found == ["/run/cryptokey-wireguard", "/home/ada/.cache/cryptokey-wireguard"]


def test_where_there_can_be_no_lock(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"interface 'wg0': cannot be locked: .*; run the module as root, with become"),
        interface_lock("wg0", str(tmp_path / "file" / "below")),
    ):
        raise AssertionError("locked where there is no directory")


def data_of(path: str) -> bytes:
    content = read_file(path)
    assert content is not None
    return content.data


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def at_once(module: str, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of real processes of a module, all under way at the same time."""
    prefix = "ansible_collections.cryptokey.wireguard.plugins.modules"
    wrapper = (
        "import sys, runpy; from ansible.module_utils import basic; sys.stdin.buffer.peek(); "
        "basic._ANSIBLE_PROFILE = getattr(basic, '_ANSIBLE_PROFILE', None) or 'legacy'; "
        f"runpy.run_module('{prefix}.{module}', run_name='__main__', alter_sys=True)"
    )
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    running = [
        subprocess.Popen([sys.executable, "-c", wrapper], text=True, env=environment(), **pipes) for _each in requests
    ]
    for process, arguments in zip(running, requests, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        process.stdin.close()
    outputs = []
    for process in running:
        assert process.stdout is not None
        with process.stdout:
            outputs.append(process.stdout.read())
    assert [process.wait() for process in running] == [0] * len(running), outputs
    return [json.loads(output) for output in outputs]


def test_two_that_make_a_key_have_the_same(tmp_path: Path) -> None:
    path = str(tmp_path / "private" / "wg0.key")
    results = at_once("keypair", [{"private_key_file": path}] * 4)
    assert sorted(result["changed"] for result in results) == [False, False, False, True]
    kept = converge_key({"interface": "wg0", "private_key_file": path, "state": "present"})
    assert {result["public_key"] for result in results} == {str(kept.public_key)}


def test_two_that_add_peers_lose_none(tmp_path: Path) -> None:
    key = tmp_path / "wg0.key"
    key.write_text(PrivateKey(b"private key, thirty-two bytes ok").reveal_base64())
    key.chmod(0o600)
    path = str(tmp_path / "etc" / "wg0.conf")
    base = {"interface": "wg0", "path": path, "private_key_file": str(key), "peers_mode": "merge"}
    peers = [[{"public_key": str(PublicKey(bytes([n]) * 32))}] for n in range(1, 6)]
    results = at_once("config", [{**base, "peers": each} for each in peers])
    assert [result["changed"] for result in results] == [True] * 5
    assert not ensure_config(
        {**base, "peers": [peer for each in peers for peer in each], "peers_mode": "exact"}
    ).changed
