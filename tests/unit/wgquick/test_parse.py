# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parser against what it must read and refuse, against the renderer, and against wg itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import traceback
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
    sort_prefixes,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile, WgQuickPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import ParseError, decode, parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import encode_file, redact, render
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import KEYS, PRIVATE_KEYS, files

A, B = KEYS[:2]
SECRET = PRIVATE_KEYS[0]
PREFIX = parse_prefix("10.0.0.0/8")


@given(files)
def test_what_is_rendered_is_read_back(file: WgQuickFile) -> None:
    text = render(file)
    assert parse(text) == file
    assert parse(text.replace("\n", "\r\n")) == file
    assert parse(text.rstrip("\n")) == file


def test_the_manual_s_own_example() -> None:
    file = parse(f"""\
[Interface]
Address = 10.200.100.8/24, fd00::8
DNS = 10.200.100.1
PrivateKey = {SECRET.reveal_base64()}
PostUp = wg set %i private-key /etc/wireguard/%i.key; echo "a = b"

[Peer]
PublicKey = {A}
PresharedKey = {B}
AllowedIPs = 0.0.0.0/0 , ::/0
Endpoint = demo.wireguard.com:51820
""")
    assert file == WgQuickFile(
        private_key=SECRET,
        addresses=(parse_interface_address("10.200.100.8/24"), parse_interface_address("fd00::8")),
        unmanaged=("DNS = 10.200.100.1", 'PostUp = wg set %i private-key /etc/wireguard/%i.key; echo "a = b"'),
        peers=(
            WgQuickPeer(
                A,
                preshared_key=PresharedKey(B),
                endpoint=Endpoint("demo.wireguard.com", 51820),
                allowed_ips=frozenset({parse_prefix("0.0.0.0/0"), parse_prefix("::/0")}),
            ),
        ),
    )


INTERFACE_SPELLINGS = {
    "[interface]\nlistenport=1": WgQuickFile(listen_port=1),
    "  [INTERFACE]\t\r\n\v LISTENPORT \t=\f 0001 # one": WgQuickFile(listen_port=1),
    "[ Inter face ]\nListen Port = 5 1 8 2 0": WgQuickFile(listen_port=51820),
    "# comment\n\n;[Interface]#".replace(";", ""): WgQuickFile(),
    "": WgQuickFile(),
    "[Interface]\nListenPort=1\nListenPort=2": WgQuickFile(listen_port=2),
    "[Interface]\nListenPort=0": WgQuickFile(),
    "[Interface]\nFwMark=off": WgQuickFile(),
    "[Interface]\nFwMark=0xCa6C": WgQuickFile(fwmark=51820),
    "[Interface]\nFwMark=010": WgQuickFile(fwmark=10),
    "[Interface]\nFwMark=0xffffffff": WgQuickFile(fwmark=2**32 - 1),
    f"[Interface]\nPrivateKey={PublicKey(bytes(32))}": WgQuickFile(),
    "[Interface]\nMTU=1280\n[Interface]\nTable=off": WgQuickFile(mtu=1280, table="off"),
    "[Interface]\nMTU=\nTable=\nAddress=\nDNS=": WgQuickFile(unmanaged=("DNS=",)),
    "[Interface]\nTable=auto\nMTU=9\nMTU=": WgQuickFile(),
    "[Interface]\nTable = False": WgQuickFile(table="False"),
    "[Interface]\nTable = Off": WgQuickFile(table="Off"),
    "[Interface]\nTable=0x10": WgQuickFile(table="16"),
    "[Interface]\nTable = vpn.2 # by name": WgQuickFile(table="vpn.2"),
    "[Interface]\nSaveConfig=TRUE": WgQuickFile(save_config=True),
    "[Interface]\nSaveConfig = true\nsaveconfig = False": WgQuickFile(),
    "[Interface]\n postup =  a  'b = #c' \r": WgQuickFile(unmanaged=("postup =  a  'b = #c'",)),
    "[Interface]\nPostUp=": WgQuickFile(unmanaged=("PostUp=",)),
    "[Interface]\nPreUp=1\nPostDown=2\nPreUp=é": WgQuickFile(unmanaged=("PreUp=1", "PostDown=2", "PreUp=é")),
    "[Interface]\nAddress=10.0.0.1/24 10.0.0.2,,fd00::1/64\nAddress=10.0.0.1/24": WgQuickFile(
        addresses=tuple(map(parse_interface_address, ("10.0.0.1/24", "10.0.0.2", "fd00::1/64")))
    ),
    "[Interface]\n# friendly_name = not a peer": WgQuickFile(),
}
PEER_SPELLINGS = {
    "AllowedIPs=10.1.2.3/8,10.0.0.0/8\nAllowedIPs=10.0.0.0/08": WgQuickPeer(A, allowed_ips=frozenset({PREFIX})),
    "Allowed IPs = 1 0.0.0.0 / 8": WgQuickPeer(A, allowed_ips=frozenset({PREFIX})),
    "Endpoint=[2001:DB8::1]:1": WgQuickPeer(A, endpoint=Endpoint("2001:db8::1", 1)),
    "Endpoint=2001:db8::1:1": WgQuickPeer(A, endpoint=Endpoint("2001:db8::1", 1)),
    "Endpoint=[fe80::1%eth0]:051820": WgQuickPeer(A, endpoint=Endpoint("fe80::1%eth0", 51820)),
    "Endpoint=Hub.example.org.:1 # here": WgQuickPeer(A, endpoint=Endpoint("Hub.example.org.", 1)),
    "Endpoint=1.1.1.1:1\nEndpoint=1.1.1.1:2": WgQuickPeer(A, endpoint=Endpoint("1.1.1.1", 2)),
    "Endpoint=[192.0.2.1]:51820": WgQuickPeer(A, endpoint=Endpoint("192.0.2.1", 51820)),
    "Endpoint = [vpn.example.org]:1": WgQuickPeer(A, endpoint=Endpoint("vpn.example.org", 1)),
    "PersistentKeepalive=OFF": WgQuickPeer(A),
    "PersistentKeepalive=025": WgQuickPeer(A, persistent_keepalive=25),
    "PERSISTENTkeepalive = 65535": WgQuickPeer(A, persistent_keepalive=65535),
    f"PresharedKey={PublicKey(bytes(32))}": WgQuickPeer(A),
    "#friendly_name=spoke # 1 ": WgQuickPeer(A, name="spoke # 1"),
    " # # Friendly_Name = büro": WgQuickPeer(A, name="büro"),
    "# name = x\nPersistentKeepalive=1 # friendly_name = x": WgQuickPeer(A, persistent_keepalive=1),
    f"[Peer]\nPublicKey={A}\nAllowedIPs=10.0.0.0/8": WgQuickPeer(A, allowed_ips=frozenset({PREFIX})),
    f"AllowedIPs=10.0.0.0/8\nPersistentKeepalive=9\n[Peer]\nPublicKey={A}": WgQuickPeer(A, persistent_keepalive=9),
}


@pytest.mark.parametrize("text", INTERFACE_SPELLINGS)
def test_an_interface_is_read(text: str) -> None:
    assert parse(text) == INTERFACE_SPELLINGS[text]


@pytest.mark.parametrize("text", PEER_SPELLINGS)
def test_a_peer_is_read(text: str) -> None:
    assert parse(f"[Peer]\nPublicKey = {A}\n{text}").peers == (PEER_SPELLINGS[text],)


def test_a_prefix_goes_to_the_last_peer_that_is_given_it() -> None:
    peers = parse(f"[Peer]\nPublicKey={A}\nAllowedIPs=10.0.0.0/8\n[Peer]\nPublicKey={B}\nAllowedIPs=10.0.0.0/8").peers
    assert peers == (WgQuickPeer(A), WgQuickPeer(B, allowed_ips=frozenset({PREFIX})))


IN_INTERFACE = "[Interface]\n"
IN_PEER = f"[Peer]\nPublicKey = {A}\n"

# Text, then line and column of what is refused, the problem, and whether wg refuses it too.
REFUSALS = [
    ("ListenPort = 1", 1, 1, "before any section", True),
    ("\ufeff[Interface]", 1, 1, "not an ASCII character", True),
    ("[Interface]\nnonsense", 2, 1, "neither wg nor wg-quick knows this line", True),
    ("[Interface]\n  Peer = x", 2, 3, "neither wg nor wg-quick knows this line", True),
    ("[Nonsense]", 1, 1, "there is no such section; write [Interface] or [Peer]", True),
    ("[Interface]\n[Nonsense]", 2, 1, "there is no such section", True),
    ("[Interface]\n  [ Peers ] # x", 2, 3, "'[ Peers ]': there is no such section; write [Peer]", True),
    ("[Interface]\n ; a comment", 2, 2, "';' does not start a comment here; write '#' in its place", True),
    ("; a comment", 1, 1, "';' does not start a comment here", True),
    ("[Interface] = 1", 1, 1, "before any section", True),
    ("[Interface]\nAllowedIPs = 10.0.0.0/8", 2, 1, "neither wg nor wg-quick knows this line", True),
    ("[ Interface ]\nAddress = 10.0.0.1", 2, 1, "neither wg nor wg-quick knows this line", True),
    (f"{IN_PEER}Address = 10.0.0.1", 3, 1, "neither wg nor wg-quick knows this line", True),
    (f"{IN_PEER}PostUp = true", 3, 1, "neither wg nor wg-quick knows this line", True),
    (f"{IN_PEER}ListenPort = 1", 3, 1, "neither wg nor wg-quick knows this line", True),
    ("[Interface]\nListenPort", 2, 1, "neither wg nor wg-quick knows this line", True),
    ("[Interface]\nListenPort = ", 2, 1, "there is no value", True),
    ("[Interface]\nListenPort = 65536", 2, 14, "out of range or not a number", False),
    ("[Interface]\nListenPort = -1", 2, 14, "out of range or not a number", True),
    ("[Interface]\nListenPort = 0x1", 2, 14, "out of range or not a number", True),
    ("[Interface]\nListenPort =\tnone", 2, 14, "out of range or not a number", True),
    ("[Interface]\nListenPort = 1é", 2, 15, "not an ASCII character", True),
    ("[Interface]\nFwMark = 0X1", 2, 10, "not a mark", True),
    ("[Interface]\nFwMark = 4294967296", 2, 10, "not a mark", True),
    ("[Interface]\nFwMark = 0x", 2, 10, "not a mark", True),
    ("[Interface]\nPrivateKey = x", 2, 14, "not a WireGuard key", True),
    ("[Interface]\nMTU = big", 2, 7, "out of range or not a number", False),
    ("[Interface]\nMTU", 2, 1, "there is no '='", False),
    ("[Interface]\nTable = 7up", 2, 9, "out of range or not a number", False),
    ("[Interface]\nAddress = 10.0.0.1/24,  10.0.0.1/33", 2, 25, "prefix length", False),
    ("[Interface]\nSaveConfig = f alse", 2, 14, "neither true nor false", False),
    ("[Interface]\nSaveConfig = yes", 2, 14, "neither true nor false", False),
    ("[Interface]\nSaveConfig =", 2, 13, "neither true nor false", False),
    ("[Interface]\nListenPort = 1\0", 2, 15, "a NUL byte", False),
    (f"{IN_PEER}AllowedIPs = 10.0.0.0/8, 10.0.0.0/33", 3, 26, "prefix length", True),
    (f"{IN_PEER}AllowedIPs = 10.0.0.0/8,", 3, 25, "not an IP address", True),
    (f"{IN_PEER}AllowedIPs = 10.0.0.0/8 10.1.0.0/16", 3, 14, "prefix length", True),
    (f"{IN_PEER}AllowedIPs = ", 3, 1, "there is no value", True),
    (f"{IN_PEER}AllowedIPs = ++10.0.0.0/8", 3, 14, "not an IP address", True),
    (f"{IN_PEER}AllowedIPs = 10.0.0.0/8+", 3, 14, "prefix length", True),
    (f"{IN_PEER}AllowedIPs = 10.0.0.0/8, -", 3, 26, "not an IP address", True),
    (f"{IN_PEER}PersistentKeepalive = 65536", 3, 23, "out of range or not a number", True),
    (f"{IN_PEER}PersistentKeepalive = 0x19", 3, 23, "out of range or not a number", True),
    (f"{IN_PEER}Endpoint = 1.1.1.1", 3, 12, "the port is missing", True),
    (f"{IN_PEER}Endpoint = [2001:db8::1]", 3, 12, "the port is missing", True),
    (f"{IN_PEER}Endpoint = 1.1.1.1:", 3, 12, "not a UDP port", True),
    (f"{IN_PEER}Endpoint = [::1", 3, 12, "the bracket is not closed", True),
    (f"{IN_PEER}Endpoint = [2001:db8::1:51820", 3, 12, "the bracket is not closed; write [ADDRESS]:PORT", True),
    (f"{IN_PEER}Endpoint = 2001:db8::1]:51820", 3, 12, "neither an IP address nor a host name", True),
    (f"{IN_PEER}Endpoint = https://vpn.example.org/", 3, 12, "a URL is not an endpoint; write HOST:PORT", True),
    (f"{IN_PEER}Endpoint = udp://vpn.example.org:51820", 3, 12, "a URL is not an endpoint", True),
    (f"{IN_PEER}PresharedKey = {str(B)[:-1]}", 3, 16, "not a WireGuard key", True),
    (f"{IN_PEER}PresharedKey = {str(B)[:-2]}B=", 3, 16, "not a WireGuard key: the character before the '='", True),
    (
        f"[Peer]\nPublicKey = {str(A)[:-2]}D=",
        2,
        13,
        "the character before the '=' has bits that no key has; copy",
        True,
    ),
    ("[Peer]\nPublicKey = x", 2, 13, "not a WireGuard key", True),
    (f"{IN_PEER}\n  [Peer]\nAllowedIPs = 10.0.0.0/8", 4, 3, "this peer has no PublicKey", True),
]


@pytest.mark.parametrize(("text", "line", "column", "problem", "_wg"), REFUSALS)
def test_what_cannot_be_read_is_refused_where_it_stands(
    text: str, line: int, column: int, problem: str, _wg: bool
) -> None:
    with pytest.raises(ParseError, match=re.escape(problem)) as caught:
        parse(text, "wg0.conf")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"wg0.conf line {line} column {column}")
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "PrivateKey = {}x",
        "PrivateKey = x {}",
        "PrivateKy = {}",
        "{}",
        "{} = 1",
        "ListenPort = {}",
        "Address = {}",
        "SaveConfig = {}",
        "Table = {}",
        "[{}",
    ],
)
def test_a_refusal_never_shows_a_key(text: str) -> None:
    key = SECRET.reveal_base64()
    with pytest.raises(ParseError) as caught:
        parse(IN_INTERFACE + text.format(key))
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert key[:20] not in shown.replace(" ", "")


def test_bytes_that_are_not_utf8_stay_in_comments_and_hooks_and_are_refused_elsewhere() -> None:
    data = b"[Interface]\n# \xff\nPostUp = echo '\xfc\xe9' # \xff\n[Peer]\n# friendly_name = b\xfcro\nPublicKey = %s\n"
    data = data % str(A).encode()
    file = parse(decode(data))
    written = encode_file(render(file))
    assert b"PostUp = echo '\xfc\xe9' # \xff\n" in written
    assert b"# friendly_name = b\xfcro\n" in written
    assert parse(decode(written)) == file
    shown = redact(decode(data), [A])
    assert shown.encode() == data.replace(b"\xff", b"\\xff").replace(b"\xfc", b"\\xfc").replace(b"\xe9", b"\\xe9")
    with pytest.raises(
        ParseError,
        match=r"wg0\.conf line 2 column 15 .*: not an ASCII character; use other characters only in comments and hooks",
    ):
        parse(decode(b"[Interface]\nListenPort = 1\xff"), "wg0.conf")
    assert decode("# é".encode()) == "# é"


# The lines of one or two sections of A and of one of B in between, and what A and B have in the end.
SIGNED = {
    "+10.0.0.0/8": ("10.0.0.0/8", ""),
    "10.0.0.0/8, +10.1.0.0/16": ("10.0.0.0/8 10.1.0.0/16", ""),
    "10.0.0.0/8, 10.1.0.0/16, -10.0.0.0/8": ("10.1.0.0/16", ""),
    "-10.0.0.0/8, 10.0.0.0/8": ("10.0.0.0/8", ""),
    "- 10.0.0.1": ("", ""),
    "10.0.0.0/8|10.1.0.0/16": ("10.1.0.0/16", ""),
    "10.0.0.0/8|+10.1.0.0/16": ("10.0.0.0/8 10.1.0.0/16", ""),
    "10.0.0.0/8, 10.2.0.0/16|-10.0.0.0/8": ("10.2.0.0/16", ""),
    # What the last line of a section asks for counts, and its lines add up.
    "10.0.0.0/8|+10.1.0.0/16;10.2.0.0/16": ("10.1.0.0/16 10.2.0.0/16", ""),
    "10.0.0.0/8|10.1.0.0/16;+10.2.0.0/16": ("10.0.0.0/8 10.1.0.0/16 10.2.0.0/16", ""),
    "10.0.0.0/8||": ("", ""),
    # Only a peer's own prefix can be removed from it.
    "10.0.0.0/8|-10.0.0.0/8|10.0.0.0/8": ("", "10.0.0.0/8"),
}


@pytest.mark.parametrize("text", SIGNED)
def test_signs_before_allowed_ips_add_and_remove(text: str) -> None:
    own, again, other = [*text.split("|"), "", ""][:3]
    lines = "".join(f"AllowedIPs = {line}\n" for line in own.split(";"))
    lines = f"[Peer]\nPublicKey = {A}\n{lines}"
    if other:
        lines += f"[Peer]\nPublicKey = {B}\nAllowedIPs = {other}\n"
    if "|" in text:
        more = "".join(f"AllowedIPs = {line}\n" for line in again.split(";") if line)
        lines += f"[Peer]\nPublicKey = {A}\n{more}"
    found = {peer.public_key: " ".join(map(str, sort_prefixes(peer.allowed_ips))) for peer in parse(lines).peers}
    assert (found[A], found.get(B, "")) == SIGNED[text]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for start in ("", IN_INTERFACE, IN_PEER):
        try:
            file = parse(start + text)
        except ParseError as error:
            assert error.line <= (start + text).count("\n") + 1  # noqa: PT017
        else:
            assert parse(render(file)) == file


# --- the judge: wg reads a file before it looks for the interface, so one that does not exist serves ---


def wg_reads(text: str, path: Path) -> bool:
    path.write_bytes(encode_file(text))
    done = subprocess.run(
        ["wg", "setconf", "no-such-wg", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, "WG_ENDPOINT_RESOLUTION_RETRIES": "0"},
    )
    return "Unable to modify interface" in done.stderr


needs_wg = pytest.mark.skipif(not shutil.which("wg"), reason="wireguard-tools is not installed")


@needs_wg
@pytest.mark.parametrize(("text", "_line", "_column", "_problem", "refused"), REFUSALS)
def test_wg_refuses_the_same(tmp_path: Path, text: str, _line: int, _column: int, _problem: str, refused: bool) -> None:
    if refused:
        assert not wg_reads(text, tmp_path / "wg0.conf")


WG_LINES = st.lists(
    st.one_of(
        st.sampled_from(["[Interface]", "[Peer]", " [ peer ]\t", "", "# x", "[Interface]#", "[x]", "x", "=", "a=b"]),
        st.builds(
            lambda key, equals, value: f"{key}{equals}{value}",
            st.sampled_from(["ListenPort", "FwMark", "PrivateKey", "publickey", "PresharedKey", "AllowedIPs"])
            | st.sampled_from(["Endpoint", "PersistentKeepalive", "Listen Port", "Allowed\vIPs"]),
            st.sampled_from(["=", " = ", "\t=\t", " =  # "]),
            st.sampled_from([str(A), str(B), "off", "0x10", "0X10", "51820", "007", "1 2", "70000", "-1", "0x", "25 "])
            | st.sampled_from(["10.0.0.0/8", "10.0.0.0/8,fd00::/8", "10.0.0.1/33", ",", "10.0.0.0/8 ,", "::/0/1", "é"])
            | st.sampled_from(
                ["1.2.3.4:5", "[::1]:5", "::1:5", "[::1]", "[fe80::1%lo]:1", "1.2.3.4:", ":5", "[::1]x:5"]
            ),
        ),
    ),
    max_size=8,
).map("\n".join)


@needs_wg
@settings(max_examples=250)
@given(st.sampled_from(["", IN_INTERFACE, IN_PEER, IN_INTERFACE + IN_PEER]), WG_LINES)
@example(IN_PEER, "[Peer]")
def test_the_parser_agrees_with_wg(tmp_path_factory: pytest.TempPathFactory, start: str, lines: str) -> None:
    text = start + lines
    try:
        parse(text)
    except ParseError as error:
        ours = False
        if "70000" in text:  # which wg takes modulo 65536
            return
        del error
    else:
        ours = True
    assert ours == wg_reads(text, tmp_path_factory.getbasetemp() / "fuzz.conf"), text
