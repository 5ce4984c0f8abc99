# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys beside each other: whatever files a crash has left, it is known which key is in use and where to go on."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import keyfile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.keyfile import (
    KeyResult,
    Keys,
    converge_key,
    read_keys,
    remove_old_key,
    switch_keys,
    switch_keys_back,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import default_path
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of

A, B, C = (PrivateKey(bytes([number] * 32)) for number in (1, 2, 3))
LETTERS = {A: "a", B: "b", C: "c", None: "-"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "wg0.key"


def put(path: Path, files: str) -> None:
    """``abc``: a in use, b the next, c the old one; ``-`` for none."""
    for suffix, letter in zip(("", ".next", ".old"), files, strict=True):
        file = path.with_name(path.name + suffix)
        file.unlink(missing_ok=True)
        for key, name in LETTERS.items():
            if name == letter and key:
                file.touch(0o600)
                file.write_text(key.reveal_base64() + "\n")


def files(path: Path) -> str:
    found = ""
    for suffix in ("", ".next", ".old"):
        file = path.with_name(path.name + suffix)
        text = file.read_text().strip() if file.exists() else ""
        found += next((name for key, name in LETTERS.items() if key and key.reveal_base64() == text), "-")
    return found


def converge(path: Path, state: str, check_mode: bool = False) -> KeyResult:
    options = {"interface": "wg0", "private_key_file": str(path), "state": state}
    return converge_key(options, check_mode, str(path.parent))


@pytest.mark.parametrize(
    ("before", "meaning", "switched", "back", "settled"),
    [
        # A next key, and what a crash leaves on the way to it.
        ("ab-", Keys(A, B, None), "b-a", None, "ab-"),
        ("aba", Keys(A, B, None), "b-a", None, "ab-"),
        # The next one is in use, and what a crash leaves on the way back.
        ("b-a", Keys(B, None, A), None, "ab-", "b--"),
        ("bba", Keys(B, None, A), None, "ab-", "b--"),
        # Nothing to do.
        ("a--", Keys(A, None, None), None, None, "a--"),
        ("a-a", Keys(A, None, None), None, None, "a--"),
        ("aa-", Keys(A, None, None), None, None, "a--"),
    ],
)
def test_each_state_of_the_files_says_where_to_go_on(
    path: Path, before: str, meaning: Keys, switched: str | None, back: str | None, settled: str
) -> None:
    put(path, before)
    assert read_keys(str(path)) == meaning
    for step, after in ((switch_keys, switched), (switch_keys_back, back)):
        put(path, before)
        if after is None:
            with pytest.raises(InputError, match=r"there is no (next|old) key"):
                step(str(path))
            assert files(path) == before
        else:
            assert step(str(path)) == read_keys(str(path))
            assert files(path) == after
    put(path, before)
    assert remove_old_key(str(path), check_mode=True) is (settled != before)
    assert files(path) == before
    assert remove_old_key(str(path)) is (settled != before)
    assert files(path) == settled
    assert remove_old_key(str(path)) is False


@pytest.mark.parametrize(("step", "before"), [(switch_keys, "ab-"), (switch_keys_back, "b-a")])
def test_a_crash_at_any_step_loses_no_key_and_repeating_it_ends_it(
    path: Path, step: Callable[[str], Keys], before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("fsync", "link", "rename", "unlink", "open")
    count = 0
    while True:
        put(path, before)
        left = count

        def crash_or(name: str) -> Callable[..., object]:
            real = getattr(os, name)

            def run(*given: object, **named: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
                return real(*given, **named)

            return run

        with monkeypatch.context() as patched:
            for name in names:
                patched.setattr(os, name, crash_or(name))
            try:
                step(str(path))
                break
            except KeyboardInterrupt:
                count += 1
        keys = read_keys(str(path))
        assert keys.current in (A, B)
        assert {keys.current, keys.next, keys.old} - {None} == {A, B}
        if keys == Keys(*([A, B, None] if before == "ab-" else [B, None, A])):
            step(str(path))
        assert files(path).strip("-") == ("b-a" if before == "ab-" else "ab")
    assert count > 8


def test_a_next_key_is_made_once_and_not_beside_an_old_one(path: Path) -> None:
    put(path, "a--")
    assert converge(path, "next", check_mode=True) == KeyResult(True, str(path), public_key_of(A))
    assert files(path) == "a--"
    made = converge(path, "next")
    assert (made.changed, made.public_key) == (True, public_key_of(A))
    file = path.with_name("wg0.key.next")
    key = PrivateKey(base64.b64decode(file.read_text()))
    assert (made.next_public_key, stat.S_IMODE(file.stat().st_mode)) == (public_key_of(key), 0o600)
    assert converge(path, "next") == made._replace(changed=False)
    assert converge(path, "present") == made._replace(changed=False)

    switch_keys(str(path))
    switched = KeyResult(False, str(path), public_key_of(key), None, None, public_key_of(A))
    assert converge(path, "next") == converge(path, "present") == switched
    assert converge(path, "settled") == KeyResult(True, str(path), public_key_of(key))
    assert converge(path, "settled") == KeyResult(False, str(path), public_key_of(key))


def test_without_any_key_both_are_made(path: Path) -> None:
    assert converge(path, "next", check_mode=True) == KeyResult(True, str(path))
    made = converge(path, "next")
    assert made.changed
    assert made.public_key != made.next_public_key


def test_absent_leaves_none(path: Path) -> None:
    put(path, "abc")
    assert converge(path, "absent", check_mode=True).changed
    assert files(path) == "abc"
    assert converge(path, "absent").changed
    assert list(path.parent.iterdir()) == []
    assert not converge(path, "absent").changed


@pytest.mark.parametrize("suffix", [".next", ".old"])
def test_a_key_beside_it_is_kept_to_the_same_rules(path: Path, suffix: str) -> None:
    put(path, "abc")
    file = path.with_name(path.name + suffix)
    file.chmod(0o640)
    with pytest.raises(InputError, match=f"{file.name}'?: mode 0640"):
        read_keys(str(path))
    file.unlink()
    file.symlink_to(path)
    with pytest.raises(InputError, match="a symbolic link"):
        read_keys(str(path))


def test_no_interface_has_a_key_of_its_own_there() -> None:
    names = {default_path(name) for name in ("wg0", "wg0.next", "wg0.old", "wg0.key", "next")}
    beside = {keyfile.next_path(name) for name in names} | {keyfile.old_path(name) for name in names}
    assert not names & beside
