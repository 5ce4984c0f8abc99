# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public half of a private key."""

from __future__ import annotations

from .._model.keys import PrivateKey, PublicKey


def public_key_of(private_key: PrivateKey) -> PublicKey:
    """The public half. Raises ImportError where pynacl is missing."""
    from nacl.bindings import crypto_scalarmult_base

    return PublicKey(crypto_scalarmult_base(private_key.reveal_bytes()))
