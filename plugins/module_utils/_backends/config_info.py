# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read wg-quick configuration files: ``config_info``, without Ansible."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._model.errors import InputError
from .._model.keys import PrivateKey
from .._model.names import parse_interface_name
from .._model.prefix import sort_prefixes
from .._store.public_key import public_key_of
from .._store.reading import read_file
from .._wgquick.file import DIRECTORY, WgQuickFile, WgQuickPeer, printable
from .._wgquick.lines import read_comments
from .._wgquick.parse import decode, parse
from .._wgquick.render import redact, render

_SUFFIX = ".conf"


def describe_files(
    interfaces: Iterable[str] | None = None,
    managed: bool = False,
    directory: str = DIRECTORY,
    unreadable: list[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Describe the wg-quick files of these or all interfaces as plain dictionaries, without secrets, sorted by name.

    Missing files are left out. Raises InputError with all files that cannot be read, and OSError. If ``unreadable`` is
    given, those files are added to it instead.
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
    """List the interfaces by the names of their files. Other file names are ignored."""
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
    """List the comments that are lost when the file is written again."""
    written = set(read_comments(render(file)))
    return [comment for comment in read_comments(text) if comment not in written]


def _public_key(private_key: PrivateKey | None) -> str | None:
    """Return None if there is no key, or if pynacl is missing."""
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
