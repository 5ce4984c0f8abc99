# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the bytes: what they say, or a refusal that says where it stands; and wg-quick takes them apart alike."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import ParseError, decode, parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import encode_file, render
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import KEYS, files

KEY = str(KEYS[0]).encode()
# What people, editors and other programs make of a good file.
_CHARACTERS = [
    b"\r",
    b"\n",
    b"\r\n",
    b"#",
    b"=",
    b",",
    b" ",
    b"\t",
    b"\v",
    b"\xc2\xa0",
    b"\xef\xbb\xbf",
    b"\0",
    b"\xff",
    b"[",
]
_WORDS = [
    b"[Peer]\n",
    b"[Interface]\n",
    b"off",
    b"0x",
    b"-",
    b"+",
    b"/",
    b":",
    b"SaveConfig = true\n",
    b"Table = off\n",
]
_PIECES = st.sampled_from([*_CHARACTERS, *_WORDS])


@st.composite
def spoiled(draw: st.DrawFn) -> bytes:
    """A valid file in which some bytes are gone, doubled, in another case or place, or others than they were."""
    text = bytearray(encode_file(render(draw(files))))
    for _time in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        piece = bytes(text[start:end])
        change = draw(st.sampled_from(["remove", "double", "swap case", "insert", "replace", "move"]))
        if change == "double":
            text[end:end] = piece
        elif change == "swap case":
            text[start:end] = piece.swapcase()
        elif change == "insert":
            text[start:start] = draw(_PIECES)
        else:
            text[start:end] = draw(_PIECES) if change == "replace" else b""
            if change == "move":
                place = draw(st.integers(0, len(text)))
                text[place:place] = piece
    return bytes(text)


def read(data: bytes) -> WgQuickFile | None:
    """What the bytes say; None where they are refused, at a place that there is."""
    try:
        return parse(decode(data), "wg0.conf")
    except ParseError as error:
        lines = data.split(b"\n")
        assert 1 <= error.line <= len(lines)  # noqa: PT017
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1  # noqa: PT017
        assert str(error).startswith(f"wg0.conf line {error.line} column {error.column}")  # noqa: PT017
        return None


@given(st.binary(max_size=300))
@example(b"\xff")
@example(b"[Interface]\n\0")
def test_any_bytes_are_read_or_refused_where_they_stand(data: bytes) -> None:
    file = read(data)
    assert file is None or parse(decode(encode_file(render(file)))) == file


@settings(max_examples=400)
@given(spoiled())
def test_a_spoiled_file_is_read_or_refused_where_it_stands(data: bytes) -> None:
    file = read(data)
    assert file is None or parse(render(file)) == file


def strip(path: Path) -> str:
    done = subprocess.run(["wg-quick", "strip", str(path)], capture_output=True, check=False, timeout=20)
    return decode(done.stdout)


@pytest.mark.skipif(not shutil.which("wg-quick"), reason="wireguard-tools is not installed")
@settings(max_examples=40)
@example(b"[Interface]\n# \xff\nPostUp = echo \xfc\xff\n[Peer] # \xe9\nPublicKey = " + KEY)
@example(b"[Interface]\nTable = False\n[Peer]\nPublicKey = " + KEY + b"\nEndpoint = [192.0.2.1]:51820\n")
@example(b"[Peer]\nPublicKey = " + KEY + b"\nAllowedIPs = 10.0.0.0/8, 10.1.0.0/16\nAllowedIPs = -10.0.0.0/8\n")
@given(files.map(lambda file: encode_file(render(file))) | spoiled())
def test_wg_quick_leaves_to_wg_what_the_parser_does(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = read(data)
    if file is None or file.netns:
        return
    path = tmp_path_factory.getbasetemp() / "wg0.conf"
    path.write_bytes(data)
    path.chmod(0o600)
    stripped = parse(strip(path))
    assert stripped == replace(file, addresses=(), mtu=0, table="auto", save_config=False, unmanaged=())
