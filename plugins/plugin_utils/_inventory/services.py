# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse the services of access rules: protocols and ports."""

from __future__ import annotations

import re

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .close import closest
from .policy import ICMP, LAST_PORT, TCP, UDP, Service

# IANA, Assigned Internet Protocol Numbers, and what other tools call the same.
PROTOCOLS = {
    "icmp": ICMP,
    "igmp": 2,
    "ip-in-ip": 4,
    "ipip": 4,
    "ipv4": 4,
    "tcp": TCP,
    "egp": 8,
    "igp": 9,
    "udp": UDP,
    "dccp": 33,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "ospf": 89,
    "pim": 103,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
}
WITH_PORTS = frozenset((TCP, UDP, 33, 132, 136))
# They stand in front of a protocol in IPv6, and are always dropped where the kernel cannot see past them.
EXTENSION_HEADERS = frozenset((0, 43, 44, 60, 135, 139, 140, 253, 254))
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_REMEDY = 'write a port such as 443, a service such as tcp:443 or udp:8000-8100, a protocol such as icmp, or "*"'


def parse_services(value: object, option: str) -> tuple[Service, ...]:
    """``tcp:443``, ``tcp:8000-8100``, ``udp:*``, ``443``, ``8000-8100``, ``icmp``, ``47:*``, ``*``. Raises InputError.

    A number alone is a port of both TCP and UDP.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InputError(option, value, "not a service", _REMEDY)
    text = str(value).strip().lower()
    if text == "*":
        return (Service(),)
    name, colon, ports = text.partition(":")
    if colon:
        return (_of_protocol(parse_protocol(name, option, value), ports, option, value),)
    if _PORTS.fullmatch(text):
        first, last = _parse_ports(text, option, value)
        return Service(TCP, first, last), Service(UDP, first, last)
    return (_of_protocol(parse_protocol(name, option, value), "*", option, value),)


def parse_protocol(text: str, option: str, value: object) -> int:
    """The number of a protocol, by its name or number. Raises InputError."""
    number = int(text) if re.fullmatch(r"[0-9]{1,3}", text) else PROTOCOLS.get(text)
    if number is None or number > 255:
        close = closest(text, PROTOCOLS)
        remedy = f"did you mean {close}?" if close else _REMEDY
        raise InputError(option, value, "unknown protocol or service", remedy)
    if number in EXTENSION_HEADERS:
        remedy = "name the protocol behind it; what cannot be recognized behind it is always dropped"
        raise InputError(option, value, "an extension header of IPv6, not a protocol", remedy)
    return number


def parse_service_port(text: str, option: str, value: object) -> int:
    """A port from 1 to 65535. Raises InputError."""
    port = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0
    if not 1 <= port <= LAST_PORT:
        raise InputError(option, value, "not a port", f"write a port from 1 to {LAST_PORT}")
    return port


def _of_protocol(protocol: int, ports: str, option: str, value: object) -> Service:
    if ports == "*":
        return Service(protocol)
    if protocol not in WITH_PORTS:
        raise InputError(option, value, "this protocol has no ports", "remove the colon and the ports")
    return Service(protocol, *_parse_ports(ports, option, value))


def _parse_ports(text: str, option: str, value: object) -> tuple[int, int]:
    match = _PORTS.fullmatch(text)
    if not match:
        raise InputError(option, value, "not a port or a range of ports", _REMEDY)
    first = parse_service_port(match[1], option, value)
    last = parse_service_port(match[2] or match[1], option, value)
    if last < first:
        raise InputError(option, value, "the range ends before it begins", f"write {last}-{first}")
    return first, last
