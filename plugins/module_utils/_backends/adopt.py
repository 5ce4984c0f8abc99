# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host that somebody else has set up says of itself, without its secrets, and its key, which stays there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._model.errors import InputError
from .._model.keys import PrivateKey
from .._model.names import parse_interface_name
from .._model.packages import MissingLibrary, package_hint
from .._model.prefix import sort_prefixes
from .._store.files import ensure_parent, read_file
from .._store.keyfile import DIRECTORY as KEY_DIRECTORY
from .._store.keyfile import KeyResult, find_private_key, public_key_of, write_key
from .._wgquick.file import WgQuickFile, WgQuickPeer
from .._wgquick.lines import read_comments
from .._wgquick.parse import decode, parse
from .._wgquick.render import printable, redact, render
from .config import DIRECTORY
from .interface import open_kernel

_SUFFIX = ".conf"


def describe_files(
    interfaces: Iterable[str] | None = None,
    managed: bool = False,
    directory: str = DIRECTORY,
    unreadable: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """The wg-quick files of these interfaces, or of all, as plain dictionaries without secrets, sorted by interface.

    One that is not there is left out. Raises InputError with all that cannot be read, and OSError. Where ``unreadable``
    is given, these are added to it instead.
    """
    names = _interfaces_in(directory) if interfaces is None else map(parse_interface_name, interfaces)
    described: list[dict[str, Any]] = []
    errors: list[InputError] = []
    for name in sorted(set(names)):
        path = f"{directory}/{name}{_SUFFIX}"
        try:
            content = read_file(path)
            if content is not None:
                text = decode(content.data)
                described.append(_describe(name, path, content.mode, text, parse(text, path, managed)))
        except InputError as error:
            if unreadable is None:
                errors.append(error)
            else:
                unreadable.append(_describe_error(name, path, error))
    if len(errors) > 1:
        first, *rest = errors
        raise InputError(first.option, first.value, first.problem, "; ".join([first.remedy, *map(str, rest)]))
    if errors:
        raise errors[0]
    return described


def _describe_error(interface: str, path: str, error: InputError) -> dict[str, Any]:
    return {
        "interface": interface,
        "path": path,
        "place": error.option,
        "value": None if error.value is None else printable(str(error.value)),
        "problem": printable(error.problem),
        "remedy": printable(error.remedy),
    }


def _interfaces_in(directory: str) -> list[str]:
    """By the names of the files, as far as they can be those of interfaces."""
    found = []
    with suppress(FileNotFoundError):
        for path in Path(directory).iterdir():
            with suppress(InputError):
                found += [parse_interface_name(path.stem)] if path.suffix == _SUFFIX else []
    return found


def _describe(interface: str, path: str, mode: int, text: str, file: WgQuickFile) -> dict[str, Any]:
    public = [peer.public_key for peer in file.peers]
    return {
        "interface": interface,
        "path": path,
        "mode": f"{mode:04o}",
        "public_key": _public_key(file.private_key),
        "listen_port": file.listen_port,
        "fwmark": file.fwmark,
        "mtu": file.mtu,
        "table": file.table,
        "addresses": [str(address) for address in file.addresses],
        "netns": file.netns or None,
        "save_config": file.save_config,
        "kept": [redact(line, public) for line in file.unmanaged],
        "comments": [redact(line, public) for line in _lost_comments(text, file)],
        "peers": [_describe_peer(peer) for peer in file.peers],
    }


def _lost_comments(text: str, file: WgQuickFile) -> list[str]:
    """List the comments that are lost when the file is rewritten."""
    written = set(read_comments(render(file)))
    return [comment for comment in read_comments(text) if comment not in written]


def _public_key(private_key: PrivateKey | None) -> str | None:
    """None where there is none, or nothing to tell it with."""
    try:
        return str(public_key_of(private_key)) if private_key else None
    except ImportError:
        return None


def _describe_peer(peer: WgQuickPeer) -> dict[str, Any]:
    return {
        "name": printable(peer.name) if peer.name else None,
        "public_key": str(peer.public_key),
        "has_preshared_key": bool(peer.preshared_key),
        "endpoint": str(peer.endpoint) if peer.endpoint else None,
        "allowed_ips": [str(prefix) for prefix in sort_prefixes(peer.allowed_ips)],
        "persistent_keepalive": peer.persistent_keepalive,
    }


def adopt_key(
    options: Mapping[str, Any], check_mode: bool, directory: str = DIRECTORY, own_directory: str = KEY_DIRECTORY
) -> KeyResult:
    """Put the key that the host has for an interface into the key file.

    A key file with another key is refused: which of the two is right, only the peers know. Raises InputError and
    MissingLibrary before anything is touched, and OSError.
    """
    interface = parse_interface_name(options["interface"])
    private_key = _found_key(interface, directory)
    path = f"{own_directory}/{interface}.key"
    existing = find_private_key(path)
    if existing is not None and existing != private_key:
        problem = f"it has another key than {directory}/{interface}{_SUFFIX}, or than what runs"
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
    """That of the running interface; where it does not run, that of the file."""
    path = f"{directory}/{interface}{_SUFFIX}"
    content = read_file(path)
    written = parse(decode(content.data), path).private_key if content else None
    running = open_kernel(interface, check_mode=True).read(interface).device.private_key
    if written and running and written != running:
        problem = f"its PrivateKey is not the one with which {interface} runs"
        raise InputError(path, None, problem, "find out which one the peers know, and bring the other in line")
    private_key = running or written
    if not private_key:
        remedy = "add PrivateKey to the file, or bring the interface up first"
        raise InputError(path, None, f"there is no private key, nor does {interface} run with one", remedy)
    return private_key
