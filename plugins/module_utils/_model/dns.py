# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The name servers and search domains that a host uses while an interface is up."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from typing import NamedTuple

from .errors import InputError
from .prefix import format_ip

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class Dns(NamedTuple):
    """``servers`` and ``search`` in order of preference, as text.

    ``exclusive``: all names are asked of these servers, not only those below ``search``; that is what ``-x`` of
    resolvconf(8) means, and a routing domain ``~.`` to systemd-resolved.
    """

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    exclusive: bool = False

    def __str__(self) -> str:
        parts = [f"dns {', '.join(self.servers) or 'none'}"]
        parts += [f"dns_search {', '.join(self.search)}"] if self.search else []
        parts += [] if self.exclusive or not self.servers else ["for these domains only"]
        return ", ".join(parts)


NO_DNS = Dns()


def parse_dns_server(value: str, option: str = "dns") -> str:
    """An IPv4 or IPv6 address as text, spelled as the C library does. Raises InputError."""
    family = socket.AF_INET6 if ":" in value else socket.AF_INET
    try:
        return format_ip(socket.inet_pton(family, value.strip()))
    except OSError:
        remedy = "give addresses of name servers; domains go into dns_search"
        raise InputError(option, value, "not an IP address", remedy) from None


def parse_dns_search(value: str, option: str = "dns_search") -> str:
    """A domain in lower case without a dot at its end. Raises InputError.

    wg-quick(8) takes a word of digits and dots alone for a server.
    """
    domain = value.strip().lower()
    domain = domain[:-1] if domain.endswith(".") else domain
    labels = domain.split(".")
    if len(domain) > 253 or not all(map(_LABEL.fullmatch, labels)) or all(map(str.isdigit, labels)):
        raise InputError(option, value, "not a domain", "give domains such as corp.example, in ASCII")
    return domain


def split_dns_words(words: Iterable[str]) -> Dns:
    """The words of ``DNS =`` lines: what looks like an address to wg-quick(8) is a server, the rest are domains."""
    servers, search = [], []
    for word in words:
        if re.fullmatch(r"[0-9.]+|.*:.*", word):
            servers.append(canonical_server(word))
        else:
            search.append(word.lower())
    return effective_dns(servers, search)


def canonical_server(text: str) -> str:
    """An address as ``parse_dns_server`` spells it; what is none, such as one with a port, as it is."""
    try:
        return parse_dns_server(text)
    except InputError:
        return text


def effective_dns(servers: Iterable[str], search: Iterable[str]) -> Dns:
    """Return what wg-quick(8) uses: it ignores search domains without servers."""
    listed = tuple(dict.fromkeys(servers))
    return Dns(listed, tuple(dict.fromkeys(search)), exclusive=True) if listed else NO_DNS


def merge_dns(servers: tuple[str, ...] | None, search: tuple[str, ...] | None, there: Dns) -> Dns:
    """What is given, and where it is None what is ``there``."""
    if servers is None and search is None:
        return there
    return effective_dns(there.servers if servers is None else servers, there.search if search is None else search)


def check_dns(servers: tuple[str, ...] | None, search: tuple[str, ...] | None, there: Dns) -> None:
    """Refuse domains without a server: neither wg-quick(8) nor resolvconf(8) can apply them."""
    if search and not merge_dns(servers, search, there).servers:
        raise InputError("dns_search", ", ".join(search), "there is no name server for it", "give dns as well")
