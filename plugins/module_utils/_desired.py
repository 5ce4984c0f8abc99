# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``interface`` and ``config`` are asked for: their options, with what only this host has to add."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ._keyfile import default_path, find_private_key, public_key_of, read_private_key
from ._model.interface import DesiredInterface
from ._model.keys import KEY_BYTES, PrivateKey
from ._model.names import parse_interface_name
from ._model.options import parse_interface, refuse_own_key


def read_desired(options: Mapping[str, Any], check_mode: bool) -> DesiredInterface:
    """The options that ``interface`` and ``config`` share, with the private key from its file. Raises InputError, and
    MissingLibrary where a preshared key is sealed and cannot be opened.

    Where there is no key in check mode, the real run will have made one by now: any that is new will do to tell so.
    """
    path = options.get("private_key_file") or default_path(parse_interface_name(options["interface"]))
    private_key = find_private_key(path) if check_mode else read_private_key(path)
    peers = options.get("peers") or ()
    # Few have these, and what is for them need not be loaded then.
    if any(entry.get("preshared_key") or entry.get("next_preshared_key") for entry in peers):
        from ._sealed import open_peers

        options = {**options, "peers": open_peers(peers, private_key, check_mode)}
    if any(entry.get("next_public_key") for entry in peers):
        from ._successors import with_successors

        options = with_successors(options)
    return parse_interface(options, private_key or PrivateKey(os.urandom(KEY_BYTES)))


def refuse_itself(desired: DesiredInterface) -> None:
    """Refuse the interface's own key as a peer, which the kernel would ignore. Raises InputError.

    Without pynacl that shows when the running state is read back. It takes a while to load.
    """
    with suppress(ImportError):
        refuse_own_key(desired.peers or (), public_key_of(desired.private_key) if desired.private_key else None)
