# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out where the kernel sends packets, and which packets it refuses for where they come from."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from pathlib import Path

from .._model.endpoint import Endpoint
from .._model.prefix import Prefix, format_ip, mask
from .._model.state import RunningState
from .._netlink.rtnetlink import RouteNetlink
from .capture import Sighting
from .sysctl import FORWARDING

_STRICT = 1


def find_ways(state: RunningState, prefixes: Iterable[Prefix]) -> dict[Prefix, dict[str, str]]:
    """Where the kernel sends a packet for each prefix. ``owner``: the other link whose own network has it.

    In the namespace of the interface.
    """
    found = {}
    own = {address.packed for address in state.addresses}
    with RouteNetlink() as netlink:
        link = netlink.link(state.interface)
        names = {each.ifindex: each.name for each in netlink.links()}
        others = [
            (Prefix(mask(each.packed, each.length), each.length), names.get(each.ifindex, ""))
            for each in netlink.addresses()
            if link and each.ifindex != link.ifindex
        ]
        for prefix in prefixes:
            packed = _inside(prefix, own, [network for network, _name in others if prefix.length < network.length])
            route = netlink.route_to(format_ip(packed))
            host = Prefix(packed, 8 * len(packed))
            by = names.get(route.oif, "") if route else ""
            owner = next((name for network, name in others if name == by and network.covers(host)), "")
            found[prefix] = {"prefix": str(prefix), "link": by, "owner": owner if by != state.interface else ""}
    return found


# For a default route: an address of the block for benchmarks, and one of the block that is for discarding (RFC 6666).
_ANYWHERE = {4: bytes([198, 18, 0, 1]), 16: b"\x01" + bytes(14) + b"\x01"}


def _inside(prefix: Prefix, own: Iterable[bytes], others: Sequence[Prefix]) -> bytes:
    """An address in the prefix that is not the host's own, nor in one of the other networks if one is free."""
    size = len(prefix.packed)
    if prefix.length == 0:
        return _ANYWHERE[size]
    base = int.from_bytes(prefix.packed, "big")
    last = (1 << 8 * size - prefix.length) - 1
    numbers = [1, 2, 3, last // 2 + 1, last // 4 + 1, last - 1] if last > 2 else [0]
    candidates = [(base + min(number, last)).to_bytes(size, "big") for number in numbers]
    free = (
        each
        for each in candidates
        if each not in own and not any(other.covers(Prefix(each, 8 * size)) for other in others)
    )
    return next(free, candidates[0])


def outer_link(endpoint: Endpoint | None, mark: int) -> str:
    """The link by which packets to the endpoint leave; empty where there is no way."""
    if endpoint is None:
        return ""
    host, _percent, scope = endpoint.host.partition("%")
    if scope:
        return scope
    with RouteNetlink() as netlink:
        route = netlink.route_to(host, mark)
        link = netlink.link_of(route.oif) if route and route.oif else None
        return link.name if link else ""


def find_refused(sightings: Iterable[Sighting], state: RunningState) -> list[dict[str, str]]:
    """The sources of IPv4 packets that the reverse path filter drops: the way back is not by the link of arrival.

    In the namespace of the sockets.
    """
    found = {(each.host, each.link): None for each in sightings if not each.leaves and ":" not in each.host}
    saved_mark = state.src_valid_mark and int(socket.AF_INET) in state.netfilter
    refused = []
    with RouteNetlink() as netlink:
        for host, name in found:
            settings = (_read_number(f"net/ipv4/conf/{each}/rp_filter") for each in ("all", name))
            if max(settings) != _STRICT:
                continue
            route = netlink.route_to(host, state.device.fwmark if saved_mark else 0)
            back = netlink.link_of(route.oif) if route and route.oif else None
            if back is None or back.name != name:
                refused.append({"host": host, "link": name, "back": back.name if back else ""})
    return refused


def read_forwarding() -> dict[str, bool]:
    return {family: _read_number(name) == 1 for family, name in FORWARDING.items()}


def _read_number(name: str) -> int:
    try:
        return int(Path("/proc/sys", name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
