# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that write files are killed at every call by which they do: what is there is whole, and the next run mends it."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._keyfile import find_private_key, public_key_of
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.file import FileStore
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import parse_records
from ansible_collections.cryptokey.wireguard.tests.faults.kills import FILES, each_kill, finish
from ansible_collections.cryptokey.wireguard.tests.faults.modules import changes, module, result_of
from ansible_collections.cryptokey.wireguard.tests.unit.registry.records import adding, records

KEY = PrivateKey(b"private key, thirty-two bytes ok")
PRESHARED = base64.b64encode(b"preshared key, also 32 bytes, ok").decode()
PEERS = [
    {"public_key": str(PublicKey(letter * 32)), "preshared_key": PRESHARED, "allowed_ips": [f"10.0.0.{n}/32"]}
    for n, letter in enumerate((b"a", b"b", b"c"), 1)
]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder for what the harness itself writes."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    return tmp_path / "wireguard"


def cleared(folder: Path, *files: tuple[str, str]) -> Callable[[], None]:
    """Makes a folder anew, with these files in it."""

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        for name, text in files:
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)

    return prepare


def holders(folder: Path, *secrets: str) -> list[str]:
    """The files with one of the secrets in them."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.name for path in files if any(secret in path.read_text() for secret in secrets)]


def test_a_new_key(etc: Path, work: Path) -> None:
    path = etc / "wg0.key"
    run = module("keypair", {"path": str(path)})
    killed = 0
    for killed, _kill in enumerate(each_kill(run, cleared(etc), work, FILES), 1):
        left = find_private_key(str(path))
        made = result_of(run, work)
        kept = find_private_key(str(path))
        assert kept is not None
        assert made["public_key"] == str(public_key_of(kept))
        assert made["changed"] is (left is None)
        assert left in (None, kept)
        assert changes(run, work, 1) == [False]
        assert [entry.name for entry in etc.iterdir()] == ["wg0.key"]
    assert killed > 5


def test_a_key_that_is_removed(etc: Path, work: Path) -> None:
    run = module("keypair", {"path": str(etc / "wg0.key"), "state": "absent"})
    for _kill in each_kill(run, cleared(etc, ("wg0.key", KEY.reveal_base64())), work, FILES):
        assert holders(etc, KEY.reveal_base64()) in ([], ["wg0.key"])
        assert changes(run, work)[1] is False
        assert list(etc.iterdir()) == []


def config(etc: Path, peers: list[dict[str, Any]], **more: Any) -> Callable[[], None]:
    options = {"interface": "wg0", "path": str(etc / "wg0.conf"), "private_key_file": str(etc / "wg0.key")}
    return module("config", {**options, "peers": peers, "addresses": ["10.0.0.9/24"], **more})


def test_a_configuration_that_is_replaced(etc: Path, work: Path) -> None:
    path = etc / "wg0.conf"
    before, after = config(etc, PEERS[:2]), config(etc, PEERS[1:])
    texts = []
    for run in (before, after):
        cleared(etc, ("wg0.key", KEY.reveal_base64()))()
        finish(run, work / "made")
        texts.append(path.read_text())
    old, new = texts
    killed = 0
    start = cleared(etc, ("wg0.key", KEY.reveal_base64()), ("wg0.conf", old))
    for killed, _kill in enumerate(each_kill(after, start, work, FILES), 1):
        left = path.read_text()
        assert left in (old, new)
        assert changes(after, work) == [left == old, False]
        assert path.read_text() == new
        assert holders(etc, KEY.reveal_base64(), PRESHARED) == ["wg0.conf", "wg0.key"]
    assert killed > 5


def test_what_a_killed_run_leaves_is_gone_though_the_next_one_has_nothing_to_write(etc: Path, work: Path) -> None:
    before, after = config(etc, PEERS[:2]), config(etc, PEERS[1:])
    cleared(etc, ("wg0.key", KEY.reveal_base64()))()
    finish(before, work / "made")
    start = cleared(etc, ("wg0.key", KEY.reveal_base64()), ("wg0.conf", (etc / "wg0.conf").read_text()))
    left = set()
    for _kill in each_kill(after, start, work, ("fsync", "rename", "renameat", "renameat2")):
        left |= {entry.name for entry in etc.iterdir()}
        finish(before, work / "back")
        assert sorted(entry.name for entry in etc.iterdir()) == ["wg0.conf", "wg0.key"]
    assert ".wg0.conf.new" in left


def test_a_registry(tmp_path: Path, work: Path) -> None:
    folder = tmp_path / "registry"
    store = FileStore(str(folder))

    def start() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        store.update("home", adding("a"), write=True)
        store.update("home", adding("a"), write=True)  # reads, so that no run is the first to load what that takes

    def run() -> None:
        store.update("home", adding("b"), write=True)

    killed = 0
    for killed, _kill in enumerate(each_kill(run, start, work, FILES), 1):
        left = parse_records(store.path("home").read_text(), "")
        assert left in (records("a"), records("a", "b"))
        assert store.update("home", adding("b"), write=True).changed is (left == records("a"))
        assert not store.update("home", adding("b"), write=True).changed
        # Of a run that was killed when all but that had been done; nothing was left to write.
        assert {entry.name for entry in folder.iterdir()} <= {"home.yml", ".home.yml.lock"}
    assert killed > 5
