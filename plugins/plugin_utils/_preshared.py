# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A preshared key for each pair of members, derived anew wherever it is needed and stored nowhere.

Both ends get the same from one secret and their two public keys, by HKDF-SHA256 (RFC 5869)::

    IKM  = the secret, in UTF-8
    salt = "cryptokey.wireguard preshared key v1"
    info = the two public keys, 32 bytes each, the smaller one first as bytes compare
    L    = 32

The public keys are what sets the pairs apart, so that a key pair that is made anew gets another preshared key too.
No message of this file has a secret in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    KEY_BYTES,
    NO_PRESHARED_KEY,
    PresharedKey,
    PublicKey,
    parse_preshared_key,
    parse_public_key,
)

from ._fleet.errors import Problems, list_names

SECRET = "preshared_secret"
PAIRS = "preshared_keys"
SECRET_CHARACTERS = 20
_SALT = b"cryptokey.wireguard preshared key v1"
_PAIR_FORM = "write {between: [NAME, NAME], key: KEY}, with two names of hosts or clients"


class PresharedKeys(NamedTuple):
    """What one network's options say. ``secret`` is empty where they turn preshared keys off, None if they do not say.

    ``pairs``: two names to the key that the pair has whatever the secret; an all-zero one for none.
    """

    secret: bytes | None
    pairs: Mapping[frozenset[str], PresharedKey]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"

    def find(self, names: Iterable[str], keys: Sequence[PublicKey]) -> PresharedKey | None:
        """The key of a pair, given its two names and its two public keys; None where the inventory asks for nothing."""
        own = self.pairs.get(frozenset(names))
        if own is not None or self.secret is None:
            return own
        return derive(self.secret, keys) if self.secret else NO_PRESHARED_KEY


def derive(secret: bytes, public_keys: Sequence[PublicKey]) -> PresharedKey:
    """The key of the pair with these two public keys, in whatever order they are given."""
    info = b"".join(sorted(public_keys))
    return PresharedKey(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=_SALT, info=info).derive(secret))


def with_preshared_keys(
    peers: Sequence[Mapping[str, Any]], name: str, public_key: str | None, network_options: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """One member's peers with ``preshared_key`` added, in base64, or empty to clear; else the very same list.

    ``name`` and ``public_key`` are the member's own. In check mode the latter may not be known yet, before the first
    run: any key then stands in for it, as the difference shows only that there is one. Raises InputError.
    """
    found = read_preshared_keys(network_options, "")
    if found.secret is None and not found.pairs:
        return peers
    own = parse_public_key(public_key) if public_key else PublicKey(os.urandom(KEY_BYTES))
    return [
        _with_key(peer, found.find((name, peer["name"]), (own, parse_public_key(peer["public_key"])))) for peer in peers
    ]


def _with_key(peer: Mapping[str, Any], key: PresharedKey | None) -> Mapping[str, Any]:
    if key is None:
        return peer
    return {**peer, "preshared_key": key.reveal_base64() if key else ""}


def read_preshared_keys(options: Mapping[str, Any], path: str) -> PresharedKeys:
    """The options of a network; ``path`` stands before their names in messages. Raises InputError."""
    pairs: dict[frozenset[str], PresharedKey] = {}
    entries = options.get(PAIRS) or ()
    if not isinstance(entries, (list, tuple)):
        raise InputError(f"{path}{PAIRS}", None, "not a list", _PAIR_FORM)
    for index, entry in enumerate(entries):
        option = f"{path}{PAIRS}[{index}]"
        names, key = _read_pair(entry, option)
        if names in pairs:
            raise InputError(option, " and ".join(sorted(names)), "this pair is there already", "leave one of them")
        pairs[names] = key
    return PresharedKeys(_read_secret(options.get(SECRET), f"{path}{SECRET}"), pairs)


def _read_pair(entry: object, option: str) -> tuple[frozenset[str], PresharedKey]:
    if not isinstance(entry, Mapping) or set(map(str, entry)) != {"between", "key"}:
        raise InputError(option, None, "not a pair with its key", _PAIR_FORM)
    between = entry["between"]
    if not isinstance(between, (list, tuple)) or len(set(map(str, between))) != 2 or len(between) != 2:
        raise InputError(f"{option}.between", between, "not two names", _PAIR_FORM)
    key = _text(entry["key"], f"{option}.key", "make one with 'wg genpsk', and vault it")
    return frozenset(map(str, between)), parse_preshared_key(key.strip(), f"{option}.key")


def _read_secret(secret: object, option: str) -> bytes | None:
    """Whether a text was hard to guess cannot be told from it; that a short one is not hard can."""
    if secret is None:
        return None
    remedy = "make one with 'openssl rand -base64 32', and vault it"
    text = _text(secret, option, remedy)
    if 0 < len(text) < SECRET_CHARACTERS:
        problem = f"too short to be a secret: less than {SECRET_CHARACTERS} characters"
        raise InputError(option, None, problem, remedy)
    return text.encode()


def _text(value: object, option: str, remedy: str) -> str:
    """The text; what Ansible before 2.19 has for a vaulted one is no ``str``, but becomes one."""
    if value is None or isinstance(value, (bool, int, float, bytes, Mapping, list, tuple)):
        raise InputError(option, None, "not a text", remedy)
    return str(value)


def check_preshared_keys(networks: Mapping[str, Mapping[str, Any]], members: Mapping[str, Iterable[str]]) -> None:
    """Raises FleetError with what is wrong in the networks' options. ``members``: network to its hosts and clients."""
    problems = Problems()
    for network, names in members.items():
        path = f"wireguard_networks.{network}."
        options = networks[network]
        found = problems.catch("", lambda o=options, p=path: read_preshared_keys(o, p), PresharedKeys(None, {}))  # type: ignore[misc]
        known = set(names)
        for pair in found.pairs:
            strangers = sorted(pair - known)
            if strangers:
                remedy = f"name two of its hosts or clients, such as {list_names(sorted(known))}"
                problems.add(
                    "", f"{path}{PAIRS}", list_names(strangers), f"in the network {network} is no such member", remedy
                )
    problems.refuse()
