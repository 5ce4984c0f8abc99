# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file with an interface's private key. The key is created there and never leaves it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._model.errors import InputError
from .._model.keys import KEY_BYTES, PrivateKey, PublicKey
from .._model.names import parse_interface_name
from .._model.packages import MissingLibrary, package_hint
from .files import (
    again_when_changed,
    atomic_write,
    ensure_parent,
    link_file,
    remove_file,
    rename_file,
    replace_file,
    sweep,
)
from .private_key import DIRECTORY, OPTION, default_path, find_private_key
from .public_key import public_key_of
from .reading import read_file

_MODE = 0o600


class KeyResult(NamedTuple):
    """``public_key`` is None where it is not known, and ``warning`` then says why unless there is no key at all.

    ``next_public_key`` and ``old_public_key`` are those of a key that is yet to take its place, or that has lost it.
    """

    changed: bool
    path: str
    public_key: PublicKey | None = None
    warning: str | None = None
    next_public_key: PublicKey | None = None
    old_public_key: PublicKey | None = None


class Keys(NamedTuple):
    """The keys beside a path: one in use, the next one that was made beside it, and the old one of a switch.

    An old key means that the rotation is not finished: the host can still go back to it.
    """

    current: PrivateKey | None = None
    next: PrivateKey | None = None
    old: PrivateKey | None = None


def next_path(path: str) -> str:
    """No interface's own key has this name, as it has no .key at the end."""
    return f"{path}.next"


def old_path(path: str) -> str:
    return f"{path}.old"


def converge_key(options: Mapping[str, Any], check_mode: bool = False, own_directory: str = DIRECTORY) -> KeyResult:
    """Create or remove a key: ``keypair``. Raises InputError and MissingLibrary before any change, and OSError."""
    path = options.get("private_key_file") or default_path(parse_interface_name(options["interface"]))
    state = options["state"]
    if state == "absent":
        return KeyResult(remove_key(path, check_mode), path)
    missing = _missing_library()
    if missing and not check_mode:
        raise MissingLibrary(missing)
    changed, private_key = ensure_key(path, check_mode, own_directory)
    keys = read_keys(path)
    if state == "next" and not keys.next and not keys.old:
        keys, changed = _make_next(path, keys, check_mode), True
    elif state == "settled":
        changed = remove_old_key(path, check_mode) or changed
        keys = keys._replace(old=None)
    if private_key is None or missing:
        return KeyResult(changed, path, warning=missing if private_key else None)
    found = [public_key_of(key) if key else None for key in (keys.next, keys.old)]
    return KeyResult(changed, path, public_key_of(private_key), None, *found)


def read_keys(path: str) -> Keys:
    """The keys, whatever a crash left of them. Raises as ``read_private_key``.

    A switch and the way back first link the key in use to where it is going to be, then rename the other one into its
    place. So a second name of the key in use says only that nothing has happened yet.
    """
    current, later, old = (find_private_key(each) for each in (path, next_path(path), old_path(path)))
    return Keys(current, None if later == current else later, None if old == current else old)


def _make_next(path: str, keys: Keys, check_mode: bool) -> Keys:
    if check_mode:
        return keys
    made = PrivateKey(os.urandom(KEY_BYTES))
    write_key(next_path(path), made)
    return keys._replace(next=made)


def switch_keys(path: str) -> Keys:
    """Replace the key by the next one, and keep the old one. Raises as ``read_keys``, and OSError."""
    if read_keys(path).next is None:
        raise InputError(OPTION, next_path(path), "there is no next key", "create one first with state=next")
    return _swap(path, next_path(path), old_path(path))


def switch_keys_back(path: str) -> Keys:
    """Undo ``switch_keys``: the old key is in use again, and the other one is the next."""
    if read_keys(path).old is None:
        raise InputError(OPTION, old_path(path), "there is no old key", "it is in use, or was destroyed")
    return _swap(path, old_path(path), next_path(path))


def _swap(path: str, source: str, target: str) -> Keys:
    """At no moment is there no key in use, and at none is one of the two keys nowhere. Needs no room on the disk."""
    link_file(path, target)
    rename_file(source, path)
    return read_keys(path)


def remove_old_key(path: str, check_mode: bool = False) -> bool:
    """Remove the old key of a rotation. Return whether there was one.

    The file is unlinked, not overwritten: on present file systems overwriting does not erase the medium.
    """
    current, later = (find_private_key(each) for each in (path, next_path(path)))
    copies = [next_path(path)] if later and later == current else []
    removed = [_remove(each, check_mode) for each in (old_path(path), *copies)]
    return any(removed)


def _missing_library() -> str | None:
    try:
        import nacl.bindings  # noqa: F401
    except ImportError as error:
        return (
            f"the public key cannot be computed, as the Python library {error.name} is missing: {package_hint('nacl')}"
        )
    return None


@again_when_changed
def ensure_key(path: str, check_mode: bool, own_directory: str) -> tuple[bool, PrivateKey | None]:
    """Make sure that there is a key, and say whether that took a change; one that is there is kept.

    In check mode a key that is still to be made is None. The directory is created and checked by ``ensure_parent``.
    """
    private_key = find_private_key(path)
    changed = ensure_parent(path, own_directory, check_mode)
    if private_key is not None:
        if not check_mode:
            sweep(path)
        return changed, private_key
    if check_mode:
        return True, None
    private_key = PrivateKey(os.urandom(KEY_BYTES))
    replace_file(path, None, _render(private_key), _MODE)
    return True, private_key


def write_key(path: str, private_key: PrivateKey) -> None:
    """Raises as ``atomic_write`` does."""
    atomic_write(path, _render(private_key), _MODE)


def _render(private_key: PrivateKey) -> bytes:
    return private_key.reveal_base64().encode() + b"\n"


def remove_key(path: str, check_mode: bool) -> bool:
    """Make sure that there is none, nor one beside it, and say whether there was; what is no key is removed too."""
    removed = [_remove(each, check_mode) for each in (path, next_path(path), old_path(path))]
    return any(removed)


def _remove(path: str, check_mode: bool) -> bool:
    return read_file(path) is not None if check_mode else remove_file(path)
