# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file whose interface ends up in another network namespace than the one in which wg-quick(8) is run.

wg-quick makes the link, whose sockets stay there, and gives it keys, peers and an MTU. ``PostUp`` lines then move it
and do what wg-quick would have done: addresses, up, routes. So the file has no ``Address``, and ``Table = off``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .._model.errors import InputError
from .._model.names import parse_netns
from .._model.prefix import InterfaceAddress, parse_interface_address
from .._options.values import parse_table

# What stands for the host's own namespace: that of process 1.
HOST = "1"

_MOVE = re.compile(r"PostUp = ip link set dev %i netns (\S+)")
_ADDRESS = re.compile(r"PostUp = .* ip address add dev %i (\S+)")
_TABLE = re.compile(r"PostUp = t=(\S+); .*")
# wg-quick's cmd_up and add_route: the longest prefix first and, in the main table, none that the interface has already.
_ROUTES = (
    "t={table}; {inside} wg show %i allowed-ips | cut -f2 | tr ' ' '\\n' | sed -n '\\,/,p' | sort -nr -k2 -t/ | "
    "while read -r p; do f=-4; case $p in *:*) f=-6 ;; esac; "
    "if [ $t != auto ]; then {inside} ip $f route add $p dev %i table $t; "
    'elif [ -z "$({inside} ip $f route show dev %i match $p)" ]; then {inside} ip $f route add $p dev %i; fi; done'
)


class Moved(NamedTuple):
    """What the lines say: the namespace, ``HOST`` or a name, and what is done there."""

    netns: str
    addresses: tuple[InterfaceAddress, ...]
    table: str


def enter_command(netns: str) -> str:
    """What runs a command in the namespace, ``HOST`` or a name."""
    return "nsenter -t 1 -n" if netns == HOST else f"ip netns exec {netns}"


def render_moved(moved: Moved) -> tuple[str, ...]:
    """The lines, in order."""
    inside = enter_command(moved.netns)
    return (
        f"PostUp = ip link set dev %i netns {moved.netns}",
        *(f"PostUp = {inside} ip address add dev %i {address}" for address in moved.addresses),
        f"PostUp = {inside} ip link set dev %i up",
        *(() if moved.table == "off" else (f"PostUp = {_ROUTES.format(inside=inside, table=moved.table)}",)),
    )


def parse_moved(lines: Sequence[str]) -> tuple[Moved | None, tuple[str, ...]]:
    """What such lines among others say, None where there are none, and the others. Only our own spelling is known."""
    moves = _values(_MOVE, lines)
    try:
        netns = HOST if HOST in moves else parse_netns(moves[0], "PostUp") if moves else ""
        addresses = tuple(dict.fromkeys(map(parse_interface_address, _values(_ADDRESS, lines))))
        table = parse_table((_values(_TABLE, lines) or ["off"])[0])
    except InputError:
        return None, tuple(lines)
    if not netns:
        return None, tuple(lines)
    moved = Moved(netns, addresses, table)
    own = frozenset(render_moved(moved))
    return moved, tuple(line for line in lines if line not in own)


def _values(pattern: re.Pattern[str], lines: Sequence[str]) -> list[str]:
    return [match[1] for match in map(pattern.fullmatch, lines) if match]
