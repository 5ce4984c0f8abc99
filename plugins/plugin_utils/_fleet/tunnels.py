# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tunnels of a fleet do right now, as a table for people. Pure: plans and answers in, rows and lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .columns import align

NO_PING = "-"
_HEAD = ("HOST", "PEER", "HANDSHAKE", "PING", "PING6", "RECEIVED", "SENT")


class Tunnel(NamedTuple):
    """One direction of a tunnel as its host sees it; all but ``up`` is text for a column of the table."""

    host: str
    peer: str
    handshake: str = NO_PING
    ping: str = NO_PING
    ping6: str = NO_PING
    received: str = NO_PING
    sent: str = NO_PING
    up: bool = False


def targets(plan: Mapping[str, Any], plans: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Whom a host pings: the first address of each family of each peer, as ``{"name": ..., "address": ...}``."""
    found = []
    for peer in plan["peers"]:
        families: dict[bool, str] = {}
        for address in plans.get(peer["name"], {}).get("addresses", ()):
            families.setdefault(":" in address, address.partition("/")[0])
        found += [{"name": peer["name"], "address": address} for address in families.values()]
    return found


def read_tunnels(plans: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]) -> Iterator[Tunnel]:
    """One row for each planned peer of each host that was asked.

    ``answers`` maps a host to its ``interfaces``, of the module ``interface_info``, and its ``results``, of the
    module ``probe``; a host that did not answer has neither.
    """
    for host, answer in answers.items():
        plan = plans[host]
        if "interfaces" not in answer:
            yield Tunnel(host, "(no answer)")
            continue
        running = {
            peer["public_key"]: peer
            for interface in answer["interfaces"]
            if interface["interface"] == plan["interface"]
            for peer in interface["peers"]
        }
        probes: dict[str, list[Mapping[str, Any]]] = {}
        for probe in answer.get("results") or ():
            probes.setdefault(probe["name"], []).append(probe)
        for peer in plan["peers"]:
            yield _tunnel(host, peer["name"], running.get(peer["public_key"]), probes.get(peer["name"], []))
        if not plan["peers"]:
            yield Tunnel(host, "(none known)")


def _tunnel(host: str, name: str, peer: Mapping[str, Any] | None, probes: list[Mapping[str, Any]]) -> Tunnel:
    if peer is None:
        return Tunnel(host, name, "no such peer")
    pings = {":" in probe["address"]: _ping(probe) for probe in probes}
    return Tunnel(
        host,
        name,
        _age(peer["latest_handshake_age"]),
        pings.get(False, NO_PING),
        pings.get(True, NO_PING),
        _size(peer["transfer_rx"]),
        _size(peer["transfer_tx"]),
        bool(probes) and all(probe["reachable"] for probe in probes),
    )


def _ping(probe: Mapping[str, Any]) -> str:
    if not probe["reachable"]:
        return "lost"
    return "yes" if probe["rtt_ms"] is None else f"{probe['rtt_ms']:.1f} ms"


def _age(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def render_table(tunnels: Iterable[Tunnel]) -> list[str]:
    """Lines with aligned columns; a tunnel that carries nothing is marked at the end of its line."""
    rows = list(tunnels)
    marks = ["", *("" if row.up else "  <- down" for row in rows)]
    return [line + mark for line, mark in zip(align([_HEAD, *(row[:-1] for row in rows)]), marks)]
