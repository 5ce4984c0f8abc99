# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer a question of the operator: how does a packet get from here to there?"""

from __future__ import annotations

import re
import socket

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .._inventory.close import nearest
from .._inventory.policy import LAST_PORT
from .._inventory.services import WITH_PORTS, parse_protocol
from .explain import explain
from .places import Places, Source
from .reach import Reach

_INTERNET = ("internet", "autogroup:internet")
_TARGET = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>.*?))(?::(?P<port>[0-9]{1,5}|\*))?")


def answer(reach: Reach, from_text: str, to_text: str, protocol_text: str) -> str:
    """Explain the way between each pair of addresses of one family. Raises InputError."""
    protocol = parse_protocol(protocol_text.strip().lower(), "proto", protocol_text)
    name, port = _split(to_text, protocol)
    sources, targets = _sources(reach, from_text), _targets(reach, name)
    results = list(Places(reach).ask(sources, targets, protocol, port))
    if not results:
        problem, remedy = f"{from_text} and it have no addresses of one family", "give both IPv4 or IPv6 addresses"
        raise InputError("to", to_text, problem, remedy)
    return "\n\n".join("\n".join(explain(packet, found)) for packet, found in results) + "\n"


def _split(text: str, protocol: int) -> tuple[str, int]:
    is_address = text.count(":") > 1 and not text.startswith(("[", "autogroup"))
    match = None if is_address or text in _INTERNET else _TARGET.fullmatch(text)
    name = (match["v6"] or match["name"]) if match else text
    port = int(match["port"] or 0) if match and match["port"] != "*" else 0
    if protocol in WITH_PORTS and not 1 <= port <= LAST_PORT:
        raise InputError("to", text, "the port is missing", "write a port too, such as db1:5432 or [fd00::1]:443")
    if protocol not in WITH_PORTS and port:
        raise InputError("to", text, "this protocol has no ports", f"write {name}")
    return name, port


def _pack(text: str) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except OSError:
        return None


def _names(reach: Reach) -> list[str]:
    return list(dict.fromkeys(machine.name for machine in reach.machines.all))


def _sources(reach: Reach, text: str) -> list[Source]:
    found = [
        Source(machine, packed)
        for machine in reach.machines.all
        if machine.name == text
        for packed in sorted(machine.own, key=lambda each: (len(each), each))
    ]
    packed = _pack(text)
    if packed:
        places = (reach.machines.at(network, packed) for network in reach.addresses.networks)
        found = [Source(machine, packed) for machine in dict.fromkeys(places) if machine]
    if not found:
        raise InputError("from", text, "not a member, nor an address at or behind one", nearest(text, _names(reach)))
    return found


def _targets(reach: Reach, text: str) -> list[bytes]:
    packed = _pack(text)
    if packed:
        return [packed]
    if text in _INTERNET:
        places = Places(reach)
        return [places.internet(4), places.internet(16)]
    found = [packed for machine in reach.machines.all if machine.name == text for packed in machine.own]
    if not found:
        raise InputError("to", text, "not a member, an address or internet", nearest(text, _names(reach)))
    return sorted(found, key=lambda each: (len(each), each))
