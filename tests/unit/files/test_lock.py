# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once: they take turns, whoever waits too long is told who is first, and a killed run holds up nobody."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils import _lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._files import atomic_write, read_file
from ansible_collections.cryptokey.wireguard.plugins.module_utils._keyfile import converge_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._lock import interface_lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._startup import ensure_config
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

MODULE = _lock.__name__
HOLD = f"""
import sys
from {MODULE} import interface_lock
with interface_lock("wg0", sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""
HOLD_DIRECTORY = """
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
    assert str(refused.value).startswith(
        f"interface 'wg0': another run has had it locked for 0.2 seconds: process {first.pid} (python"
    )
    assert str(refused.value).endswith("; wait for its end, or end it, and run again")


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
        message = rf"directory '{tmp_path}': another run .*: process {first.pid} \("
        with pytest.raises(InputError, match=message):
            read_file(path)
        with pytest.raises(InputError, match=message):
            atomic_write(path, b"new", 0o600)
    content = read_file(path)
    assert content is not None
    assert content.data == b"old"


def test_where_there_can_be_no_lock(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"interface 'wg0': cannot be locked: .*; run the module as root, with become"),
        interface_lock("wg0", str(tmp_path / "file" / "below")),
    ):
        raise AssertionError("locked where there is no directory")


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
    results = at_once("keypair", [{"path": path}] * 4)
    assert sorted(result["changed"] for result in results) == [False, False, False, True]
    kept = converge_key({"interface": "wg0", "path": path, "state": "present"})
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
