# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preshared keys that are sealed to a host: what opens them and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    PresharedKey,
    PrivateKey,
    PublicKey,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.sealed import open_peers, seal_peers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import (
    sealed_preshared_keys,
    with_preshared_keys,
)
from ansible_collections.cryptokey.wireguard.tests.unit.files.without import without_nacl

PRIVATE = PrivateKey(bytes(range(1, 33)))
PUBLIC = public_key_of(PRIVATE)

SECRET = "correct horse battery staple"
keys = st.binary(min_size=32, max_size=32)
PEERS: list[dict[str, Any]] = [
    {"name": name, "public_key": str(PublicKey(name.encode() * 8)), "allowed_ips": []} for name in ("hub1", "bob1")
]


@given(keys.filter(any).map(PrivateKey), st.lists(keys.filter(any), min_size=1, max_size=5))
def test_what_is_sealed_is_opened(private_key: PrivateKey, preshared: list[bytes]) -> None:
    peers = [
        {"public_key": str(PublicKey(bytes([n + 9]) * 32)), "preshared_key": PresharedKey(key).reveal_base64()}
        for n, key in enumerate(preshared)
    ]
    sealed = seal_peers(peers, public_key_of(private_key))
    assert not any(peer["preshared_key"] in str(sealed) for peer in peers)
    opened = open_peers(sealed, private_key, False)
    assert [entry["preshared_key"] for entry in opened] == list(map(PresharedKey, preshared))
    again = seal_peers(peers, public_key_of(private_key))
    assert all(one["preshared_key"] != other["preshared_key"] for one, other in zip(sealed, again, strict=True))


def sealed_peers() -> list[dict[str, Any]]:
    return [
        dict(peer) for peer in sealed_preshared_keys(PEERS, "ada1", str(PUBLIC), {"preshared_secret": SECRET}, "home")
    ]


def test_the_filter_seals_what_the_inventory_asks_for() -> None:
    plain = with_preshared_keys(PEERS, "ada1", str(PUBLIC), {"preshared_secret": SECRET}, "home")
    opened = open_peers(sealed_peers(), PRIVATE, False)
    assert [entry["preshared_key"].reveal_base64() for entry in opened] == [peer["preshared_key"] for peer in plain]
    assert sealed_preshared_keys(PEERS, "ada1", str(PUBLIC), {}, "home") is PEERS
    cleared = sealed_preshared_keys(PEERS, "ada1", str(PUBLIC), {"preshared_secret": False}, "home")
    assert [peer["preshared_key"] for peer in cleared] == ["", ""]


def test_who_has_another_key_cannot_open_it() -> None:
    with pytest.raises(InputError) as refused:
        open_peers(sealed_peers(), PrivateKey(b"another".ljust(32)), False)
    assert str(refused.value).startswith(
        "peers[0].preshared_key: sealed for a different private key than this host's; run"
    )


def test_what_is_sealed_for_one_peer_is_not_for_another() -> None:
    first, second = sealed_peers()
    swapped = [{**first, "preshared_key": second["preshared_key"]}]
    with pytest.raises(InputError, match=r"peers\[0\]\.preshared_key: sealed for a different"):
        open_peers(swapped, PRIVATE, False)


@pytest.mark.parametrize("text", ["sealed:", "sealed:x", "sealed:AAAA", "sealed:" + "A" * 200, "sealed:\u00e9"])
def test_what_is_not_whole(text: str) -> None:
    with pytest.raises(InputError, match=r"peers\[0\]\.preshared_key: truncated sealed preshared key"):
        open_peers([{**PEERS[0], "preshared_key": text}], PRIVATE, False)


def test_a_changed_text_is_refused() -> None:
    first, _second = sealed_peers()
    text = first["preshared_key"]
    for place in (7, 100, 120, 200):
        other = text[:place] + ("B" if text[place] != "B" else "C") + text[place + 1 :]
        with pytest.raises(InputError, match=r"peers\[0\]\.preshared_key: sealed for a different"):
            open_peers([{**first, "preshared_key": other}], PRIVATE, False)


def test_check_mode_before_there_is_a_key_or_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = sealed_preshared_keys(PEERS, "ada1", None, {"preshared_secret": SECRET}, "home")
    assert all(isinstance(entry["preshared_key"], PresharedKey) for entry in open_peers(peers, None, True))
    without_nacl(monkeypatch)
    assert all(isinstance(entry["preshared_key"], PresharedKey) for entry in open_peers(peers, PRIVATE, True))
    with pytest.raises(MissingLibrary, match="preshared keys cannot be opened, as nacl is missing: install"):
        open_peers(peers, PRIVATE, False)


def test_a_controller_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    without_nacl(monkeypatch)
    with pytest.raises(MissingLibrary, match="preshared keys cannot be sealed, as nacl is missing: install"):
        sealed_peers()
    assert sealed_preshared_keys(PEERS, "ada1", str(PUBLIC), {}, "home") is PEERS
