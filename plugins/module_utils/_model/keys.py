# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys as types: public ones print as base64, secret ones never print.

A WireGuard key is 32 bytes, written in base64 as 44 characters (wg(8), "genkey").
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from typing import NoReturn, TypeVar

from .errors import InputError

KEY_BYTES = 32
ZERO_KEY = bytes(KEY_BYTES)
# The options of a peer that are preshared keys, and how the text of one begins that is sealed on its way to its host.
PRESHARED_KEYS = ("preshared_key", "next_preshared_key")
SEALED = "sealed:"
_BASE64 = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_STRAY_BITS = re.compile(r"[A-Za-z0-9+/]{43}=")
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LAST_DIGITS = _DIGITS[::4]
_REMEDY = "a key is 32 bytes in base64: 44 characters, the last of them '='"

# With a public key of small order every private key gives the same shared secret, zero, which WireGuard refuses. These
# are the points of such orders as numbers (https://cr.yp.to/ecdh.html#validate); 2**255 - 19 is the field's prime, and
# the highest of the 256 bits is ignored (RFC 7748, section 5).
_PRIME = 2**255 - 19
_ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
SMALL_ORDER = frozenset(
    (point + bit).to_bytes(KEY_BYTES, "little")
    for point in (0, 1, *_ORDER_8, _PRIME - 1, _PRIME, _PRIME + 1)
    for bit in (0, 2**255)
)

_SecretT = TypeVar("_SecretT", bound="Secret")


def is_sealed(value: object) -> bool:
    """Whether the text of a preshared key is one that ``_options.sealed`` has to open."""
    return isinstance(value, str) and value.startswith(SEALED)


class PublicKey(bytes):
    """A Curve25519 public key. Hashes and compares as the bytes it is; ``str()`` is its base64."""

    __slots__ = ()

    def __str__(self) -> str:
        return base64.b64encode(self).decode("ascii")

    def __repr__(self) -> str:
        return f"PublicKey({str(self)!r})"


class Secret:
    """Thirty-two secret bytes. No ``repr``, ``str`` or pickle shows them; ask by name for the plain form."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = bytes(key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._key == other._key

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._key))

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} is never serialised")

    def __bool__(self) -> bool:
        """False for the all-zero key, which to the kernel means "none"."""
        return self._key != ZERO_KEY

    def reveal_bytes(self) -> bytes:
        return self._key

    def reveal_base64(self) -> str:
        return base64.b64encode(self._key).decode("ascii")


class PrivateKey(Secret):
    """An X25519 private key, clamped on construction as the kernel clamps it on set (RFC 7748, section 5).

    Unclamped, the key that the kernel gives back would differ from the file's for ever.
    """

    __slots__ = ()

    def __init__(self, key: bytes) -> None:
        super().__init__(clamp(key) if any(key) else key)


class PresharedKey(Secret):
    """A preshared key; all zero means that there is none."""

    __slots__ = ()


NO_PRESHARED_KEY = PresharedKey(ZERO_KEY)


def clamp(key: bytes) -> bytes:
    """The 32-byte key as a Curve25519 scalar (RFC 7748, section 5)."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    return bytes([key[0] & 248]) + key[1:31] + bytes([(key[31] & 127) | 64])


def _decode(text: str, option: str, shown: object) -> bytes:
    # The pattern refuses what b64decode lets pass: foreign characters and stray low bits in the last digit.
    if not isinstance(text, str) or not _BASE64.fullmatch(text):
        stray = isinstance(text, str) and _STRAY_BITS.fullmatch(text)
        detail = ": the character before the '=' has bits that no key has" if stray else ""
        remedy = "copy the key again, with 'wg show' or 'wg pubkey'; one character was changed" if stray else _REMEDY
        raise InputError(option, shown, f"not a WireGuard key{detail}", remedy)
    return binascii.a2b_base64(text)


def decode_keys(texts: Sequence[object]) -> list[bytes] | None:
    """Decode many keys at once (docs/contributing/large-peer-sets.md). None if one is not a key or has a small order.

    Each text is 43 digits and a padding, which stands for a 44th digit of no weight: put in its place, it makes of all
    texts a single one, 33 bytes a key.
    """
    count = len(texts)
    try:
        joined = "".join(texts).encode("ascii")  # type: ignore[arg-type]
        lengths = set(map(len, texts))  # type: ignore[arg-type]
    except (TypeError, UnicodeEncodeError):
        return None
    if (
        not lengths <= {44}
        or joined[43::44] != b"=" * count
        or joined[42::44].translate(None, _LAST_DIGITS)
        or joined.translate(None, _DIGITS) != b"=" * count
    ):
        return None
    data = binascii.a2b_base64(joined.replace(b"=", b"A"))
    keys = [data[start : start + KEY_BYTES] for start in range(0, 33 * count, 33)]
    return keys if SMALL_ORDER.isdisjoint(keys) else None


def parse_public_key(text: str, option: str = "public_key") -> PublicKey:
    """Base64 text to a public key. Raises InputError; the all-zero key is refused, as no peer can have it."""
    key = _decode(text, option, text)
    if key == ZERO_KEY:
        raise InputError(option, text, "the all-zero key means 'no key'", "give the peer's own public key")
    return PublicKey(key)


def parse_peer_key(text: str, option: str = "public_key") -> PublicKey:
    """A public key that somebody gives for a peer. One with which no handshake can succeed is refused, too."""
    key = parse_public_key(text, option)
    if key in SMALL_ORDER:
        problem = "no handshake can succeed with this key, a Curve25519 point of small order"
        raise InputError(option, text, problem, "give the output of 'wg pubkey' for the peer's private key")
    return key


def _parse_secret(kind: type[_SecretT], text: str, option: str) -> _SecretT:
    return kind(_decode(text.strip() if isinstance(text, str) else text, option, None))


def parse_private_key(text: str, option: str = "private_key") -> PrivateKey:
    """Base64 text, white space around it allowed, to a clamped private key. InputError never shows the text."""
    key = _parse_secret(PrivateKey, text, option)
    if not key:
        raise InputError(option, None, "the all-zero private key", "remove the file to get a new key")
    return key


def parse_preshared_key(text: str, option: str = "preshared_key") -> PresharedKey:
    """Base64 text to a preshared key; the empty string clears, as an all-zero key does."""
    return NO_PRESHARED_KEY if text == "" else _parse_secret(PresharedKey, text, option)
