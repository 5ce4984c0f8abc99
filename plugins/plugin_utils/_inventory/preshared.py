# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network's options say about preshared keys. No message of this file has a secret in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    NO_PRESHARED_KEY,
    PresharedKey,
    parse_preshared_key,
)

from . import option_parsers
from .close import nearest

SECRET = "preshared_secret"
PAIRS = "preshared_keys"
# The options of a network that are secret, and that only what uses them needs.
SECRETS = (SECRET, PAIRS)
SECRET_CHARACTERS = 20
_FIELDS = ("between", "key")
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


def secret_options(networks: Any, network: str, template: Callable[[Any], Any]) -> dict[str, Any]:
    """Those options of a network that are secret, of ``wireguard_networks`` as it is before templating.

    All else of the networks, which may be much, is not templated.
    """
    found = networks if isinstance(networks, Mapping) else template(networks)
    options = found[network]
    options = options if isinstance(options, Mapping) else template(options)
    return {option: template(options[option]) for option in SECRETS if option in options}


def read_preshared(
    options: Mapping[str, Any], path: str = "", members: Collection[str] | None = None
) -> PresharedOptions:
    """The options of a network; ``path`` stands before their names in messages. Raises InputError.

    Who is no member is refused where the ``members``, hosts and clients, are given.
    """
    secret = _read_secret(options.get(SECRET), f"{path}{SECRET}")
    pairs: dict[frozenset[str], PresharedKey] = {}
    for index, entry in enumerate(option_parsers.parse_entries(options.get(PAIRS) or [], f"{path}{PAIRS}")):
        names, key = _read_pair(entry, f"{path}{PAIRS}[{index}]", members)
        if names in pairs:
            problem, remedy = "the pair already has a key", "remove one of them"
            raise InputError(f"{path}{PAIRS}[{index}].between", ", ".join(sorted(names)), problem, remedy)
        pairs[names] = key
    return PresharedOptions(secret, pairs)


def _read_pair(entry: object, path: str, members: Collection[str] | None) -> tuple[frozenset[str], PresharedKey]:
    fields = option_parsers.parse_mapping(entry, path)
    option_parsers.check_names(map(str, fields), _FIELDS, f"{path}.")
    for field in _FIELDS:
        if fields.get(field) is None:
            raise InputError(f"{path}.{field}", None, "missing", f"write {' and '.join(_FIELDS)}")
    names = option_parsers.parse_pair(fields["between"], f"{path}.between")
    strangers = [] if members is None else sorted(names.difference(members))
    if strangers:
        raise InputError(
            f"{path}.between", strangers[0], "not a member of the network", nearest(strangers[0], members or ())
        )
    if option_parsers.is_off(fields["key"]):
        return names, NO_PRESHARED_KEY
    key = _text(fields["key"], f"{path}.key", _MAKE_KEY)
    return names, parse_preshared_key(key.strip(), f"{path}.key")


def _read_secret(secret: object, option: str) -> bytes | None:
    """Whether a text was hard to guess cannot be told from it; that a short one is not hard can."""
    if secret is None:
        return None
    if option_parsers.is_off(secret):
        return b""
    text = _text(secret, option, _MAKE_SECRET)
    if len(text) < SECRET_CHARACTERS:
        problem = f"too short to be a secret: less than {SECRET_CHARACTERS} characters"
        raise InputError(option, None, problem, _MAKE_SECRET)
    return text.encode()


def _text(value: object, option: str, remedy: str) -> str:
    """The text of what must be one. Its value is never shown."""
    if value is None or isinstance(value, (bool, int, float, bytes, Mapping, list, tuple)):
        raise InputError(option, None, "not a string", remedy)
    return str(value)
