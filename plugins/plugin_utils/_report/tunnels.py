# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the tunnels of a status document as a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from .columns import align
from .running_status import NO_ANSWER, NO_KEYS
from .status_document import DOWN, UP, MemberStatus, State, StatusDocument, TunnelStatus
from .words import split_duration, write_ping, write_size

NONE = "-"
_HEAD = ("HOST", "NETWORK", "PEER", "HANDSHAKE", "PING", "PING6", "RECEIVED", "SENT")
_NETWORK = _HEAD.index("NETWORK")
_PROBLEMS = {NO_ANSWER: "(no answer)", NO_KEYS: "(none known)"}
_INVALID = "(invalid answer)"

HOST, PEER, HANDSHAKE, PING, RECEIVED, SENT = "host", "peer", "handshake", "ping", "received", "sent"
SORTS = (HOST, PEER, HANDSHAKE, PING, RECEIVED, SENT)


class Tunnel(NamedTuple):
    """A line of the table; all up to ``sent`` is text for its columns.

    ``state`` is that of the tunnel, or down for a line that says why a host has no tunnels. ``order`` has what the
    lines can be sorted by.
    """

    host: str
    network: str
    peer: str
    handshake: str = NONE
    ping: str = NONE
    ping6: str = NONE
    received: str = NONE
    sent: str = NONE
    state: State = DOWN
    by_handshake: bool = False
    order: tuple[float, float, float, float] = (float("inf"), float("inf"), 0, 0)


def list_tunnels(document: StatusDocument, hosts: Iterable[str]) -> list[Tunnel]:
    """One line for each planned peer of each of these hosts, in their order; one line for a host with a problem."""
    members: dict[str, list[MemberStatus]] = {}
    for member in document["members"]:
        members.setdefault(member["name"], []).append(member)
    tunnels: dict[tuple[str, str], list[TunnelStatus]] = {}
    for tunnel in document["tunnels"]:
        tunnels.setdefault((tunnel["network"], tunnel["host"]), []).append(tunnel)
    return [
        row
        for host in hosts
        for member in members.get(host, ())
        if member["kind"] != "client"
        for row in _lines(member, tunnels.get((member["network"], host), ()), document["generated"])
    ]


def _lines(member: MemberStatus, tunnels: Iterable[TunnelStatus], now: int) -> Iterator[Tunnel]:
    if member["problem"]:
        known = (text for start, text in _PROBLEMS.items() if member["problem"].startswith(start))
        yield Tunnel(member["name"], member["network"], next(known, _INVALID))
        return
    for tunnel in tunnels:
        yield _line(tunnel, now)


def _line(tunnel: TunnelStatus, now: int) -> Tunnel:
    running = tunnel["running"]
    row = Tunnel(tunnel["host"], tunnel["network"], tunnel["peer"], state=tunnel["state"])
    if running is None:
        return row._replace(handshake=tunnel["problem"] or NONE)
    handshake = running["latest_handshake"]
    age = None if handshake is None else now - handshake
    pings = {":" in ping["address"]: write_ping(ping) for ping in tunnel["pings"]}
    slowest = max((ping["rtt_ms"] or 0 for ping in tunnel["pings"] if ping["reachable"]), default=float("inf"))
    received, sent = running["transfer_rx"], running["transfer_tx"]
    return row._replace(
        handshake=_age(age),
        ping=pings.get(False, NONE),
        ping6=pings.get(True, NONE),
        received=write_size(received),
        sent=write_size(sent),
        by_handshake=tunnel["by_handshake"],
        order=(float("inf") if age is None else age, slowest, -received, -sent),
    )


def _age(seconds: int | None) -> str:
    return "never" if seconds is None else " ".join(map(str, split_duration(seconds)))


_ORDERS: dict[str, Callable[[Tunnel], object]] = {
    HOST: lambda _row: 0,  # their order as it is
    PEER: lambda row: row.peer,
    HANDSHAKE: lambda row: -row.order[0],
    PING: lambda row: -row.order[1],
    RECEIVED: lambda row: row.order[2],
    SENT: lambda row: row.order[3],
}


def sort_tunnels(rows: Iterable[Tunnel], by: str) -> list[Tunnel]:
    """Sort by one of ``SORTS``: the oldest handshake, the slowest ping and the most traffic first."""
    return sorted(rows, key=_ORDERS[by])  # type: ignore[arg-type]


def render_tunnels(tunnels: Iterable[Tunnel]) -> list[str]:
    """Render lines with aligned columns. A tunnel without traffic is marked at the end of its line.

    The name of a single network is left out.
    """
    rows = list(tunnels)
    one_network = len({row.network for row in rows}) < 2
    cells: list[Sequence[str]] = [_HEAD, *(row[:8] for row in rows)]  # the text alone
    lines = align([[*line[:_NETWORK], *line[_NETWORK + 1 :]] for line in cells] if one_network else cells)
    return [line + mark for line, mark in zip(lines, ["", *map(_mark, rows)])]


def _mark(row: Tunnel) -> str:
    note = "  (no ping: no address family in common, judged by the handshake)" if row.by_handshake else ""
    return note + ("  <- down" if row.state == DOWN else "")


def count_tunnels(rows: Iterable[Tunnel]) -> tuple[int, int, int]:
    """How many of the lines are up, down, and neither."""
    states = [row.state for row in rows]
    up, down = states.count(UP), states.count(DOWN)
    return up, down, len(states) - up - down
