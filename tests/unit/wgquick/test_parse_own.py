# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quick parser of our own files says what the plain one says, of whatever it is given."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick import parse_own as quick
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import ParseError, decode, parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse_own import parse_own
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import KEYS, files
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.test_fuzz import spoiled

HEAD = "[Interface]\nListenPort = 7\n\n"
ONE, OTHER = (f"[Peer]\nPublicKey = {key}\nAllowedIPs = " for key in KEYS[:2])


def outcome(read: Callable[[str, str], WgQuickFile], text: str) -> WgQuickFile | str:
    try:
        return read(text, "x")
    except ParseError as error:
        return str(error)


# Any line may be spelled as ours, and any as wg has it too.
LINES = st.lists(
    st.sampled_from(
        [
            *HEAD.splitlines(),
            "[Peer]",
            "[peer]",
            " [Peer]",
            "# friendly_name = one",
            f"PresharedKey = {KEYS[2]}",
            "AllowedIPs = 10.0.0.0/8",
            "AllowedIPs = 10.0.0.1/8, fd00::/8",
            "Endpoint = ::1:7",
            "Endpoint = vpn.example.org:7",
            "PersistentKeepalive = 25",
            "DNS = 10.0.0.1",
            *(f"PublicKey = {key}" for key in KEYS[:3]),
            *(f"[Peer]\nPublicKey = {key}\n" for key in KEYS[:3]),
        ]
    ),
    max_size=8,
)


@given(LINES)
def test_lines_in_any_order_are_read_or_refused_as_by_the_plain_parser(lines: list[str]) -> None:
    text = "\n".join([*lines, ""])
    assert outcome(parse_own, text) == outcome(parse, text)


@given(files)
def test_a_file_of_ours_is_read_back(file: WgQuickFile) -> None:
    text = render(file)
    assert parse_own(text, "x") == parse(text, "x")


@given(spoiled())
def test_a_spoiled_file_is_read_or_refused_as_by_the_plain_parser(data: bytes) -> None:
    text = decode(data)
    assert outcome(parse_own, text) == outcome(parse, text)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}{ONE}10.0.0.0/8\n\n{OTHER}10.0.0.0/8\n",
        f"{HEAD}{ONE}10.0.0.0/8\n\n{ONE}10.1.0.0/16\n",
        f"{HEAD}{ONE}10.0.0.1/8\n",
        f"{HEAD}{ONE}+10.0.0.0/8\n",
        f"{HEAD}{ONE}10.0.0.0/8\nEndpoint = ::1:7\n",
        f"{HEAD}{ONE}10.0.0.0/8\nPersistentKeepalive = off\n",
        f"{HEAD}{ONE}10.0.0.0/8",
        f"{HEAD}{ONE}10.0.0.0/8\n# a comment\n\n{OTHER}fd00::/8\n",
        f"{HEAD}{ONE}10.0.0.0/8\n\n[Interface]\nFwMark = 7\n",
        f"{HEAD}{ONE.replace('[Peer]', '[peer]')}10.0.0.0/8\n\n{OTHER}10.9.0.0/16\n",
        f"{ONE}10.0.0.0/8\n\n{OTHER}10.9.0.0/16\n",
        HEAD,
        "",
    ],
)
def test_what_is_spelled_otherwise_is_read_as_by_the_plain_parser(text: str) -> None:
    assert parse_own(text, "x") == parse(text, "x")


def test_the_plain_parser_does_not_see_the_peers_of_our_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_head(text: str, name: str) -> WgQuickFile:
        assert "[Peer]" not in text
        return parse(text, name)

    monkeypatch.setattr(quick, "parse", parse_head)
    assert len(parse_own(f"{HEAD}{ONE}10.0.0.0/8, fd00::/8\n\n{OTHER}10.9.0.0/16\n", "x").peers) == 2
