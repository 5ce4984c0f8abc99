# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry in a cache that can but read and write values. Ansible's own are tried with the action plugin."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.cache import CacheStore
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError, parse_records
from ansible_collections.cryptokey.wireguard.tests.unit.registry.records import adding, records, write_at_once

KEY = "cryptokey_wireguard_home"
TURN = f"{KEY}_turn"


class Directory:
    """A cache with a file for each key."""

    name = "directory"

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, key: str) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            return (self._path / key).read_text()
        return None

    def write(self, key: str, text: str) -> None:
        temporary = self._path / f".{os.getpid()}"
        temporary.write_text(text)
        temporary.replace(self._path / key)


class Interrupted(Directory):
    """One in which others, who ignore the turns, write right after each of the first writes of the records."""

    def __init__(self, path: Path, others: list[str]) -> None:
        super().__init__(path)
        self._others = others

    def write(self, key: str, text: str) -> None:
        super().write(key, text)
        if key == KEY and self._others:
            super().write(key, self._others.pop(0))


class Forgetful(Directory):
    def write(self, key: str, text: str) -> None:
        if key == TURN:
            super().write(key, text)


def store_of(cache: Directory, lease: float = 60.0) -> CacheStore:
    return CacheStore(cache, wait=0.02, lease=lease)


def test_it_is_kept_as_text_and_read_back(tmp_path: Path) -> None:
    store = store_of(Directory(tmp_path))
    update = store.update("home", adding("a"), write=True)
    assert update.changed
    assert update.place == f"{KEY} in the cache directory"
    assert (tmp_path / KEY).read_text() == update.after
    assert store.update("home", adding("b"), write=True).records == records("a", "b")
    assert not store.update("home", adding("b"), write=True).changed
    assert (tmp_path / TURN).read_text() == ""
    assert store.is_writable("home")


def test_looking_touches_nothing(tmp_path: Path) -> None:
    assert store_of(Directory(tmp_path)).update("home", adding("a"), write=False).changed
    assert list(tmp_path.iterdir()) == []


def test_a_change_that_is_refused_gives_the_turn_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        store_of(Directory(tmp_path)).update("home", lambda known: records(str(1 // 0)), write=True)
    assert (tmp_path / TURN).read_text() == ""
    assert not (tmp_path / KEY).exists()


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    make: Callable[[], CacheStore] = functools.partial(CacheStore, Directory(tmp_path), wait=0.05)
    wanted = write_at_once(make, 8)
    assert parse_records((tmp_path / KEY).read_text(), "x") == wanted


def test_what_another_overwrote_is_merged_again(tmp_path: Path) -> None:
    other = store_of(Directory(tmp_path)).update("home", adding("other"), write=False).after
    update = store_of(Interrupted(tmp_path, [other])).update("home", adding("a"), write=True)
    assert update.records == records("a", "other")
    assert parse_records((tmp_path / KEY).read_text(), "x") == records("a", "other")


def test_a_cache_that_does_not_keep_what_it_is_given(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="the cache did not store the value; check its settings"):
        store_of(Forgetful(tmp_path)).update("home", adding("a"), write=True)


def test_the_turn_of_a_dead_writer_is_taken_over(tmp_path: Path) -> None:
    Directory(tmp_path).write(TURN, "somebody")
    started = time.monotonic()
    store_of(Directory(tmp_path), lease=0.4).update("home", adding("a"), write=True)
    assert time.monotonic() - started > 0.4
    assert parse_records((tmp_path / KEY).read_text(), "x") == records("a")


def test_a_broken_value_is_refused_with_its_key(tmp_path: Path) -> None:
    Directory(tmp_path).write(KEY, "---\nhosts: [a]\n")
    with pytest.raises(RegistryError, match=f"registry {KEY} in the cache directory, line 2: "):
        store_of(Directory(tmp_path)).update("home", adding("a"), write=True)
