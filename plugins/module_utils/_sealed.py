# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens the preshared keys that were sealed to this host, which its private key alone can."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ._distribution import MissingLibrary, package_hint
from ._model.errors import InputError
from ._model.hpke import Context, Sealed, is_sealed, make_context, parse_sealed
from ._model.keys import KEY_BYTES, PresharedKey, PrivateKey, PublicKey, parse_public_key

OPTIONS = ("preshared_key", "next_preshared_key")
_REMEDY = "run the role as a whole, which asks the host for its key and seals them anew"


def open_peers(
    entries: Sequence[Mapping[str, Any]], private_key: PrivateKey | None, check_mode: bool
) -> Sequence[Mapping[str, Any]]:
    """The entries of ``peers`` with a PresharedKey where a sealed one was.

    In check mode, where there may be no private key or no library yet, any key stands in for one that cannot be opened.
    Raises InputError and MissingLibrary.
    """
    if not any(is_sealed(entry.get(option)) for entry in entries for option in OPTIONS):
        return entries
    try:
        opener = _opener(private_key) if private_key else _stand_in
    except ImportError as error:
        if not check_mode:
            hint = package_hint("nacl")
            raise MissingLibrary(f"preshared keys cannot be opened, as {error.name} is missing: {hint}") from None
        opener = _stand_in
    return [_opened(entry, index, opener) for index, entry in enumerate(entries)]


_Opener = Callable[[Sealed, PublicKey], PresharedKey]


def _opened(entry: Mapping[str, Any], index: int, opener: _Opener) -> Mapping[str, Any]:
    found = dict(entry)
    for option in OPTIONS:
        if is_sealed(entry.get(option)):
            path = f"peers[{index}].{option}"
            sealed = parse_sealed(entry[option])
            if sealed is None:
                raise InputError(path, None, "a sealed key that is not whole", _REMEDY)
            try:
                found[option] = opener(sealed, parse_public_key(entry["public_key"], f"peers[{index}].public_key"))
            except _NotOurs:
                raise InputError(path, None, "sealed to another private key than this host's", _REMEDY) from None
    return found


class _NotOurs(Exception):
    """A message that this key does not open."""


def _stand_in(_sealed: Sealed, _bound_to: PublicKey) -> PresharedKey:
    return PresharedKey(os.urandom(KEY_BYTES))


def _opener(private_key: PrivateKey) -> _Opener:
    """Raises ImportError where pynacl is missing."""
    from nacl import bindings
    from nacl.exceptions import CryptoError

    own = PublicKey(bindings.crypto_scalarmult_base(private_key.reveal_bytes()))

    # All of one task have the same.
    @lru_cache(maxsize=4)
    def context(encapsulated: bytes) -> Context:
        return make_context(bindings.crypto_scalarmult(private_key.reveal_bytes(), encapsulated), encapsulated, own)

    def open_one(sealed: Sealed, bound_to: PublicKey) -> PresharedKey:
        try:
            key, nonce = context(sealed.encapsulated).key, context(sealed.encapsulated).nonce(sealed.sequence)
            message = bindings.crypto_aead_chacha20poly1305_ietf_decrypt(sealed.ciphertext, bytes(bound_to), nonce, key)
        except (CryptoError, RuntimeError):
            raise _NotOurs from None
        return PresharedKey(message)

    return open_one
