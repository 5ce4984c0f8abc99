# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A preshared key on its way to a host, sealed to the host's own public key, so that only the host can open it.

HPKE, RFC 9180, in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305. Here is what both ends
share and takes nothing but hashes: the text, and from what X25519 gives to the key and the nonce of each message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

from .keys import KEY_BYTES, PublicKey

PREFIX = "sealed:"
INFO = b"cryptokey.wireguard preshared key"
_VERSION = b"HPKE-v1"
_KEM = b"KEM\x00\x20"
_SUITE = b"HPKE\x00\x20\x00\x01\x00\x03"
_MODE_BASE = b"\x00"
_NONCE_BYTES, _SEQUENCE_BYTES, _TAG_BYTES = 12, 4, 16


class Sealed(NamedTuple):
    """``encapsulated`` is the sender's ephemeral public key, ``sequence`` the number of the message with it."""

    encapsulated: bytes
    sequence: int
    ciphertext: bytes


class Context(NamedTuple):
    """What each message is sealed and opened with. The key is a secret: there is no ``repr`` of it."""

    key: bytes
    base_nonce: bytes

    def __repr__(self) -> str:
        return "Context(redacted)"

    def nonce(self, sequence: int) -> bytes:
        number = int.from_bytes(self.base_nonce, "big") ^ sequence
        return number.to_bytes(_NONCE_BYTES, "big")


def make_context(dh: bytes, encapsulated: bytes, recipient: PublicKey, info: bytes = INFO) -> Context:
    """``dh`` is what X25519 makes of one end's private and the other's public key (RFC 9180, sections 4.1 and 5.1)."""
    extracted = _extract(b"", _KEM, b"eae_prk", dh)
    shared = _expand(extracted, _KEM, b"shared_secret", encapsulated + recipient, KEY_BYTES)
    hashes = (_extract(b"", _SUITE, label, value) for label, value in ((b"psk_id_hash", b""), (b"info_hash", info)))
    context = _MODE_BASE + b"".join(hashes)
    secret = _extract(shared, _SUITE, b"secret", b"")
    return Context(
        _expand(secret, _SUITE, b"key", context, KEY_BYTES),
        _expand(secret, _SUITE, b"base_nonce", context, _NONCE_BYTES),
    )


def _extract(salt: bytes, suite: bytes, label: bytes, key: bytes) -> bytes:
    return hmac.digest(salt or bytes(hashlib.sha256().digest_size), _VERSION + suite + label + key, "sha256")


def _expand(key: bytes, suite: bytes, label: bytes, info: bytes, size: int) -> bytes:
    """One block is all that is ever asked for."""
    return hmac.digest(key, size.to_bytes(2, "big") + _VERSION + suite + label + info + b"\x01", "sha256")[:size]


def render_sealed(sealed: Sealed) -> str:
    data = sealed.encapsulated + sealed.sequence.to_bytes(_SEQUENCE_BYTES, "big") + sealed.ciphertext
    return PREFIX + base64.b64encode(data).decode("ascii")


def is_sealed(text: object) -> bool:
    return isinstance(text, str) and text.startswith(PREFIX)


def parse_sealed(text: str) -> Sealed | None:
    """None where it is no such text."""
    try:
        data = base64.b64decode(text[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) != KEY_BYTES + _SEQUENCE_BYTES + KEY_BYTES + _TAG_BYTES:
        return None
    body = KEY_BYTES + _SEQUENCE_BYTES
    return Sealed(data[:KEY_BYTES], int.from_bytes(data[KEY_BYTES:body], "big"), data[body:])
