# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry in files: what is written when, and that writers lose nothing of each other's."""

from __future__ import annotations

import functools
import multiprocessing
import os
import pwd
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import lock as _lock
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.file import FileStore
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import Records
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import (
    RegistryError,
    parse_records,
    render_records,
)
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment
from ansible_collections.cryptokey.wireguard.tests.unit.registry.records import adding, key_of, records, write_at_once


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path / "registry"))


@pytest.fixture
def path(store: FileStore) -> Path:
    return store.path("home")


def read(path: Path) -> Records:
    return parse_records(path.read_text(), str(path))


def test_it_is_made_readable_for_all(store: FileStore, path: Path) -> None:
    update = store.update("home", adding("b", "a"), write=True)
    assert update.changed
    assert (update.place, update.before, update.after) == (str(path), "", path.read_text())
    assert update.records == read(path) == records("a", "b")
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]


def test_what_is_there_already_is_not_written_again(store: FileStore, path: Path) -> None:
    store.update("home", adding("a"), write=True)
    path.write_text("# mine\n" + path.read_text())
    before = path.stat().st_mtime_ns
    assert not store.update("home", adding("a"), write=True).changed
    assert path.stat().st_mtime_ns == before
    assert path.read_text().startswith("# mine\n")


def test_without_records_there_is_no_file(store: FileStore, path: Path) -> None:
    assert not store.update("home", adding(), write=True).changed
    assert not path.exists()


def test_it_gives_what_is_there_and_says_what_was_and_is(store: FileStore) -> None:
    store.update("home", adding("a"), write=True)
    update = store.update("home", adding("b"), write=True)
    assert update.records == records("a", "b")
    assert key_of("b") not in update.before
    assert update.after == render_records(records("a", "b"))


def test_looking_touches_nothing(store: FileStore, path: Path) -> None:
    update = store.update("home", adding("a"), write=False)
    assert update.changed
    assert key_of("a") in update.after
    assert not path.parent.exists()


def test_a_change_that_is_refused_leaves_the_file_alone(store: FileStore, path: Path) -> None:
    store.update("home", adding("a"), write=True)

    def refuse(_known: Records) -> Records:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.update("home", refuse, write=True)
    assert read(path) == records("a")
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]


def test_a_broken_file_is_refused_and_left_alone(store: FileStore, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("---\nhosts: [a]\n")
    with pytest.raises(RegistryError, match=r"home\.yml, line 2: "):
        store.update("home", adding("a"), write=True)
    assert path.read_text() == "---\nhosts: [a]\n"
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]


def test_a_file_that_cannot_be_read(store: FileStore, path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(RegistryError, match=r"cannot be read: .*; restore it from version control"):
        store.update("home", adding("a"), write=False)


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FileStore(str(tmp_path / "file" / "registry"))
    with pytest.raises(RegistryError, match="make its directory writable"):
        store.update("home", adding("a"), write=True)


def test_where_a_user_may_not_write_there_is_nothing_to_write() -> None:
    """As somebody else than root, who may write anywhere."""
    with tempfile.TemporaryDirectory() as directory:
        store = FileStore(f"{directory}/registry")
        store.update("home", adding("a"), write=True)
        Path(directory).chmod(0o755)
        store.path("home").parent.chmod(0o555)
        answers = in_child(lambda: [store.is_writable("home"), store.update("home", adding("a"), write=False).changed])
        assert answers == [False, False]
        store.path("home").parent.chmod(0o755)


def test_a_directory_that_is_not_there_yet_is_writable_where_it_can_be_made(store: FileStore, path: Path) -> None:
    assert store.is_writable("home")
    assert not path.parent.exists()


def in_child(ask: Callable[[], list[bool]]) -> list[bool]:
    """The answers of a process that is not root's."""

    def answer(connection: Connection) -> None:
        if os.getuid() == 0:
            os.setuid(65534)
        connection.send(ask())

    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=answer, args=(there,))
    child.start()
    child.join()
    assert child.exitcode == 0
    answers: list[bool] = here.recv()
    return answers


HOLD = f"""
import sys
from pathlib import Path
from {_lock.__name__} import locked
with locked(Path(sys.argv[1]), keep=False):
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holding(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another run, which has the lock until its input ends."""
    lock.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(
        command, text=True, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process


def test_a_writer_does_not_wait_for_ever_and_names_the_holder(
    store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lock, "WAIT_SECONDS", 0.2)
    with holding(path.with_name(".home.yml.lock")) as other:
        with pytest.raises(RegistryError) as refused:
            store.update("home", adding("a"), write=True)
        assert str(refused.value) == (
            f"registry {path}: locked by another run for 0.2 seconds: process {other.pid} "
            f"({Path(sys.executable).name}) on {socket.gethostname()}; wait until it ends, or stop it, and run again"
        )
        assert not store.update("home", adding(), write=False).changed
    assert store.update("home", adding("a"), write=True).changed
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]


def test_a_holder_of_another_user_is_named(store: FileStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shares a directory with others cannot open the lock of theirs, and is not root."""
    monkeypatch.setattr(_lock, "WAIT_SECONDS", 0.1)
    path.parent.mkdir()
    lock = path.with_name(".home.yml.lock")
    lock.touch()

    def refuse(*_given: object, **_named: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(RegistryError) as refused:
        store.update("home", adding("a"), write=True)
    owner = pwd.getpwuid(os.getuid()).pw_name
    assert (
        f"locked by another run for 0.1 seconds: user {owner}; if none of their runs is active, remove {lock}"
        in str(refused.value)
    )


def test_a_link_to_the_registry_stays_one(store: FileStore, path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "shared.yml")
    assert store.update("home", adding("a"), write=True).changed
    assert path.is_symlink()
    assert read(tmp_path / "shared.yml") == records("a")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["registry", "shared.yml"]


def test_writers_at_the_same_time_lose_nothing(store: FileStore, path: Path, tmp_path: Path) -> None:
    wanted = write_at_once(functools.partial(FileStore, str(tmp_path / "registry")), 40)
    assert read(path) == wanted
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]
