# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderer: order and spelling, that wg-quick and wg take it, and that what is for people's eyes has no secret."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey, Secret
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile, WgQuickPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import (
    HEADER,
    redact,
    render,
    render_diff,
)
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import (
    KEYS,
    PRESHARED_KEYS,
    PRIVATE_KEYS,
    files,
)

EVERYTHING = WgQuickFile(
    private_key=PRIVATE_KEYS[0],
    listen_port=51820,
    fwmark=51820,
    addresses=(parse_interface_address("10.8.0.1/24"), parse_interface_address("fd00:8::1/64")),
    mtu=1280,
    table="off",
    unmanaged=("DNS = 10.8.0.1", "PostUp = echo up # now"),
    peers=(
        WgQuickPeer(
            KEYS[0],
            name="spoke1",
            preshared_key=PRESHARED_KEYS[1],
            endpoint=Endpoint("2001:db8::1", 51820),
            allowed_ips=frozenset(map(parse_prefix, ("fd00::/64", "10.10.0.0/16", "10.9.0.0/16", "10.9.0.0/24"))),
            persistent_keepalive=25,
        ),
        WgQuickPeer(KEYS[1]),
    ),
)


def test_order_and_spelling() -> None:
    assert (
        render(EVERYTHING)
        == f"""\
{HEADER}
[Interface]
PrivateKey = {PRIVATE_KEYS[0].reveal_base64()}
ListenPort = 51820
FwMark = 0xca6c
Address = 10.8.0.1/24
Address = fd00:8::1/64
MTU = 1280
Table = off
DNS = 10.8.0.1
PostUp = echo up # now

[Peer]
# friendly_name = spoke1
PublicKey = {KEYS[0]}
PresharedKey = {PRESHARED_KEYS[1].reveal_base64()}
AllowedIPs = 10.9.0.0/16, 10.9.0.0/24, 10.10.0.0/16, fd00::/64
Endpoint = [2001:db8::1]:51820
PersistentKeepalive = 25

[Peer]
PublicKey = {KEYS[1]}
"""
    )


def test_what_is_not_there_has_no_line() -> None:
    assert render(WgQuickFile()) == f"{HEADER}\n[Interface]\n"


@pytest.mark.skipif(not shutil.which("wg-quick"), reason="wireguard-tools is not installed")
@settings(max_examples=25)
@given(files)
def test_wg_quick_and_wg_take_it(tmp_path_factory: pytest.TempPathFactory, file: WgQuickFile) -> None:
    path = tmp_path_factory.getbasetemp() / "wg0.conf"
    path.write_text(render(file))
    path.chmod(0o600)
    stripped = strip(path)
    kept = ("[Interface]", "[Peer]", "PrivateKey", "ListenPort", "FwMark", "#")
    assert [line for line in stripped.splitlines() if line and not line.startswith((*kept, *PEER_KEYS))] == []
    assert parse(stripped).peers == file.peers
    # Names are looked up, which takes its time where there is no network.
    path.write_text("".join(line for line in stripped.splitlines(keepends=True) if not line.startswith("Endpoint")))
    done = subprocess.run(["wg", "setconf", "no-such-wg", str(path)], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("Unable to modify interface")


PEER_KEYS = ("PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive")


def strip(path: Path) -> str:
    done = subprocess.run(["wg-quick", "strip", str(path)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_a_diff_tells_that_a_secret_changes_and_not_what_it_is() -> None:
    changed = EVERYTHING.peers[0]._replace(preshared_key=PRESHARED_KEYS[2])
    new = WgQuickFile(private_key=PRIVATE_KEYS[0], peers=(changed, WgQuickPeer(KEYS[1])))
    before, after = render_diff(render(EVERYTHING), EVERYTHING, new)
    assert "PrivateKey = (redacted)\n" in before
    assert "PresharedKey = (redacted)\n" in before
    assert "PrivateKey = (redacted)\n" in after
    assert "PresharedKey = (redacted, changes)\n" in after
    assert f"PublicKey = {KEYS[0]}" in before
    assert f"PublicKey = {KEYS[0]}" in after


def test_equal_texts_make_an_empty_diff() -> None:
    before, after = render_diff(render(EVERYTHING), EVERYTHING, EVERYTHING)
    assert before == after


def test_a_new_file_shows_no_change_of_secrets() -> None:
    before, after = render_diff("", WgQuickFile(), EVERYTHING)
    assert before == ""
    assert after.count("(redacted)") == 2
    assert "(redacted, changes)" not in after


@pytest.mark.parametrize(
    "line",
    [
        "PrivateKey = {}",
        "privatekey={}",
        " PRIVATE KEY\t= {} # mine",
        "# PrivateKey = {}",
        "#PresharedKey={}",
        "Preshared Key = {}",
        "PostUp = wg set %i private-key <(echo {})",
        "# old key: {}",
        "{}",
        "PublicKey = {}",
        "x={}=",
    ],
)
@pytest.mark.parametrize("spell", [Secret.reveal_base64, lambda secret: secret.reveal_bytes().hex()])
def test_no_key_is_left_wherever_it_stands(line: str, spell: object) -> None:
    assert callable(spell)
    key = spell(PRIVATE_KEYS[0])
    redacted = redact(f"[Interface]\n{line.format(key)}\nMTU = 1280", KEYS)
    assert key[:20] not in redacted
    assert redacted.startswith("[Interface]\n")
    assert redacted.endswith("\nMTU = 1280")


def test_a_key_with_spaces_in_it_is_redacted_too() -> None:
    key = PRIVATE_KEYS[0].reveal_base64()
    assert redact(f"PrivateKey = {key[:20]} {key[20:]}") == "PrivateKey = (redacted)"


@given(files, st.data())
def test_no_secret_is_in_a_diff(old: WgQuickFile, data: st.DataObject) -> None:
    new = data.draw(files)
    shown = "".join(render_diff(render(old), old, new))
    for secret in (*PRIVATE_KEYS, *PRESHARED_KEYS[1:]):
        assert secret.reveal_base64() not in shown
        assert secret.reveal_bytes().hex() not in shown


def test_public_keys_are_shown() -> None:
    assert redact(f"PublicKey = {KEYS[0]}", KEYS) == f"PublicKey = {KEYS[0]}"
    assert redact(f"PublicKey = {PublicKey(bytes(31) + b'x')}", KEYS) == "PublicKey = (redacted)"
