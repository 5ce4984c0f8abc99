# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what ``config_info`` and ``interface_info`` return before it is used. A host that is adopted is not trusted.

Parts of it are written into the inventory, where Ansible templates them at the next run: such text has no template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.names import parse_interface_name
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)

from .._hosts.results import (
    one_line,
    read_flag,
    read_integer,
    read_list,
    read_mapping,
    read_mappings,
    read_text,
    refused,
)

_TEMPLATE_MARKS = ("{{", "{%", "{#")
_LINE = 4096
Read = Callable[[Any, str], Any]


def _text(value: object, where: str) -> str:
    text = read_text(value, where)
    if any(mark in text for mark in _TEMPLATE_MARKS):
        raise refused(where, text, "template expressions are not allowed")
    return text


def _line(value: object, where: str) -> str:
    """A line of a file, which is only shown."""
    if not isinstance(value, str):
        raise refused(where, value, "expected a string")
    return one_line(value, _LINE)


def _parsed(parse: Callable[[str], object]) -> Read:
    """The text, where ``parse`` takes it."""

    def read(value: object, where: str) -> str:
        text = _text(value, where)
        try:
            parse(text)
        except InputError as error:
            raise refused(where, text, error.problem) from None
        return text

    return read


def _mode(value: object, where: str) -> str:
    text = _text(value, where)
    if not text or len(text) > 5 or set(text) - set("01234567"):
        raise refused(where, text, "expected a file mode such as 0600")
    return text


def _list(read: Read) -> Read:
    return lambda value, where: [
        read(each, f"{where}[{number}]") for number, each in enumerate(read_list(value, where))
    ]


def _maybe(read: Read) -> Read:
    return lambda value, where: None if value is None else read(value, where)


def _entry(readers: Mapping[str, Read]) -> Read:
    """A dictionary, of which the values in ``readers`` are read where they are given, and no others are kept."""

    def read(value: object, where: str) -> dict[str, Any]:
        entry = read_mapping(value, where)
        return {name: reader(entry[name], f"{where}.{name}") for name, reader in readers.items() if name in entry}

    return read


_KEY = _parsed(parse_public_key)
_PREFIXES = _list(_parsed(parse_prefix))
_PEER: dict[str, Read] = {
    "public_key": _KEY,
    "name": _maybe(_text),
    "endpoint": _maybe(_parsed(parse_endpoint)),
    "allowed_ips": _PREFIXES,
    "persistent_keepalive": read_integer,
    "has_preshared_key": read_flag,
}
_INTERFACE: dict[str, Read] = {
    "interface": _parsed(parse_interface_name),
    "public_key": _maybe(_KEY),
    "addresses": _list(_parsed(parse_interface_address)),
    "fwmark": _maybe(read_integer),
    "mtu": _maybe(read_integer),
    "peers": _list(_entry({**_PEER, "latest_handshake": _maybe(read_integer)})),
}
_FILE: dict[str, Read] = {
    **_INTERFACE,
    "listen_port": read_integer,
    "path": _text,
    "mode": _mode,
    "table": _text,
    "netns": _maybe(_text),
    "save_config": lambda value, where: value if value is None or isinstance(value, bool) else _text(value, where),
    "kept": _list(_line),
    "comments": _list(_line),
}
_STATE: dict[str, Read] = {
    **_INTERFACE,
    "listen_port": _maybe(read_integer),
    "routes": _list(_text),
    "rules": _list(_text),
}
_UNREADABLE: dict[str, Read] = {
    "interface": _parsed(parse_interface_name),
    **dict.fromkeys(("place", "problem", "remedy"), _line),
    "value": _maybe(lambda value, _where: one_line(str(value), _LINE)),
}
_NEEDED = ("interface", "peers")
_PEER_NEEDED = ("public_key", "allowed_ips", "persistent_keepalive", "has_preshared_key")


def read_files(value: object) -> list[dict[str, Any]]:
    """What ``config_info`` returns as ``files``. Raises InputError."""
    return _read(
        value, "files", _FILE, (*_NEEDED, "path", "table", "listen_port", "fwmark", "mtu", "kept", "addresses")
    )


def read_states(value: object) -> list[dict[str, Any]]:
    """What ``interface_info`` returns as ``interfaces``. Raises InputError."""
    return _read(value, "interfaces", _STATE, (*_NEEDED, "addresses"))


def read_unreadable(value: object) -> list[dict[str, Any]]:
    """What ``config_info`` returns as ``unreadable``. Raises InputError."""
    entries = [
        _entry(_UNREADABLE)(each, f"unreadable[{number}]")
        for number, each in enumerate(read_mappings(value, "unreadable"))
    ]
    for number, entry in enumerate(entries):
        _check_needed(entry, ("interface", "place", "problem", "remedy"), f"unreadable[{number}]")
    return entries


def _read(value: object, where: str, readers: Mapping[str, Read], needed: tuple[str, ...]) -> list[dict[str, Any]]:
    entries = [_entry(readers)(each, f"{where}[{number}]") for number, each in enumerate(read_mappings(value, where))]
    for number, entry in enumerate(entries):
        _check_needed(entry, needed, f"{where}[{number}]")
        for place, peer in enumerate(entry["peers"]):
            _check_needed(peer, _PEER_NEEDED, f"{where}[{number}].peers[{place}]")
    return entries


def _check_needed(entry: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in names:
        if entry.get(name) is None:
            raise refused(f"{where}.{name}", None, "missing")
