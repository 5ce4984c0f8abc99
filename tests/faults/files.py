# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that write files, to be killed: what is there after is whole, and the next run mends the rest."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import find_private_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.file import FileStore
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import parse_records
from ansible_collections.cryptokey.wireguard.tests.faults.kills import Scenario, finish
from ansible_collections.cryptokey.wireguard.tests.faults.modules import changes, module, result_of
from ansible_collections.cryptokey.wireguard.tests.unit.registry.records import adding, records

KEY = PrivateKey(b"private key, thirty-two bytes ok")
PRESHARED = base64.b64encode(b"preshared key, also 32 bytes, ok").decode()
PEERS = [
    {"public_key": str(PublicKey(letter * 32)), "preshared_key": PRESHARED, "allowed_ips": [f"10.0.0.{n}/32"]}
    for n, letter in enumerate((b"a", b"b", b"c"), 1)
]
KEY_FILE = ("wg0.key", KEY.reveal_base64())


def cleared(folder: Path, *files: tuple[str, str]) -> Callable[[], None]:
    """Makes a folder anew, with these files in it."""

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        for name, text in files:
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)

    return prepare


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def holders(folder: Path, *secrets: str) -> list[str]:
    """The files with one of the secrets in them."""
    return [name for name in names(folder) if any(secret in (folder / name).read_text() for secret in secrets)]


def public_keys(text: str) -> list[str]:
    return re.findall(r"^PublicKey = (\S+)$", text, re.MULTILINE)


def config(etc: Path, peers: list[dict[str, Any]]) -> Callable[[], None]:
    options = {"interface": "wg0", "path": str(etc / "wg0.conf"), "private_key_file": str(etc / "wg0.key")}
    return module("config", {**options, "peers": peers, "addresses": ["10.0.0.9/24"]})


def file_scenarios(folder: Path, work: Path) -> Iterator[Scenario]:
    """``folder`` is what the runs write to, ``work`` what the harness does."""
    yield _key_made(folder / "made", work)
    yield _key_removed(folder / "removed", work)
    yield _config_replaced(folder / "replaced", work)
    yield _config_taken_back(folder / "taken_back", work)
    yield _registry_changed(folder / "registry")


def _key_made(etc: Path, work: Path) -> Scenario:
    path = etc / "wg0.key"
    run = module("keypair", {"private_key_file": str(path)})

    def check() -> None:
        left = find_private_key(str(path))
        made = result_of(run, work)
        kept = find_private_key(str(path))
        assert kept is not None
        assert made["public_key"] == str(public_key_of(kept))
        assert made["changed"] is (left is None)
        assert left in (None, kept)
        assert changes(run, work, 1) == [False]
        assert names(etc) == ["wg0.key"]

    return Scenario("keypair: a key is made", cleared(etc), run, check)


def _key_removed(etc: Path, work: Path) -> Scenario:
    run = module("keypair", {"private_key_file": str(etc / "wg0.key"), "state": "absent"})

    def check() -> None:
        assert holders(etc, KEY.reveal_base64()) in ([], ["wg0.key"])
        assert changes(run, work)[1] is False
        assert names(etc) == []

    return Scenario("keypair: a key is removed", cleared(etc, KEY_FILE), run, check)


def _config_replaced(etc: Path, work: Path) -> Scenario:
    path = etc / "wg0.conf"
    old, new = (_text_of(config(etc, peers), etc, work) for peers in (PEERS[:2], PEERS[1:]))
    run = config(etc, PEERS[1:])

    def check() -> None:
        left = path.read_text()
        assert left in (old, new)
        assert changes(run, work) == [left == old, False]
        assert path.read_text() == new
        assert names(etc) == holders(etc, KEY.reveal_base64(), PRESHARED) == ["wg0.conf", "wg0.key"]

    return Scenario("config: a file is replaced", cleared(etc, KEY_FILE, ("wg0.conf", old)), run, check)


def _config_taken_back(etc: Path, work: Path) -> Scenario:
    """What is asked for after the kill is what was there before, so that the next run has nothing to write."""
    before = config(etc, PEERS[:2])
    old = _text_of(before, etc, work)

    def check() -> None:
        assert changes(before, work)[1] is False
        assert sorted(public_keys((etc / "wg0.conf").read_text())) == sorted(public_keys(old))
        assert names(etc) == ["wg0.conf", "wg0.key"]

    start = cleared(etc, KEY_FILE, ("wg0.conf", old))
    return Scenario("config: a change is taken back", start, config(etc, PEERS[1:]), check)


def _text_of(run: Callable[[], None], etc: Path, work: Path) -> str:
    """What the run makes of an empty folder with a key."""
    cleared(etc, KEY_FILE)()
    finish(run, work / "made")
    return (etc / "wg0.conf").read_text()


def _registry_changed(folder: Path) -> Scenario:
    store = FileStore(str(folder))

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        store.update("home", adding("a"), write=True)
        store.update("home", adding("a"), write=True)  # reads, so that no run is the first to load what that takes

    def run() -> None:
        store.update("home", adding("b"), write=True)

    def check() -> None:
        left = parse_records(store.path("home").read_text(), "")
        assert left in (records("a"), records("a", "b"))
        assert store.update("home", adding("b"), write=True).changed is (left == records("a"))
        assert not store.update("home", adding("b"), write=True).changed
        # A lock's file may be left of a run that had done all but that: nobody holds it.
        assert set(names(folder)) <= {"home.yml", ".home.yml.lock"}

    return Scenario("registry: a host is recorded", prepare, run, check)
