# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network's options say about preshared keys. No message of this file has a secret in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, parse_preshared_key

from . import variables as v

SECRET = "preshared_secret"
PAIRS = "preshared_keys"
SECRET_CHARACTERS = 20
_PAIR_FORM = "write {between: [NAME, NAME], key: KEY}, with two names of hosts or clients"
_MAKE_SECRET = "make one with 'openssl rand -base64 32', and vault it"
_MAKE_KEY = "make one with 'wg genpsk', and vault it"


class PresharedOptions(NamedTuple):
    """``secret`` is empty where it turns preshared keys off, None where the inventory has none.

    ``pairs``: two names to the key that the pair has whatever the secret; an all-zero one for none.
    """

    secret: bytes | None
    pairs: Mapping[frozenset[str], PresharedKey]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(redacted)"


def read_preshared(options: Mapping[str, Any], path: str = "") -> PresharedOptions:
    """The options of a network; ``path`` stands before their names in messages. Raises InputError."""
    pairs: dict[frozenset[str], PresharedKey] = {}
    entries = options.get(PAIRS) or ()
    if not isinstance(entries, (list, tuple)):
        raise InputError(f"{path}{PAIRS}", None, "not a list", _PAIR_FORM)
    for index, entry in enumerate(entries):
        option = f"{path}{PAIRS}[{index}]"
        if not isinstance(entry, Mapping) or set(map(str, entry)) != {"between", "key"}:
            raise InputError(option, None, "not a pair with its key", _PAIR_FORM)
        names = v.parse_pair(entry["between"], f"{option}.between")
        if names in pairs:
            raise InputError(option, " and ".join(sorted(names)), "this pair is there already", "leave one of them")
        key = _text(entry["key"], f"{option}.key", _MAKE_KEY)
        pairs[names] = parse_preshared_key(key.strip(), f"{option}.key")
    return PresharedOptions(_read_secret(options.get(SECRET), f"{path}{SECRET}"), pairs)


def _read_secret(secret: object, option: str) -> bytes | None:
    """Whether a text was hard to guess cannot be told from it; that a short one is not hard can."""
    if secret is None:
        return None
    text = _text(secret, option, _MAKE_SECRET)
    if 0 < len(text) < SECRET_CHARACTERS:
        problem = f"too short to be a secret: less than {SECRET_CHARACTERS} characters"
        raise InputError(option, None, problem, _MAKE_SECRET)
    return text.encode()


def _text(value: object, option: str, remedy: str) -> str:
    """The text; what Ansible before 2.19 has for a vaulted one is no ``str``, but becomes one."""
    if value is None or isinstance(value, (bool, int, float, bytes, Mapping, list, tuple)):
        raise InputError(option, None, "not a text", remedy)
    return str(value)
