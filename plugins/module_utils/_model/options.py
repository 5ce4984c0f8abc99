# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module options, as Ansible hands them over, to the model: every refusal happens here, before anything is touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from .endpoint import parse_endpoint
from .errors import InputError
from .interface import EXACT, DesiredInterface, DesiredPeer
from .keys import PrivateKey, PublicKey, parse_preshared_key, parse_public_key
from .prefix import Prefix, parse_interface_address, parse_prefix
from .state import IPV6_MIN_MTU

_INTERFACE_NAME = re.compile(r"[a-zA-Z0-9_=+.-]{1,15}")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|0|[1-9][0-9]{0,15}")
# Unquoted in YAML, off is a boolean.
_OFF = ("off", "False")


def parse_interface_name(name: str) -> str:
    """A name that the kernel (IFNAMSIZ, 15 characters) and wg-quick(8) both take."""
    if not _INTERFACE_NAME.fullmatch(name) or name in (".", ".."):
        raise InputError("interface", name, "not an interface name", "use 1 to 15 letters, digits or _=+.-")
    return name


def parse_number(value: object, option: str, low: int, high: int, off: bool = False) -> int | None:
    """A decimal or ``0x`` number in ``low..high``; ``off`` where that stands for 0; None stays None."""
    text = str(value).strip()
    if value is None:
        return None
    if off and text in _OFF:
        return 0
    number = int(text, 0) if _NUMBER.fullmatch(text) else None
    if number is None or not low <= number <= high:
        raise InputError(option, value, "out of range or not a number", f"give a number from {low} to {high}")
    return number


def parse_table(value: object) -> str:
    """``auto``, ``off`` or the number of a routing table, as in wg-quick(8)."""
    text = "auto" if value is None else str(value)
    return "off" if text in _OFF else text if text == "auto" else str(parse_number(text, "table", 1, 2**32 - 1))


def parse_peer(options: Mapping[str, Any], option: str = "peer") -> DesiredPeer:
    """One entry of ``peers``. Raises InputError with ``option`` as the path of the entry."""

    def given(name: str) -> Any:
        return options.get(name)

    return DesiredPeer(
        public_key=parse_public_key(options["public_key"], f"{option}.public_key"),
        name=_parse_name(given("name"), f"{option}.name"),
        preshared_key=None
        if given("preshared_key") is None
        else parse_preshared_key(given("preshared_key"), f"{option}.preshared_key"),
        endpoint=parse_endpoint(given("endpoint"), f"{option}.endpoint") if given("endpoint") else None,
        allowed_ips=None
        if given("allowed_ips") is None
        else frozenset(parse_prefix(text, f"{option}.allowed_ips") for text in given("allowed_ips")),
        persistent_keepalive=parse_number(
            given("persistent_keepalive"), f"{option}.persistent_keepalive", 0, 65535, off=True
        ),
    )


def _parse_name(name: str | None, option: str) -> str | None:
    if name is not None and not name.isprintable():
        raise InputError(option, name, "not printable on one line", "use a plain name, such as the host's")
    return (name or "").strip() or None


def check_peers(peers: Iterable[DesiredPeer], own: PublicKey | None = None) -> None:
    """Refuse what the kernel would take silently and wrongly.

    One prefix on two peers moves to the last, a repeated key is merged, the interface's own key is ignored
    (drivers/net/wireguard/netlink.c, set_peer).
    """
    owners: dict[Prefix, DesiredPeer] = {}
    seen: set[PublicKey] = set()
    for peer in peers:
        if peer.public_key in seen:
            raise InputError("peers", str(peer.public_key), "two peers have this public_key", "list each peer once")
        if peer.public_key == own:
            raise InputError(
                "peers", peer.label, "this is the interface's own public_key", "give the peer's key, not the host's"
            )
        seen.add(peer.public_key)
        for prefix in peer.allowed_ips or ():
            other = owners.setdefault(prefix, peer)
            if other is not peer:
                raise InputError(
                    "peers",
                    str(prefix),
                    f"in allowed_ips of both {other.label} and {peer.label}",
                    "a prefix belongs to one peer of an interface",
                )


def check_mtu(mtu: int | None, wanted: Iterable[tuple[bytes, int]]) -> None:
    """Refuse addresses and routes, or prefixes that need one, of IPv6 on a link that is too small for it."""
    if mtu is not None and mtu < IPV6_MIN_MTU and any(len(packed) == 16 for packed, _length in wanted):
        remedy = f"give {IPV6_MIN_MTU} or more, or leave IPv6 out"
        raise InputError("mtu", mtu, f"IPv6 needs an MTU of {IPV6_MIN_MTU} at least", remedy)


def parse_interface(options: Mapping[str, Any], private_key: PrivateKey | None = None) -> DesiredInterface:
    """The options that ``interface`` and ``config`` share, to the model. Raises InputError."""
    peers = options.get("peers")
    addresses = options.get("addresses")
    desired = DesiredInterface(
        interface=parse_interface_name(options["interface"]),
        private_key=private_key,
        # Port 0 would have the kernel pick a new port at every set.
        listen_port=parse_number(options.get("listen_port"), "listen_port", 1, 65535),
        fwmark=parse_number(options.get("fwmark"), "fwmark", 0, 2**32 - 1, off=True),
        mtu=parse_number(options.get("mtu"), "mtu", 576, 65535),
        addresses=None if addresses is None else tuple(dict.fromkeys(map(parse_interface_address, addresses))),
        peers=None if peers is None else tuple(parse_peer(peer, f"peers[{i}]") for i, peer in enumerate(peers)),
        peers_mode=options.get("peers_mode") or EXACT,
        table=parse_table(options.get("table")),
        outside_replies=options.get("outside_replies") is not False,
    )
    check_peers(desired.peers or ())
    routed = () if desired.table == "off" else (peer.allowed_ips or () for peer in desired.peers or ())
    check_mtu(desired.mtu, chain(desired.addresses or (), *routed))
    return desired
