# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Derive a preshared key for each pair of members, where it is needed. No file has these keys.

Both ends get the same from one secret, the network's name and their two public keys, by HKDF-SHA256 (RFC 5869)::

    IKM  = the secret, in UTF-8
    salt = "cryptokey.wireguard preshared key v2"
    info = the network's name in UTF-8, a zero byte, the two public keys, 32 bytes each, the smaller one first
    L    = 32

The public keys tell the pairs apart, so that a new key pair gets another preshared key too. The name tells networks
apart that share a secret: one key pair can be in both. The last 64 bytes are always the keys, so that no two different
inputs make the same info.
No message of this file has a secret in it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    KEY_BYTES,
    NO_PRESHARED_KEY,
    PresharedKey,
    PublicKey,
    parse_public_key,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.sealed import seal_peers

from .._inventory.errors import Problems
from .._inventory.given import normalise
from .._inventory.preshared import PresharedOptions, read_preshared

_SALT = b"cryptokey.wireguard preshared key v2"


def derive(secret: bytes, network: str, public_keys: Sequence[PublicKey]) -> PresharedKey:
    """The key of the pair with these two public keys, in whatever order they are given."""
    # Whatever runs Ansible has it; what only checks the collection need not.
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = network.encode() + b"\0" + b"".join(sorted(public_keys))
    return PresharedKey(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=_SALT, info=info).derive(secret))


def with_preshared_keys(
    peers: Sequence[Mapping[str, Any]],
    name: str,
    public_key: str | None,
    network_options: Mapping[str, Any],
    network: str,
) -> Sequence[Mapping[str, Any]]:
    """One member's peers with ``preshared_key`` added, in base64, or empty to clear; else the very same list.

    ``name`` and ``public_key`` are the member's own, ``network`` is the name of the network. In check mode the public
    key may not be known yet, before the first run: any key then stands in for it, as the difference shows only that
    there is one. Raises InputError.
    """
    problems = Problems()
    found = read_preshared(normalise(network_options, "", problems))
    problems.refuse()
    if found.secret is None and not found.pairs:
        return peers
    own = parse_public_key(public_key) if public_key else PublicKey(os.urandom(KEY_BYTES))
    return [_with_keys(peer, found, network, name, own) for peer in peers]


def sealed_preshared_keys(
    peers: Sequence[Mapping[str, Any]],
    name: str,
    public_key: str | None,
    network_options: Mapping[str, Any],
    network: str,
) -> Sequence[Mapping[str, Any]]:
    """The same with the preshared keys sealed to ``public_key``, so that only its host can open them.

    Sealed to a random key where the host has none yet: in check mode no host opens them. Raises InputError and
    MissingLibrary.
    """
    own = parse_public_key(public_key) if public_key else PublicKey(os.urandom(KEY_BYTES))
    return seal_peers(with_preshared_keys(peers, name, public_key, network_options, network), own)


def _find(
    options: PresharedOptions, network: str, name: str, own: PublicKey, peer: Mapping[str, Any], option: str
) -> PresharedKey | None:
    """The key of the member and this peer of its, whose public key is in ``option``; None where the inventory asks for
    nothing."""
    of_pair = options.pairs.get(frozenset((name, peer["name"])))
    if of_pair is not None or options.secret is None:
        return of_pair
    if not options.secret:
        return NO_PRESHARED_KEY
    return derive(options.secret, network, (own, parse_public_key(peer[option])))


def _with_keys(
    peer: Mapping[str, Any], options: PresharedOptions, network: str, name: str, own: PublicKey
) -> Mapping[str, Any]:
    """A peer that is about to change its key has another preshared key with the next one."""
    found = dict(peer)
    for option, of in (("preshared_key", "public_key"), ("next_preshared_key", "next_public_key")):
        key = _find(options, network, name, own, peer, of) if of in peer else None
        if key is not None:
            found[option] = key.reveal_base64() if key else ""
    return found
