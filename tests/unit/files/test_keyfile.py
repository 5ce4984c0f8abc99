# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key file: what is made, what is kept and what is refused."""

from __future__ import annotations

import base64
import os
import stat
import sys
import traceback
from pathlib import Path

import pytest
from nacl.public import PrivateKey as NaclPrivateKey

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, clamp
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary, package_hint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.keyfile import KeyResult, converge_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import (
    find_private_key,
    read_private_key,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.tests.unit.files.without import without_nacl

KEY = bytes(range(100, 132))
TEXT = base64.b64encode(KEY).decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "wg0.key"


def converge(path: Path, state: str = "present", check_mode: bool = False) -> KeyResult:
    options = {"interface": "wg0", "private_key_file": str(path), "state": state}
    return converge_key(options, check_mode, str(path.parent))


def put(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text(text)
    path.chmod(mode)


def test_a_key_is_made_kept_and_removed(path: Path) -> None:
    assert converge(path, check_mode=True) == KeyResult(True, str(path))
    assert not path.parent.exists()

    made = converge(path)
    assert made.changed
    text = path.read_text()
    assert len(text) == 45
    key = base64.b64decode(text)
    assert clamp(key) == key
    assert bytes(NaclPrivateKey(key).public_key) == made.public_key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    for check_mode in (True, False):
        assert converge(path, check_mode=check_mode) == KeyResult(False, str(path), made.public_key)
    assert path.read_text() == text

    assert converge(path, "absent", check_mode=True) == KeyResult(True, str(path))
    assert path.read_text() == text
    assert converge(path, "absent") == KeyResult(True, str(path))
    assert converge(path, "absent") == KeyResult(False, str(path))
    assert not path.exists()


def test_two_keys_differ(tmp_path: Path) -> None:
    assert converge(tmp_path / "a").public_key != converge(tmp_path / "b").public_key


@pytest.mark.parametrize("text", [TEXT, f"{TEXT}\n", f" {TEXT}\r\n\n"])
def test_a_key_that_is_there_is_kept_unclamped_too(path: Path, text: str) -> None:
    put(path, text)
    outcome = converge(path)
    assert outcome.changed is False
    assert outcome.public_key == bytes(NaclPrivateKey(KEY).public_key)
    assert path.read_bytes() == text.encode()
    assert read_private_key(str(path)) == PrivateKey(KEY)


def test_the_mode_of_the_directory_is_mended(path: Path) -> None:
    put(path, TEXT)
    path.parent.chmod(0o755)
    assert converge(path, check_mode=True).changed is True
    assert converge(path).changed is True
    assert converge(path).changed is False


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a WireGuard key; remove the file for a new key, or restore the right one"),
        (TEXT[:-1], "not a WireGuard key"),
        (f"{TEXT}\n{TEXT}", "not a WireGuard key"),
        (KEY.hex(), "not a WireGuard key"),
        (base64.b64encode(KEY[:31]).decode(), "not a WireGuard key"),
        (base64.b64encode(KEY + b"x").decode(), "not a WireGuard key"),
        (f"PrivateKey = {TEXT}", "not a WireGuard key"),
        ("é" * 22, "not a WireGuard key"),
        (base64.b64encode(bytes(32)).decode(), "the all-zero private key; remove the file for a new key"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_no_key_is_refused_and_not_shown(path: Path, text: str, problem: str, check_mode: bool) -> None:
    put(path, text)
    with pytest.raises(InputError, match=problem) as caught:
        converge(path, check_mode=check_mode)
    assert str(path) in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert not text or text[:20] not in shown
    assert path.read_text() == text
    assert converge(path, "absent").changed


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o610, 0o601])
def test_a_key_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    put(path, TEXT, mode)
    with pytest.raises(InputError, match=f"mode {mode:04o}: other users may have read it; remove it for a new key"):
        converge(path)
    with pytest.raises(InputError, match=f"mode {mode:04o}"):
        read_private_key(str(path))


def test_a_key_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(path, TEXT)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(InputError, match=f"owned by user {owner}, who may know the key; remove it .* user {owner + 1}"):
        read_private_key(str(path))


def test_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    put(path, TEXT)
    (tmp_path / "link").symlink_to(path)
    for state in ("present", "absent"):
        with pytest.raises(InputError, match="a symbolic link"):
            converge(tmp_path / "link", state)
    (tmp_path / "linked").symlink_to(path.parent)
    with pytest.raises(InputError, match="a symbolic link"):
        converge(tmp_path / "linked" / "wg0.key")
    assert path.read_text() == TEXT


def test_a_refusal_comes_before_the_directory_is_touched(path: Path) -> None:
    put(path, "junk")
    path.parent.chmod(0o755)
    with pytest.raises(InputError):
        converge(path)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


def test_a_missing_file_is_refused_by_those_who_need_it(path: Path) -> None:
    assert find_private_key(str(path)) is None
    with pytest.raises(InputError, match=r"there is no such file; create it with cryptokey\.wireguard\.keypair"):
        read_private_key(str(path))


def test_without_pynacl_nothing_is_touched_and_check_mode_is_honest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_nacl(monkeypatch)
    with pytest.raises(MissingLibrary, match=r"the Python library nacl is missing: install the package"):
        converge(path)
    assert not path.parent.exists()
    assert converge(path, check_mode=True) == KeyResult(True, str(path))
    put(path, TEXT)
    outcome = converge(path, check_mode=True)
    assert (outcome.changed, outcome.public_key) == (False, None)
    assert "the public key cannot be computed" in str(outcome.warning)
    with pytest.raises(ImportError):
        public_key_of(PrivateKey(KEY))


def test_the_default_path_is_by_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"interface": "wg7", "private_key_file": None, "state": "absent"}
    assert converge_key(options, check_mode=True).path == "/etc/wireguard/private/wg7.key"
    with pytest.raises(InputError, match="not an interface name"):
        converge_key({**options, "interface": "../../etc/passwd"})


RELEASES = {
    'ID=debian\nVERSION_ID="12"': "python3-nacl",
    "ID=ubuntu\nID_LIKE=debian": "python3-nacl",
    'PRETTY_NAME="Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"': "python3-nacl",
    "ID=fedora": "python3-pynacl",
    'ID="rocky"\nID_LIKE="rhel centos fedora"': "python3-pynacl (from EPEL)",
    "ID=alpine": "py3-pynacl",
    "ID=endeavouros\nID_LIKE='arch'": "python-pynacl",
    'ID="opensuse-leap"\nID_LIKE="suse opensuse"': "python3-PyNaCl",
    "ID=nixos": "that has nacl",
}


@pytest.mark.parametrize("release", RELEASES)
def test_the_package_is_called_by_its_name_there(tmp_path: Path, release: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text(release)
    assert package_hint("nacl", str(tmp_path)) == f"install the package {RELEASES[release]} for {sys.executable}"
    assert package_hint("nft", str(tmp_path)).startswith("install the package")


def test_an_unknown_system_gets_a_hint_too(tmp_path: Path) -> None:
    assert package_hint("ping", str(tmp_path)) == "install the package that has ping"


def test_a_key_where_others_could_put_another_is_refused(path: Path) -> None:
    put(path, TEXT)
    path.parent.chmod(0o770)
    with pytest.raises(InputError, match=r"directory .*: other users can write to it; chmod it to 0700"):
        read_private_key(str(path))
    path.parent.chmod(0o1777)
    assert read_private_key(str(path)).reveal_bytes()
