# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints: where a peer's UDP packets go first."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from typing import NamedTuple

from .errors import InputError

_REMEDY = "write HOST:PORT, such as 203.0.113.1:51820, [2001:db8::1]:51820 or vpn.example.org:51820"
_PORT = re.compile(r"[0-9]{1,9}")
# An interface's name or number; Linux lets names have stranger characters, which the text around it would not bear.
_SCOPE = re.compile(r"[A-Za-z0-9_.:@+~-]{1,15}")
# Scheme, user and password, then what could be an endpoint.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#]*)")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")


class Endpoint(NamedTuple):
    """``host`` is a canonical IPv4 or IPv6 literal (the latter with ``%scope`` where it has one) or a host name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def family(self) -> int:
        """The socket family of a literal host."""
        return int(socket.AF_INET6 if ":" in self.host else socket.AF_INET)

    @property
    def is_literal(self) -> bool:
        return ":" in self.host or _canonical_ipv4(self.host) is not None


def _canonical_ipv4(host: str) -> str | None:
    try:
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, host))
    except OSError:
        return None


def _canonical_ipv6(host: str) -> str | None:
    """The address in its shortest spelling; only a link-local one has a scope (RFC 4007, section 11; wg(8) too)."""
    address, percent, scope = host.partition("%")
    try:
        packed = socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        return None
    if percent and not (is_link_local(packed) and _SCOPE.fullmatch(scope)):
        return None
    return socket.inet_ntop(socket.AF_INET6, packed) + percent + scope


def is_link_local(packed: bytes) -> bool:
    """Whether 16 bytes are an address out of fe80::/10."""
    return packed[0] == 0xFE and packed[1] & 0xC0 == 0x80


def is_host_name(host: str) -> bool:
    """Whether the text can be a DNS name (RFC 1123, underscores let pass) rather than a mistyped address."""
    labels = host.rstrip(".").split(".")
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()


def parse_port(text: str, option: str, remedy: str = "a UDP port is a number from 1 to 65535") -> int:
    if not (_PORT.fullmatch(text) and 0 < int(text) < 65536):
        raise InputError(option, text, "not a UDP port", remedy)
    return int(text)


def _url_remedy(rest: str) -> str:
    """The endpoint that was meant by a URL with ``rest`` after its scheme, as far as it can be told."""
    for meant, remedy in ((rest, "write {}"), (f"{rest}:51820", "write HOST:PORT, such as {}")):
        with suppress(InputError):
            return remedy.format(parse_endpoint(meant))
    return _REMEDY


def parse_endpoint(text: str, option: str = "endpoint") -> Endpoint:
    """``host:port`` to an Endpoint; IPv6 literals stand in brackets (wg(8)). Raises InputError."""
    if not isinstance(text, str):
        raise InputError(option, text, "not a string", _REMEDY)
    url = _URL.match(text.strip())
    if url:
        raise InputError(option, text, "a URL is not an endpoint", _url_remedy(url[1]))
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if text.strip().endswith("]") or not colon:
        raise InputError(option, text, "the port is missing", _REMEDY)
    if ":" in host and not bracketed:
        raise InputError(option, text, "an IPv6 address needs brackets", _REMEDY)
    number = parse_port(port, option, _REMEDY)
    canonical = _canonical_ipv6(host[1:-1]) if bracketed else _canonical_ipv4(host)
    if canonical is None and "%" in host:
        raise InputError(
            option,
            text,
            "only a link-local IPv6 address can have a scope (an interface)",
            "write [fe80::1%eth0]:51820, or leave out the '%' and what follows it",
        )
    if canonical is None and (bracketed or not is_host_name(host)):
        raise InputError(option, text, "neither an IP address nor a host name before the port", _REMEDY)
    return Endpoint(canonical or host, number)
