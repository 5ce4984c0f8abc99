# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the options of ``interface`` and ``config``, with the parts that only this host knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .._model.interface import DesiredInterface
from .._model.keys import KEY_BYTES, PRESHARED_KEYS, PrivateKey, PublicKey, is_sealed
from .._model.names import parse_interface_name
from .._options.parser import parse_interface
from .._store.private_key import default_path, find_private_key, read_private_key
from .._store.public_key import public_key_of


def read_desired(options: Mapping[str, Any], check_mode: bool) -> DesiredInterface:
    """Read the options that ``interface`` and ``config`` share, with the private key from its file.

    In check mode a missing key is replaced by a random one, since the real run would have created a key by now.
    Raises InputError, and MissingLibrary if a sealed preshared key cannot be opened.
    """
    path = options.get("private_key_file") or default_path(parse_interface_name(options["interface"]))
    private_key = find_private_key(path) if check_mode else read_private_key(path)
    peers = options.get("peers") or ()
    # Few have these, and what is for them need not be loaded then.
    if any(is_sealed(entry.get(option)) for entry in peers for option in PRESHARED_KEYS):
        from .._options.sealed import open_peers

        options = {**options, "peers": open_peers(peers, private_key, check_mode)}
    if any(entry.get("next_public_key") for entry in peers):
        from .._rotation.key_transition import with_next_keys

        options = with_next_keys(options)
    return parse_interface(options, private_key or PrivateKey(os.urandom(KEY_BYTES)))


def public_key_if_known(private_key: PrivateKey) -> PublicKey | None:
    """Compute the public key. Return None without pynacl, which is slow to load."""
    with suppress(ImportError):
        return public_key_of(private_key)
    return None
