# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry: what it keeps, what it refuses, and that writers lose nothing of each other's."""

from __future__ import annotations

import base64
import hashlib
import multiprocessing
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry import (
    RegistryError,
    read_registry,
    registry_path,
    update_registry,
)


def key_of(host: str) -> str:
    return base64.b64encode(hashlib.sha256(host.encode()).digest()).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return registry_path(str(tmp_path / "registry"), "home")


def keys(*hosts: str) -> dict[str, str]:
    return {host: key_of(host) for host in hosts}


def test_it_is_made_sorted_and_readable_for_all(path: Path) -> None:
    update = update_registry(path, ["b", "a"], keys("b", "a"))
    assert update.changed
    assert path.read_text().splitlines()[1:] == [
        "---",
        "hosts:",
        "  a:",
        f"    public_key: {key_of('a')}",
        "  b:",
        f"    public_key: {key_of('b')}",
    ]
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]
    assert read_registry(path) == keys("a", "b") == update.keys


def test_what_is_there_already_is_not_written_again(path: Path) -> None:
    update_registry(path, ["a"], keys("a"))
    path.write_text("# mine\n" + path.read_text())
    before = path.stat().st_mtime_ns
    assert not update_registry(path, ["a"], keys("a")).changed
    assert not update_registry(path, ["a"], {}).changed
    assert path.stat().st_mtime_ns == before
    assert path.read_text().startswith("# mine\n")


def test_without_members_there_is_no_file(path: Path) -> None:
    assert not update_registry(path, ["a"], {}).changed
    assert not path.exists()


def test_it_merges_and_drops_whom_the_inventory_no_longer_names(path: Path) -> None:
    update_registry(path, ["a", "b"], keys("a", "b"))
    update = update_registry(path, ["b", "c"], keys("c"))
    assert read_registry(path) == keys("b", "c")
    assert f"  a:\n    public_key: {key_of('a')}" in update.before
    assert key_of("a") not in update.after


def test_a_changed_key_is_taken_and_named(path: Path) -> None:
    update_registry(path, ["a", "b"], keys("a", "b"))
    update = update_registry(path, ["a", "b"], {"a": key_of("another"), "b": key_of("b")})
    assert update.replaced == ["a"]
    assert read_registry(path)["a"] == key_of("another")


def test_check_mode_touches_nothing(path: Path) -> None:
    update = update_registry(path, ["a"], keys("a"), write=False)
    assert update.changed
    assert key_of("a") in update.after
    assert not path.parent.exists()


def test_names_that_yaml_would_take_for_something_else(path: Path) -> None:
    hosts = ["1", "null", "yes", "1.5", "2001-01-01", "a: b", "ü", "#x", "~"]
    update_registry(path, hosts, keys(*hosts))
    assert read_registry(path) == keys(*hosts)


BROKEN = {
    "empty": ("", 1, "here belongs a mapping with hosts"),
    "torn in a line": ("---\nhosts:\n  a: {}\n  b:\n    publ", 5, "here belongs a mapping"),
    "torn in a key": (f"---\nhosts:\n  a:\n    public_key: {key_of('a')[:20]}\n", 4, "not a WireGuard key"),
    "zeros after a power cut": (f"---\nhosts:\n  a:\n    public_key: {key_of('a')}\n\0\0\0", 5, "not YAML"),
    "a conflict of a merge": ("---\nhosts:\n<<<<<<< HEAD\n  a:\n", 4, "not YAML"),
    "a host twice": ("---\nhosts:\n  a: {}\n  a: {}\n", 4, "a is here for the second time"),
    "an unknown fact": ("---\nhosts:\n  a: {private_key: x}\n", 3, "private_key is unknown"),
    "an unknown part": ("---\nhosts: {}\nhost: {}\n", 3, "host is unknown"),
    "a list": ("---\nhosts: [a]\n", 2, "here belongs a mapping"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_its_line_and_left_alone(path: Path, case: str) -> None:
    text, line, problem = BROKEN[case]
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(RegistryError) as caught:
        update_registry(path, ["a"], keys("a"))
    assert f"{path}, line {line}: " in str(caught.value)
    assert problem in str(caught.value)
    assert "restore the file from version control" in str(caught.value)
    assert path.read_text() == text
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RegistryError, match="make its directory writable"):
        update_registry(tmp_path / "file" / "registry" / "home.yml", ["a"], keys("a"))


def write_in_turn(path: Path, prefix: str, count: int) -> None:
    everyone = {f"{letter}{number}" for letter in "abc" for number in range(count)}
    for number in range(count):
        update_registry(path, everyone, keys(f"{prefix}{number}"))


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    count = 40
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_in_turn, args=(path, letter, count)) for letter in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert read_registry(path) == keys(*(f"{letter}{number}" for letter in "abc" for number in range(count)))
    assert [entry.name for entry in path.parent.iterdir()] == ["home.yml"]
