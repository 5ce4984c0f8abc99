# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preshared keys that are sealed to a host: by the RFC's vectors, by what opens them and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings

from ansible_collections.cryptokey.wireguard.plugins.filter.with_preshared_keys import sealed_preshared_keys
from ansible_collections.cryptokey.wireguard.plugins.module_utils._distribution import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._keyfile import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.hpke import (
    make_context,
    parse_sealed,
    render_sealed,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    PresharedKey,
    PrivateKey,
    PublicKey,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._sealed import open_peers
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._preshared import with_preshared_keys
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._sealing import Sealer, seal_peers
from ansible_collections.cryptokey.wireguard.tests.unit.files.without import without_nacl

# RFC 9180, appendix A.2.1.
EPHEMERAL = bytes.fromhex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600")
ENCAPSULATED = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
PRIVATE = PrivateKey(bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb"))
PUBLIC = PublicKey(bytes.fromhex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"))
KEY = "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91"
BASE_NONCE = "5c4d98150661b848853b547f"
CIPHERTEXTS = (
    "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
    "6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e85285337cc95ba5f59992dc98c",
    "71146bd6795ccc9c49ce25dda112a48f202ad220559502cef1f34271e0cb4b02b4f10ecac6f48c32f878fae86b",
)
GRECIAN_URN = b"Ode on a Grecian Urn"
TEXT = b"Beauty is truth, truth beauty"

SECRET = "correct horse battery staple"
keys = st.binary(min_size=32, max_size=32)
PEERS: list[dict[str, Any]] = [
    {"name": name, "public_key": str(PublicKey(name.encode() * 8)), "allowed_ips": []} for name in ("hub1", "bob1")
]


def test_the_vectors_of_the_rfc() -> None:
    assert public_key_of(PRIVATE) == PUBLIC
    sealer = Sealer(PUBLIC, EPHEMERAL, GRECIAN_URN)
    dh = bindings.crypto_scalarmult(PRIVATE.reveal_bytes(), ENCAPSULATED)
    context = make_context(dh, ENCAPSULATED, PUBLIC, GRECIAN_URN)
    assert (context.key.hex(), context.base_nonce.hex()) == (KEY, BASE_NONCE)
    for number, ciphertext in enumerate(CIPHERTEXTS):
        bound_to = f"Count-{number}".encode()
        sealed = sealer.seal(TEXT, bound_to)
        assert (sealed.encapsulated, sealed.sequence, sealed.ciphertext.hex()) == (ENCAPSULATED, number, ciphertext)
        opened = bindings.crypto_aead_chacha20poly1305_ietf_decrypt(
            sealed.ciphertext, bound_to, context.nonce(number), context.key
        )
        assert opened == TEXT
    assert KEY not in repr(context)


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
    text = sealed[0]["preshared_key"]
    found = parse_sealed(text)
    assert found is not None
    assert render_sealed(found) == text


def sealed_for(private_key: PrivateKey) -> list[dict[str, Any]]:
    public_key = str(public_key_of(private_key))
    return [dict(peer) for peer in sealed_preshared_keys(PEERS, "ada1", public_key, {"preshared_secret": SECRET})]


def test_the_filter_seals_what_the_inventory_asks_for() -> None:
    plain = with_preshared_keys(PEERS, "ada1", str(PUBLIC), {"preshared_secret": SECRET})
    opened = open_peers(sealed_for(PRIVATE), PRIVATE, False)
    assert [entry["preshared_key"].reveal_base64() for entry in opened] == [peer["preshared_key"] for peer in plain]
    assert sealed_preshared_keys(PEERS, "ada1", str(PUBLIC), {}) is PEERS
    cleared = sealed_preshared_keys(PEERS, "ada1", str(PUBLIC), {"preshared_secret": ""})
    assert [peer["preshared_key"] for peer in cleared] == ["", ""]


def test_who_has_another_key_cannot_open_it() -> None:
    with pytest.raises(InputError) as refused:
        open_peers(sealed_for(PRIVATE), PrivateKey(b"another".ljust(32)), False)
    assert str(refused.value).startswith("peers[0].preshared_key: sealed to another private key than this host's; run")


def test_what_is_sealed_for_one_peer_is_not_for_another() -> None:
    first, second = sealed_for(PRIVATE)
    swapped = [{**first, "preshared_key": second["preshared_key"]}]
    with pytest.raises(InputError, match=r"peers\[0\]\.preshared_key: sealed to another"):
        open_peers(swapped, PRIVATE, False)


@pytest.mark.parametrize("text", ["sealed:", "sealed:x", "sealed:AAAA", "sealed:" + "A" * 108, "sealed:\u00e9"])
def test_what_is_not_whole(text: str) -> None:
    with pytest.raises(InputError, match=r"peers\[0\]\.preshared_key: a sealed key that is not whole"):
        open_peers([{**PEERS[0], "preshared_key": text}], PRIVATE, False)


def test_a_changed_text_is_refused() -> None:
    first, _second = sealed_for(PRIVATE)
    text = first["preshared_key"]
    for place in (7, 50, 60, 110):
        other = text[:place] + ("B" if text[place] != "B" else "C") + text[place + 1 :]
        with pytest.raises(InputError, match=r"peers\[0\]\.preshared_key: sealed to another"):
            open_peers([{**first, "preshared_key": other}], PRIVATE, False)


def test_check_mode_before_there_is_a_key_or_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    peers = sealed_preshared_keys(PEERS, "ada1", None, {"preshared_secret": SECRET})
    assert all(isinstance(entry["preshared_key"], PresharedKey) for entry in open_peers(peers, None, True))
    without_nacl(monkeypatch)
    assert all(isinstance(entry["preshared_key"], PresharedKey) for entry in open_peers(peers, PRIVATE, True))
    with pytest.raises(MissingLibrary, match="preshared keys cannot be opened, as nacl is missing: install"):
        open_peers(peers, PRIVATE, False)
