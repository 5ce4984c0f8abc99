# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the present state of tunnels as a table. Pure: plans and answers in, rows and lines out.

``plans`` are the hosts of a plan: ``{HOST: [{"network": ..., "options": {"peers": [...], ...}, ...}]}``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import MERGE
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix

from .._hosts.results import read_flag, read_integer, read_mapping, read_mappings, read_number, read_text
from .columns import align

NONE = "-"
_HEAD = ("HOST", "NETWORK", "PEER", "HANDSHAKE", "PING", "PING6", "RECEIVED", "SENT")
_NETWORK = _HEAD.index("NETWORK")

Plans = Mapping[str, Sequence[Mapping[str, Any]]]


class Tunnel(NamedTuple):
    """One direction of a tunnel as its host sees it; all up to ``sent`` is text for a column of the table.

    ``up`` is None where it is unknown: clients are not managed. ``by_handshake``: no address family is common to both
    ends, so that no ping can show it. ``problem`` is what is wrong with the host's answer.
    """

    host: str
    network: str
    peer: str
    handshake: str = NONE
    ping: str = NONE
    ping6: str = NONE
    received: str = NONE
    sent: str = NONE
    up: bool | None = False
    by_handshake: bool = False
    problem: str = ""


class _Running(NamedTuple):
    """A peer by its host's answer, in seconds and bytes."""

    age: int | None
    received: int
    sent: int


class _Probe(NamedTuple):
    """``is_ipv6`` is None where the handshake was looked at instead of a ping."""

    is_ipv6: bool | None
    reachable: bool
    rtt_ms: float | None


def ping_targets(
    interface: Mapping[str, Any], plans: Plans, among: Collection[str] | None = None, host: str | None = None
) -> list[dict[str, str]]:
    """The targets of ``ping`` for the peers of an interface that are hosts; where ``among`` is given, no other ones.

    A peer is pinged at its first address of each family that can be pinged: both ends have an address of the family,
    they send it to each other, and the access rules allow it. A peer without any is a target by its ``public_key``,
    which is judged by its handshake. ``host`` has the interface; without it, what the peer sends back is taken for
    granted.
    """
    wanted = None if among is None else set(among)
    own = [address.partition("/")[0] for address in interface["options"]["addresses"]]
    silent = frozenset(interface.get("silent", ()))
    found: list[dict[str, str]] = []
    for peer in interface["options"]["peers"]:
        name = peer["name"]
        others = [] if wanted is not None and name not in wanted else _same_network(name, interface, plans)
        for other in others:
            back = _peer_of(other, host)
            families: dict[bool, str] = {}
            for address in other["options"]["addresses"]:
                bare = address.partition("/")[0]
                if (":" in bare) not in families and bare not in silent and _can_ping(peer, bare, own, back):
                    families[":" in bare] = bare
            pings = [{"name": name, "address": address} for address in families.values()]
            found += pings or [{"name": name, "public_key": peer["public_key"]}]
    return found


def _can_ping(peer: Mapping[str, Any], address: str, own: Iterable[str], back: Mapping[str, Any] | None) -> bool:
    """Whether packets to the address go to the peer, and answers to one of the ``own`` addresses come ``back``."""
    sources = [source for source in own if (":" in source) == (":" in address)]
    if not sources or not _sends(peer, address):
        return False
    return back is None or any(_sends(back, source) for source in sources)


def _sends(peer: Mapping[str, Any], address: str) -> bool:
    """Whether the allowed IPs of the peer hold the address."""
    texts = peer["allowed_ips"]
    whole = f"{address}/{128 if ':' in address else 32}"
    if whole in texts:  # as almost always, and without parsing what may be long
        return True
    single = parse_prefix(whole)
    return any(parse_prefix(text).covers(single) for text in texts if (":" in text) == (":" in address))


def _peer_of(interface: Mapping[str, Any], name: str | None) -> Mapping[str, Any] | None:
    """The peer of this name, where the interface has it. A plan's peers are sorted by name."""
    peers = interface["options"]["peers"]
    place = bisect_left(peers, name, key=lambda peer: peer["name"]) if name else len(peers)
    return peers[place] if place < len(peers) and peers[place]["name"] == name else None


def _same_network(host: str, interface: Mapping[str, Any], plans: Plans) -> list[Mapping[str, Any]]:
    """What this host has in the interface's network; nothing when it is a client."""
    return [other for other in plans.get(host, ()) if other["network"] == interface["network"]]


def read_tunnels(plans: Plans, answers: Mapping[str, Mapping[str, Any] | InputError]) -> Iterator[Tunnel]:
    """One row for each planned peer of each host that was asked.

    ``answers`` maps a host and then an interface to its ``interfaces``, of the module ``interface_info``, and its
    ``results``, of the module ``ping``; where a host did not answer, there is neither. An answer that is invalid gives
    one row for its interface.
    """
    for host, answer in answers.items():
        for interface in plans[host]:
            yield from _read_interface(host, interface, answer, plans)


def _read_interface(
    host: str, interface: Mapping[str, Any], answer: Mapping[str, Any] | InputError, plans: Plans
) -> list[Tunnel]:
    name = interface["options"]["interface"]
    try:
        if isinstance(answer, InputError):
            raise answer
        return list(_tunnels(host, interface, read_mapping(answer.get(name, {}), name), plans))
    except InputError as error:
        return [Tunnel(host, interface["network"], "(invalid answer)", problem=f"{host}: {error}")]


def _tunnels(host: str, interface: Mapping[str, Any], answer: Mapping[str, Any], plans: Plans) -> Iterator[Tunnel]:
    network = interface["network"]
    if "interfaces" not in answer:
        yield Tunnel(host, network, "(no answer)")
        return
    if not interface["options"]["peers"] and interface["options"]["peers_mode"] == MERGE:
        yield Tunnel(host, network, "(none known)")
    running = _read_running(answer["interfaces"])
    probes = _read_probes(answer.get("results") or ())
    for peer in interface["options"]["peers"]:
        name = peer["name"]
        tunnel = _tunnel(Tunnel(host, network, name), running.get(peer["public_key"]), probes.get(name, []))
        is_client = not _same_network(name, interface, plans)
        yield tunnel._replace(up=None) if is_client and peer["public_key"] in running else tunnel


def _read_running(interfaces: object) -> dict[str, _Running]:
    """By public key."""
    return {
        read_text(peer.get("public_key"), "public_key"): _Running(
            None
            if peer.get("latest_handshake_age") is None
            else read_integer(peer["latest_handshake_age"], "latest_handshake_age"),
            read_integer(peer.get("transfer_rx"), "transfer_rx"),
            read_integer(peer.get("transfer_tx"), "transfer_tx"),
        )
        for found in read_mappings(interfaces, "interfaces")
        for peer in read_mappings(found.get("peers"), "peers")
    }


def _read_probes(results: object) -> dict[str, list[_Probe]]:
    """By the name of the peer, which is only compared with the plan's."""
    probes: dict[str, list[_Probe]] = {}
    for probe in read_mappings(results, "results"):
        rtt, address = probe.get("rtt_ms"), probe.get("address")
        read = _Probe(
            None if address is None else ":" in read_text(address, "address"),
            read_flag(probe.get("reachable"), "reachable"),
            None if rtt is None else read_number(rtt, "rtt_ms", high=1e9),
        )
        probes.setdefault(read_text(probe.get("name"), "name"), []).append(read)
    return probes


def _tunnel(tunnel: Tunnel, peer: _Running | None, probes: list[_Probe]) -> Tunnel:
    if peer is None:
        return tunnel._replace(handshake="no such peer")
    pings = {probe.is_ipv6: _ping(probe) for probe in probes if probe.is_ipv6 is not None}
    return tunnel._replace(
        handshake=_age(peer.age),
        ping=pings.get(False, NONE),
        ping6=pings.get(True, NONE),
        received=_size(peer.received),
        sent=_size(peer.sent),
        up=bool(probes) and all(probe.reachable for probe in probes),
        by_handshake=bool(probes) and not pings,
    )


def _ping(probe: _Probe) -> str:
    if not probe.reachable:
        return "lost"
    return "yes" if probe.rtt_ms is None else f"{probe.rtt_ms:.1f} ms"


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


def render_tunnels(tunnels: Iterable[Tunnel]) -> list[str]:
    """Render lines with aligned columns. A tunnel without traffic is marked at the end of its line.

    The name of a single network is left out.
    """
    rows = list(tunnels)
    one_network = len({row.network for row in rows}) < 2
    cells = [_HEAD, *(row[:8] for row in rows)]  # the text alone
    lines = align([line[:_NETWORK] + line[_NETWORK + 1 :] for line in cells] if one_network else cells)
    return [line + mark for line, mark in zip(lines, ["", *map(_mark, rows)])]


def _mark(row: Tunnel) -> str:
    note = "  (no ping: no address family in common, judged by the handshake)" if row.by_handshake else ""
    return note + ("  <- down" if row.up is False else "")
