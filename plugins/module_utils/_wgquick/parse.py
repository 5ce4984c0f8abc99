# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse a wg-quick(8) file to startup state, as the two programs that share the file read it.

wg-quick takes Address, MTU, DNS, Table, SaveConfig and the four hooks out of [Interface] and hands all other lines to
``wg setconf`` (wireguard-tools, src/wg-quick/linux.bash parse_options; src/config.c config_read_line). They differ:

- wg drops all white space of a line, so ``[ Peer ]`` and ``Listen Port`` are fine; wg-quick drops it around key and
  value only, and after ``[ Interface ]`` it passes its own keys on to wg, which refuses them.
- wg refuses an empty value; to wg-quick it is as if the line were not there (but an empty hook is still run).
- wg takes values apart at commas only, wg-quick at commas and white space.
- For both the case of keys does not matter, ``#`` starts a comment anywhere, and a later value takes the place of an
  earlier one, except that Address, AllowedIPs and hooks add up. Even in a hook's quotes it does, up to wireguard-tools
  1.0.20210914; later ones hand the whole to the shell. Hooks are kept word for word, so it makes no difference here.

A repeated [Peer] and a prefix at two peers are read as the kernel has it in the end: the last wins. From May 2025 on,
wg reads "+" before an allowed IP as "add it" and "-" as "remove it" (parse_ip_prefix). Bytes that are not UTF-8 can
stand in comments and hooks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .._model.endpoint import Endpoint, parse_endpoint
from .._model.errors import InputError
from .._model.keys import ZERO_KEY, PrivateKey, PublicKey, parse_preshared_key, parse_private_key, parse_public_key
from .._model.prefix import Prefix, parse_interface_address, parse_prefix
from .._options.values import parse_number, parse_table
from .file import WgQuickFile, WgQuickPeer
from .lines import VERBATIM
from .moved import parse_moved

_SPACE = " \t\v\f\r"  # isspace(3) in the C locale
_NO_SPACE = str.maketrans("", "", _SPACE)
_DECIMAL = re.compile(r"[0-9]{1,10}")
_FWMARK = re.compile(r"0x[0-9a-fA-F]{1,16}|[0-9]{1,10}")
_FRIENDLY_NAME = re.compile(r"[\s#]*friendly_name\s*=\s*(.*\S)", re.IGNORECASE)
_SECTION = re.compile(r"\[[^\]=]{0,24}\]")
# What parse_table takes for something else, in the inventory's YAML; to wg-quick they are names of tables.
_ODD_TABLE = re.compile(r"(?!auto$|off$)(?i:auto|off|true|false)")
_LOOKS_SECRET = re.compile(r"[A-Za-z0-9+/]{40}")


class ParseError(InputError):
    """``option`` is the name of the file with ``line`` and ``column``, both from 1; a value like a key is not shown."""

    def __init__(self, place: _Position, value: object, problem: str, remedy: str) -> None:
        self.line = place.line
        self.column = place.column
        shown = None if isinstance(value, str) and _LOOKS_SECRET.search(value) else value
        super().__init__(f"{place.name} line {place.line} column {place.column}", shown, problem, remedy)


class _Position(NamedTuple):
    name: str
    line: int
    column: int


class _Value(NamedTuple):
    """A value without the space around it, and the index in its line where it starts."""

    text: str
    start: int

    def split(self, separator: str) -> list[_Value]:
        """The parts between the characters of ``separator``, without the space around them, empty ones too."""
        parts, start = [], self.start
        for part in re.split(f"[{separator}]", self.text):
            parts.append(_strip(part, start))
            start += len(part) + 1
        return parts


def _strip(text: str, start: int) -> _Value:
    """The text, which begins at ``start`` of its line, without the space around it."""
    return _Value(text.strip(_SPACE), start + len(text) - len(text.lstrip(_SPACE)))


def decode(data: bytes) -> str:
    """Decode the bytes of a file. Bytes that are not UTF-8 become surrogates, which ``encode_file`` turns back."""
    return data.decode("utf-8", "surrogateescape")


def parse(text: str, name: str = "the file", managed: bool = False) -> WgQuickFile:
    """Parse the text of a file. Raises ParseError; messages call the file ``name``.

    With ``managed``, lines that prevent management are refused, too.
    """
    reader = _Reader(name)
    for number, line in enumerate(text.split("\n"), 1):
        reader.read(number, line)
    file = reader.file()
    if managed and file.save_config and reader.saves:
        problem, remedy = "wg-quick would overwrite the file when it stops", "remove the line from the file"
        raise ParseError(reader.saves, "SaveConfig = true", problem, remedy)
    return file


class _Reader:
    """Takes the lines one by one. ``section`` is where wg sees itself, ``quick`` whether wg-quick sees [Interface]."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0
        self.quick = False
        self.section = ""
        self.interface: dict[str, Any] = {}
        self.unmanaged: list[str] = []
        self.saves: _Position | None = None
        self.peers: list[tuple[_Position, dict[str, Any]]] = []

    def read(self, number: int, line: str) -> None:
        self.number = number
        content, _hash, comment = line.partition("#")
        key_text, equals, value_text = content.partition("=")
        key = key_text.strip(_SPACE).lower()
        if "\0" in line:
            raise self.refusal(line.index("\0"), None, "a NUL byte", "remove it")
        if not content.strip(_SPACE):
            self.read_comment(comment)
        elif self.quick and key in VERBATIM and equals:
            self.unmanaged.append(line.strip(_SPACE))
        elif not content.isascii():
            index = next(i for i, character in enumerate(content) if not character.isascii())
            raise self.refusal(
                index, content[index], "not an ASCII character", "use other characters only in comments and hooks"
            )
        else:
            if key.startswith("["):
                self.quick = key == "[interface]"
            value = _strip(value_text, len(key_text) + 1) if equals else None
            if self.quick and key == "saveconfig":
                self.saves = self.place(_strip(content, 0).start)
            if self.quick and key in _QUICK_KEYS:
                self.read_value(_QUICK_KEYS[key], value, self.interface)
            else:
                self.read_for_wg(content, value)

    def read_comment(self, comment: str) -> None:
        match = _FRIENDLY_NAME.match(comment)
        if match and self.section == "[peer]":
            self.peers[-1][1]["name"] = match[1].strip()

    def read_for_wg(self, content: str, value: _Value | None) -> None:
        squeezed = content.translate(_NO_SPACE).lower()
        start = _strip(content, 0).start
        if squeezed == "[interface]":
            self.section = squeezed
        elif squeezed == "[peer]":
            self.section = squeezed
            self.peers.append((self.place(start), {}))
        elif _SECTION.fullmatch(squeezed):
            near = "[Peer]" if squeezed.startswith("[p") else "[Interface] or [Peer]"
            raise self.refusal(start, content.strip(_SPACE), "there is no such section", f"write {near}")
        elif squeezed.startswith(";"):
            raise self.refusal(start, None, "';' does not start a comment here", "write '#' in its place")
        elif not self.section:
            raise self.refusal(start, None, "this line is before any section", "begin with [Interface]")
        elif value is not None and not value.text:
            raise self.refusal(start, None, "there is no value", "give one, or remove the line")
        else:
            keys, target = (_PEER_KEYS, self.peers[-1][1]) if self.section == "[peer]" else (_WG_KEYS, self.interface)
            field = keys.get(squeezed.partition("=")[0]) if value else None
            if field is None:
                raise self.unknown(content, start)
            self.read_value(field, value, target)

    def read_value(self, field: _Field, value: _Value | None, target: dict[str, Any]) -> None:
        if value is None:
            raise self.refusal(0, None, "there is no '='", "write KEY = VALUE")
        parts = value.split(field.separator) if field.separator else [value]
        parsed = [self.convert(field, part) for part in parts if part.text or not field.optional]
        if field.separator:
            values = target.setdefault(field.name, [])
            values.extend([parsed] if field.by_line else parsed)
        else:
            target[field.name] = parsed[0] if parsed else field.empty

    def convert(self, field: _Field, part: _Value) -> Any:
        try:
            return field.convert(part.text if field.spaces else part.text.translate(_NO_SPACE))
        except InputError as error:
            raise self.refusal(part.start, error.value, error.problem, error.remedy) from None

    def unknown(self, content: str, start: int) -> ParseError:
        key = content.partition("=")[0].strip(_SPACE)
        shown = key if re.fullmatch(r"\[?[A-Za-z ]{1,24}\]?", key) else None
        known = "[Peer] has PublicKey, PresharedKey, AllowedIPs, Endpoint and PersistentKeepalive"
        if self.section == "[interface]":
            known = "[Interface] has the keys of wg(8) and wg-quick(8)"
            if not self.quick:
                known = "write [Interface] without spaces, so that wg-quick reads its own keys"
        return self.refusal(start, shown, "neither wg nor wg-quick knows this line here", known)

    def place(self, index: int) -> _Position:
        return _Position(self.name, self.number, index + 1)

    def refusal(self, index: int, value: object, problem: str, remedy: str) -> ParseError:
        return ParseError(self.place(index), value, problem, remedy)

    def file(self) -> WgQuickFile:
        for place, section in self.peers:
            if "public_key" not in section:
                raise ParseError(place, None, "this peer has no PublicKey", "add it, or remove the section")
        moved, unmanaged = parse_moved(self.unmanaged)
        addresses = [*self.interface.get("addresses", ()), *(moved.addresses if moved else ())]
        values = {**self.interface, "addresses": tuple(dict.fromkeys(addresses))}
        if moved:
            values.update(table=moved.table, netns=moved.netns)
        return WgQuickFile(**values, unmanaged=unmanaged, peers=_merge(section for _place, section in self.peers))


def _merge(sections: Iterable[dict[str, Any]]) -> tuple[WgQuickPeer, ...]:
    """The peers as the kernel has them after it was sent the sections one by one.

    A section replaces its peer's allowed_ips, unless its last AllowedIPs line has a "+" or "-": wg begins each of these
    lines with the request to replace, and a sign takes it back.
    """
    peers: dict[PublicKey, WgQuickPeer] = {}
    owners: dict[Prefix, PublicKey] = {}
    for section in sections:
        key = section["public_key"]
        lines = section.get("allowed_ips", ())
        if key in peers and not (lines and any(entry.sign for entry in lines[-1])):
            owners = {prefix: owner for prefix, owner in owners.items() if owner != key}
        for entry in (entry for line in lines for entry in line):
            if entry.sign != "-":
                owners[entry.prefix] = key
            elif owners.get(entry.prefix) == key:
                del owners[entry.prefix]
        peers[key] = peers.get(key, WgQuickPeer(key))._replace(**{**section, "allowed_ips": frozenset()})
    allowed: dict[PublicKey, list[Prefix]] = {}
    for prefix, owner in owners.items():
        allowed.setdefault(owner, []).append(prefix)
    return tuple(peer._replace(allowed_ips=frozenset(allowed.get(key, ()))) for key, peer in peers.items())


class _AllowedIp(NamedTuple):
    """``sign`` is "+", "-" or empty."""

    sign: str
    prefix: Prefix


def _allowed_ip(text: str) -> _AllowedIp:
    sign = text[:1] if text[:1] in ("+", "-") else ""
    return _AllowedIp(sign, parse_prefix(text[len(sign) :]))


def _decimal(text: str, high: int) -> int:
    if not _DECIMAL.fullmatch(text) or int(text) > high:
        raise InputError("", text, "out of range or not a number", f"give a number from 0 to {high}")
    return int(text)


def _private_key(text: str) -> PrivateKey | None:
    return None if text == str(PublicKey(ZERO_KEY)) else parse_private_key(text)


def _fwmark(text: str) -> int:
    number = (
        0 if text.lower() == "off" else int(text, 16 if text[:2] == "0x" else 10) if _FWMARK.fullmatch(text) else -1
    )
    if not 0 <= number < 2**32:
        raise InputError("", text, "not a mark", "give a decimal or 0x number of 32 bits, or off")
    return number


def _table(text: str) -> str:
    return text if _ODD_TABLE.fullmatch(text) else parse_table(text)


def _endpoint(text: str) -> Endpoint:
    """wg takes any host in brackets, and an IPv6 address without them too: the last colon is before the port."""
    if "://" in text:
        raise InputError("", text, "a URL is not an endpoint", "write HOST:PORT, such as vpn.example.org:51820")
    if text.startswith("[") and "]" not in text:
        raise InputError("", text, "the bracket is not closed", "write [ADDRESS]:PORT, such as [2001:db8::1]:51820")
    host, colon, port = text.rpartition(":")
    if ":" in host and not host.startswith("["):
        return parse_endpoint(f"[{host}]{colon}{port}")
    bracketed = host.startswith("[") and host.endswith("]") and ":" not in host
    return parse_endpoint(f"{host[1:-1]}{colon}{port}" if bracketed else text)


def _save_config(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise InputError("", text, "neither true nor false", "write SaveConfig = false, or remove the line")
    return text.lower() == "true"


class _Field(NamedTuple):
    """Where a value goes and how. ``optional``: it may be empty, as for wg-quick, and then is ``empty``. ``spaces``:
    those inside the value count, as for wg-quick. ``by_line``: the values of each line are a list."""

    name: str
    convert: Callable[[str], Any]
    separator: str = ""
    optional: bool = False
    empty: Any = None
    spaces: bool = False
    by_line: bool = False


_QUICK_KEYS = {
    "address": _Field("addresses", parse_interface_address, ", \t", optional=True, spaces=True),
    "mtu": _Field("mtu", lambda text: parse_number(text, "", 1, 2**31 - 1), optional=True, empty=0, spaces=True),
    "table": _Field("table", _table, optional=True, empty="auto", spaces=True),
    "saveconfig": _Field("save_config", _save_config, spaces=True),
}
_WG_KEYS = {
    "privatekey": _Field("private_key", _private_key),
    "listenport": _Field("listen_port", lambda text: _decimal(text, 65535)),
    "fwmark": _Field("fwmark", _fwmark),
}
_PEER_KEYS = {
    "publickey": _Field("public_key", parse_public_key),
    "presharedkey": _Field("preshared_key", parse_preshared_key),
    "allowedips": _Field("allowed_ips", _allowed_ip, ",", by_line=True),
    "endpoint": _Field("endpoint", _endpoint),
    "persistentkeepalive": _Field(
        "persistent_keepalive", lambda text: 0 if text.lower() == "off" else _decimal(text, 65535)
    ),
}
