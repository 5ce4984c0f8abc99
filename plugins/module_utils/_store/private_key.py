# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an interface's private key. What makes, changes and removes one is in ``keyfile``, which few runs load."""

from __future__ import annotations

import os
import stat

from .._model.errors import InputError
from .._model.keys import PrivateKey, parse_private_key
from .reading import check_directory, parent_of, read_file, refuse_shared

DIRECTORY = "/etc/wireguard/private"
OPTION = "private key file"


def default_path(interface: str) -> str:
    return f"{DIRECTORY}/{interface}.key"


def read_private_key(path: str) -> PrivateKey:
    """The key in the file. Raises InputError, which never has the file's content, and OSError.

    A key whose bytes are not clamped is as good as one that is: its public key is the same.
    """
    private_key = find_private_key(path)
    if private_key is None:
        raise InputError(OPTION, path, "there is no such file", "create it with cryptokey.wireguard.keypair")
    return private_key


def find_private_key(path: str) -> PrivateKey | None:
    """As ``read_private_key``, but None when there is no file."""
    content = read_file(path)
    if content is None:
        return None
    if content.owner != os.geteuid():
        problem = f"owned by user {content.owner}, who may know the key"
        raise InputError(OPTION, path, problem, f"remove it for a new key, or chown it to user {os.geteuid()}")
    if content.mode & 0o077:
        problem = f"mode {content.mode:04o}: other users may have read it"
        raise InputError(OPTION, path, problem, "remove it for a new key, or chmod it to 0600 if you trust it")
    _check_parent(path)
    try:
        return parse_private_key(content.data.decode("ascii", "replace"))
    except InputError as error:
        remedy = "remove the file for a new key, or restore the right one"
        raise InputError(OPTION, path, error.problem, remedy) from None


def _check_parent(path: str) -> None:
    """Refuse a file in the place of which somebody else could put another one. A directory with the sticky bit, such as
    /tmp, keeps everybody's files apart. Raises InputError."""
    directory = parent_of(path)
    status = check_directory(directory)
    if status is not None and not status.st_mode & stat.S_ISVTX:
        refuse_shared(directory, status)
