# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys: text and back, clamping, and that a secret is nowhere to be seen."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult, crypto_scalarmult_base

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface, DesiredPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    KEY_BYTES,
    NO_PRESHARED_KEY,
    SMALL_ORDER,
    ZERO_KEY,
    PresharedKey,
    PrivateKey,
    PublicKey,
    Secret,
    clamp,
    decode_keys,
    parse_peer_key,
    parse_preshared_key,
    parse_private_key,
    parse_public_key,
)

KEY = bytes(range(1, 33))
TEXT = base64.b64encode(KEY).decode()

key_bytes = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)


def traces(key: bytes) -> tuple[str, ...]:
    """Every way in which a key could show."""
    return base64.b64encode(key).decode(), key.hex(), key.hex().upper(), repr(key), repr(list(key)), str(key)[2:-1]


@given(key_bytes.filter(any))
def test_a_public_key_survives_its_text(key: bytes) -> None:
    assert parse_public_key(str(PublicKey(key))) == key


@given(key_bytes)
def test_a_preshared_key_survives_its_text(key: bytes) -> None:
    assert parse_preshared_key(PresharedKey(key).reveal_base64()).reveal_bytes() == key


@given(key_bytes.filter(any))
def test_a_private_key_survives_its_text(key: bytes) -> None:
    private_key = PrivateKey(key)
    assert parse_private_key(f" {private_key.reveal_base64()}\n") == private_key


@given(st.lists(key_bytes.filter(any)), st.data())
def test_many_keys_at_once_are_read_as_one_by_one(keys: list[bytes], data: st.DataObject) -> None:
    texts: list[object] = [str(PublicKey(key)) for key in keys]
    assert decode_keys(texts) == keys
    for bad in (None, "", TEXT[:-1], "=" + TEXT[1:], TEXT[:-2] + "B=", f"{TEXT}A", "é" * 44, str(PublicKey(ZERO_KEY))):
        place = data.draw(st.integers(0, len(texts)))
        assert decode_keys([*texts[:place], bad, *texts[place:]]) is None
    assert decode_keys([*texts, TEXT[:-1], f"={TEXT}"]) is None


@given(key_bytes)
def test_clamping_is_that_of_rfc_7748(key: bytes) -> None:
    clamped = clamp(key)
    assert clamp(clamped) == clamped
    assert clamped[0] % 8 == 0
    assert clamped[31] >> 6 == 1
    assert crypto_scalarmult_base(key) == crypto_scalarmult_base(clamped)


@given(key_bytes.filter(any))
def test_a_private_key_is_clamped_from_the_start(key: bytes) -> None:
    assert PrivateKey(key).reveal_bytes() == clamp(key)


def test_zero_means_none() -> None:
    assert not PrivateKey(ZERO_KEY)
    assert not PresharedKey(ZERO_KEY)
    assert parse_preshared_key("") == NO_PRESHARED_KEY
    assert PresharedKey(KEY)


def test_secrets_of_different_kinds_differ() -> None:
    key = clamp(KEY)
    assert PrivateKey(key) != PresharedKey(key)
    assert len({PrivateKey(key), PresharedKey(key), PrivateKey(KEY)}) == 2


@pytest.mark.parametrize("size", [0, 31, 33, 64])
@pytest.mark.parametrize("kind", [PrivateKey, PresharedKey, clamp])
def test_a_key_of_another_length_is_refused(kind: Callable[[bytes], object], size: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {size}"):
        kind(b"k" * size)


def test_a_key_with_stray_bits_is_refused_with_what_is_wrong() -> None:
    with pytest.raises(
        InputError, match="not a WireGuard key: the character before the '=' has bits that no key has; copy"
    ):
        parse_public_key(TEXT[:-2] + "B=", "peers[0].public_key")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        TEXT[:-1],
        TEXT + "=",
        TEXT.replace("A", "-"),
        f"{TEXT}\n",
        KEY.hex(),
        "é" * 44,
        7,
    ],
)
def test_a_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a WireGuard key; a key is 32 bytes in base64"):
        parse_public_key(text, "peers[0].public_key")


def test_the_zero_public_key_is_refused() -> None:
    with pytest.raises(InputError, match="all-zero key"):
        parse_public_key(base64.b64encode(ZERO_KEY).decode())


@pytest.mark.parametrize("parse", [parse_private_key, parse_preshared_key])
@pytest.mark.parametrize("text", [TEXT[:-1], TEXT[:-2] + "B=", f"{TEXT} {TEXT}", KEY.hex()])
def test_a_refused_secret_is_not_in_the_message(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.__dict__)
    assert text[:20] not in shown


def test_a_public_key_with_which_no_handshake_can_succeed_is_refused_where_it_is_given() -> None:
    assert len(SMALL_ORDER) == 14
    for key in SMALL_ORDER:
        with pytest.raises(RuntimeError):  # libsodium's own check, by the result
            crypto_scalarmult(clamp(KEY), key)
        text = str(PublicKey(key))
        with pytest.raises(InputError, match="no handshake can succeed" if any(key) else "all-zero key"):
            parse_peer_key(text)
        assert decode_keys([TEXT, text]) is None
        if any(key):  # one that is running somewhere, or stands in a file, is read
            assert parse_public_key(text) == key
    assert parse_peer_key(TEXT) == KEY


def test_the_zero_private_key_is_refused() -> None:
    with pytest.raises(InputError, match="all-zero private key; remove the file"):
        parse_private_key(base64.b64encode(ZERO_KEY).decode())


@given(key_bytes.filter(any))
def test_no_way_of_printing_shows_a_secret(key: bytes) -> None:
    for secret in (PrivateKey(key), PresharedKey(key)):
        desired = DesiredInterface(
            "wg0", secret if isinstance(secret, PrivateKey) else None, peers=(DesiredPeer(PublicKey(b"p" * 32), "p"),)
        )
        peer = DesiredPeer(PublicKey(b"p" * 32), preshared_key=secret if isinstance(secret, PresharedKey) else None)
        record = logging.LogRecord("x", 1, "x", 1, "%s %r", (secret, secret), None)
        shown = [str(secret), repr(secret), f"{secret}", f"{secret!s:>60}", "%s %r" % (secret, [secret])]  # noqa: UP031
        shown += [repr(desired), str(peer), repr({secret: secret}), ascii(secret), record.getMessage()]
        for trace in traces(secret.reveal_bytes()):
            assert trace not in "".join(shown)


@pytest.mark.parametrize("secret", [PrivateKey(KEY), PresharedKey(KEY)])
def test_a_secret_is_never_serialised(secret: Secret) -> None:
    serialisers: list[Callable[[Any], object]] = [pickle.dumps, json.dumps, copy.deepcopy, copy.copy, bytes, vars]
    for serialise in serialisers:
        with pytest.raises(TypeError) as caught:
            serialise(secret)
        assert not any(trace in str(caught.value) for trace in traces(secret.reveal_bytes()))
    assert not any(trace in json.dumps(secret, default=str) for trace in traces(secret.reveal_bytes()))
