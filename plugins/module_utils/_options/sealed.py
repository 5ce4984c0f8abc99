# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal preshared keys to a host's own public key, so that only this host can open them.

Ansible writes the arguments of a module to a file on the host, unless it pipelines, and keeps that with
ANSIBLE_KEEP_REMOTE_FILES. Only users who can read the host's private key can open sealed keys.

Libsodium does it: a random key is in a sealed box for the host, once for all peers of a task, and with that key each
preshared key is encrypted by XChaCha20-Poly1305 and bound to the public key of the peer that it is for. The text is
``sealed:`` and, in base64, the box (80 bytes), a random nonce (24) and the ciphertext (48).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from .._model.errors import InputError
from .._model.keys import (
    KEY_BYTES,
    PRESHARED_KEYS,
    SEALED,
    PresharedKey,
    PrivateKey,
    PublicKey,
    is_sealed,
    parse_preshared_key,
    parse_public_key,
)
from .._model.packages import MissingLibrary, package_hint

_BOX_BYTES, _NONCE_BYTES, _CIPHERTEXT_BYTES = KEY_BYTES + 48, 24, KEY_BYTES + 16
_REMEDY = "run the whole role, which reads the host's key and seals the preshared keys again"


def seal_peers(peers: Sequence[Mapping[str, Any]], recipient: PublicKey) -> Sequence[Mapping[str, Any]]:
    """Seal the preshared keys of the peers. An empty one, which clears the key, is not a secret.

    Raises InputError and MissingLibrary.
    """
    if not any(peer.get(option) for peer in peers for option in PRESHARED_KEYS):
        return peers
    try:
        seal = _sealer(recipient)
    except ImportError as error:
        raise _missing(error, "sealed") from None
    return [_sealed(peer, seal) for peer in peers]


def open_peers(
    entries: Sequence[Mapping[str, Any]], private_key: PrivateKey | None, check_mode: bool
) -> Sequence[Mapping[str, Any]]:
    """The entries of ``peers`` with a PresharedKey where a sealed one was.

    In check mode, where there may be no private key or no library yet, any key stands in for one that cannot be opened.
    Raises InputError and MissingLibrary.
    """
    if not any(is_sealed(entry.get(option)) for entry in entries for option in PRESHARED_KEYS):
        return entries
    try:
        opener = _opener(private_key) if private_key else _stand_in
    except ImportError as error:
        if not check_mode:
            raise _missing(error, "opened") from None
        opener = _stand_in
    return [_opened(entry, index, opener) for index, entry in enumerate(entries)]


# The peer's public key is the second argument of both.
_Sealer = Callable[[PresharedKey, PublicKey], str]
_Opener = Callable[[bytes, PublicKey], PresharedKey]


def _missing(error: ImportError, done: str) -> MissingLibrary:
    return MissingLibrary(f"preshared keys cannot be {done}, as {error.name} is missing: {package_hint('nacl')}")


def _sealed(peer: Mapping[str, Any], seal: _Sealer) -> Mapping[str, Any]:
    found = dict(peer)
    for option in PRESHARED_KEYS:
        if peer.get(option):
            found[option] = seal(parse_preshared_key(peer[option], option), parse_public_key(peer["public_key"]))
    return found


def _opened(entry: Mapping[str, Any], index: int, opener: _Opener) -> Mapping[str, Any]:
    found = dict(entry)
    for option in PRESHARED_KEYS:
        if is_sealed(entry.get(option)):
            path = f"peers[{index}].{option}"
            data = _decode(entry[option])
            if data is None:
                raise InputError(path, None, "truncated sealed preshared key", _REMEDY)
            try:
                found[option] = opener(data, parse_public_key(entry["public_key"], f"peers[{index}].public_key"))
            except _NotOurs:
                raise InputError(path, None, "sealed for a different private key than this host's", _REMEDY) from None
    return found


def _decode(text: str) -> bytes | None:
    try:
        data = base64.b64decode(text[len(SEALED) :], validate=True)
    except ValueError:
        return None
    return data if len(data) == _BOX_BYTES + _NONCE_BYTES + _CIPHERTEXT_BYTES else None


class _NotOurs(Exception):
    """A message that this key does not open."""


def _stand_in(_data: bytes, _bound_to: PublicKey) -> PresharedKey:
    return PresharedKey(os.urandom(KEY_BYTES))


def _sealer(recipient: PublicKey) -> _Sealer:
    """Raises ImportError where pynacl is missing."""
    from nacl import bindings

    key = os.urandom(KEY_BYTES)
    box = bindings.crypto_box_seal(key, bytes(recipient))

    def seal(preshared_key: PresharedKey, bound_to: PublicKey) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        message = preshared_key.reveal_bytes()
        ciphertext = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(message, bytes(bound_to), nonce, key)
        return SEALED + base64.b64encode(box + nonce + ciphertext).decode("ascii")

    return seal


def _opener(private_key: PrivateKey) -> _Opener:
    """Raises ImportError where pynacl is missing."""
    from nacl import bindings
    from nacl.exceptions import CryptoError

    own = private_key.reveal_bytes()
    public = bindings.crypto_scalarmult_base(own)

    # All of one task have the same.
    @lru_cache(maxsize=4)
    def key_in(box: bytes) -> bytes:
        key: bytes = bindings.crypto_box_seal_open(box, public, own)
        return key

    def open_one(data: bytes, bound_to: PublicKey) -> PresharedKey:
        box, rest = data[:_BOX_BYTES], data[_BOX_BYTES:]
        nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            key = key_in(box)
            message = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, bytes(bound_to), nonce, key)
        except CryptoError:
            raise _NotOurs from None
        return PresharedKey(message)

    return open_one
