# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopt a host's private key: the step ``_adopt_key`` of the playbook ``adopt``, without Ansible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._model.errors import InputError
from .._model.keys import PrivateKey
from .._model.names import parse_interface_name
from .._model.packages import MissingLibrary, package_hint
from .._netlink.namespace import has_link
from .._store.files import ensure_parent
from .._store.keyfile import KeyResult, write_key
from .._store.private_key import DIRECTORY as KEY_DIRECTORY
from .._store.private_key import find_private_key
from .._store.public_key import public_key_of
from .._store.reading import read_file
from .._wgquick.file import DIRECTORY
from .._wgquick.parse import decode, parse
from .reader import open_reader


def adopt_key(
    options: Mapping[str, Any], check_mode: bool, directory: str = DIRECTORY, own_directory: str = KEY_DIRECTORY
) -> KeyResult:
    """Write the key that the host has for an interface to the key file.

    A key file with another key is refused: only the peers know which of the two is right. Raises InputError and
    MissingLibrary before anything is touched, and OSError.
    """
    interface = parse_interface_name(options["interface"])
    private_key = _found_key(interface, directory)
    path = f"{own_directory}/{interface}.key"
    existing = find_private_key(path)
    if existing is not None and existing != private_key:
        problem = f"its key differs from the one in {directory}/{interface}.conf or of the running interface"
        raise InputError("private key file", path, problem, "move the file away, if no interface uses its key")
    try:
        public_key = public_key_of(private_key)
    except ImportError as error:
        raise MissingLibrary(f"the Python library {error.name} is missing: {package_hint('nacl')}") from None
    changed = ensure_parent(path, own_directory, check_mode) or existing is None
    if existing is None and not check_mode:
        write_key(path, private_key)
    return KeyResult(changed, path, public_key)


def _found_key(interface: str, directory: str) -> PrivateKey:
    """Return the key of the running interface, or that of the file if it is not running."""
    path = f"{directory}/{interface}.conf"
    content = read_file(path)
    written = parse(decode(content.data), path).private_key if content else None
    running = open_reader().read(interface).device.private_key if has_link("", interface) else None
    if written and running and written != running:
        problem = f"its PrivateKey differs from the key of the running {interface}"
        raise InputError(path, None, problem, "find out which of the two keys the peers have, and replace the other")
    private_key = running or written
    if not private_key:
        remedy = "add PrivateKey to the file, or bring the interface up first"
        raise InputError(path, None, f"there is no private key here, and no running {interface} has one", remedy)
    return private_key
