# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seals the preshared keys in a host's peers to the host's own public key; ``module_utils/_sealed.py`` opens them.

Ansible writes the arguments of a module to a file on the host, unless it pipelines, and keeps that with
ANSIBLE_KEEP_REMOTE_FILES. What is sealed can be read there by nobody who could not read the host's private key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.hpke import (
    INFO,
    Context,
    Sealed,
    make_context,
    render_sealed,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    PublicKey,
    parse_preshared_key,
    parse_public_key,
)

# What a peer can have of preshared keys.
OPTIONS = ("preshared_key", "next_preshared_key")


class Sealer:
    """Seals messages to one recipient. ``ephemeral`` is 32 secret bytes that are used for nothing else."""

    def __init__(self, recipient: PublicKey, ephemeral: bytes | None = None, info: bytes = INFO) -> None:
        # Whatever runs Ansible has it; what only checks the collection need not.
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        own = X25519PrivateKey.from_private_bytes(ephemeral) if ephemeral else X25519PrivateKey.generate()
        self._encapsulated = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        dh = own.exchange(X25519PublicKey.from_public_bytes(recipient))
        self._context: Context = make_context(dh, self._encapsulated, recipient, info)
        self._numbers = count()

    def seal(self, message: bytes, bound_to: bytes) -> Sealed:
        """What the message is ``bound_to`` has to be given to open it."""
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        number = next(self._numbers)
        ciphertext = ChaCha20Poly1305(self._context.key).encrypt(self._context.nonce(number), message, bound_to)
        return Sealed(self._encapsulated, number, ciphertext)


def seal_peers(peers: Sequence[Mapping[str, Any]], recipient: PublicKey) -> Sequence[Mapping[str, Any]]:
    """The peers with their preshared keys sealed, those that have one; an empty one, which clears, is no secret."""
    if not any(_secrets(peers)):
        return peers
    sealer = Sealer(recipient)
    return [{**peer, **dict(_sealed(peer, sealer))} for peer in peers]


def _secrets(peers: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    return (peer.get(option) for peer in peers for option in OPTIONS)


def _sealed(peer: Mapping[str, Any], sealer: Sealer) -> Iterator[tuple[str, str]]:
    for option in OPTIONS:
        if peer.get(option):
            key = parse_preshared_key(peer[option], option)
            yield option, render_sealed(sealer.seal(key.reveal_bytes(), parse_public_key(peer["public_key"])))
