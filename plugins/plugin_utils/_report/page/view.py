# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page shows, made of a status document: members with their peers, and what needs attention.

Times stay UNIX seconds and sizes bytes; the template writes them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..columns import shorten
from ..status_document import DOWN, EXPIRED, MemberStatus, State, StatusChange, StatusDocument, TunnelStatus
from ..words import days_until, natural, write_count, write_ping
from .picture import SEVERITY, DrawnNode, Picture, draw_network, pair_states

# Rows of peers in all parts together. Where there are more, each of the longest lists shows its first ones.
MOST_PEERS = 8_000
# Operations of a member that its part shows.
MOST_OPERATIONS = 10
# Entries of what needs attention.
MOST_NOTES = 25
# Days before a client's end that are soon.
SOON = 14
_PEERS_WIDTH = 30
_NAMES_WIDTH = 100
# A file that differs can have a line for each peer.
_VALUE_WIDTH = 80

Key = tuple[str, str]


class PeerView(NamedTuple):
    """A tunnel as a member's part shows it. ``by``: the host that saw it, where it is not the member itself."""

    name: str
    target: str
    state: State
    by: str
    endpoint: str
    planned_endpoint: str
    allowed_ips: str
    keepalive: int
    handshake: int | None
    received: int | None
    sent: int | None
    ping: str
    problem: str


@dataclass
class MemberView:
    """A member with all that its row and its part show.

    ``group``: the id of its node where the picture has groups. ``more``: how many peers are left out.
    """

    id: str
    status: MemberStatus
    group: str = ""
    peers: list[PeerView] = field(default_factory=list)
    more: int = 0
    summary: str = ""
    handshake: int | None = None
    received: int | None = None
    sent: int | None = None
    drift: list[str] | None = None
    days_left: int | None = None


class Note(NamedTuple):
    """Something that needs attention. ``word`` says of what kind it is; ``state`` gives it its mark."""

    state: State
    word: str
    target: str
    name: str
    text: str


class ChangeView(NamedTuple):
    target: str
    network: str
    member: str
    peer: str
    text: str
    before: str
    after: str


@dataclass(frozen=True)
class NetworkView:
    name: str
    topology: str
    prefixes: Sequence[str]
    members: Mapping[State, int]
    tunnels: Mapping[State, int]
    picture: Picture | None
    ids: Mapping[str, str]

    def node_id(self, node: DrawnNode) -> str:
        """The id of a group is that of its first member, with a letter before it."""
        return f"g{self.ids[node.members[0]]}"


@dataclass(frozen=True)
class PageView:
    networks: list[NetworkView]
    members: list[MemberView]
    notes: list[Note]
    more_notes: int
    changes: list[ChangeView] | None
    states: Mapping[State, int]
    tunnels: Mapping[State, int]
    drifted: int


def view_document(document: StatusDocument) -> PageView:
    """Raises MissingLibrary."""
    now = document["generated"]
    statuses = sorted(document["members"], key=lambda status: (status["network"], natural(status["name"])))
    members = {
        (status["network"], status["name"]): MemberView(f"m{number}", status) for number, status in enumerate(statuses)
    }
    ids = {key: member.id for key, member in members.items()}
    tunnels: dict[Key, list[TunnelStatus]] = {}
    for tunnel in document["tunnels"]:
        tunnels.setdefault((tunnel["network"], tunnel["host"]), []).append(tunnel)
    seen = {(tunnel["network"], tunnel["host"], tunnel["peer"]) for tunnel in document["tunnels"]}
    for tunnel in document["tunnels"]:
        network, host, peer = tunnel["network"], tunnel["host"], tunnel["peer"]
        if (network, peer, host) not in seen and (network, peer) in members:
            members[network, peer].peers.append(_seen_from_there(tunnel, ids))
    keys = {
        (status["network"], status["public_key"]): status["name"]
        for status in document["members"]
        if status["public_key"]
    }
    for key, member in members.items():
        _complete(member, tunnels.get(key, ()), ids, now)
        _read_drift(member, keys)
    _limit([*members.values()])
    networks = [_network(network, document, members, ids) for network in document["networks"]]
    for each in networks:
        for node in each.picture.nodes if each.picture else ():
            for name in node.members if node.is_group else ():
                members[each.name, name].group = each.node_id(node)
    notes = [*_notes(networks, members.values(), tunnels)]
    all_states = Counter(member.status["state"] for member in members.values())
    all_tunnels: Counter[State] = Counter()
    for each in networks:
        all_tunnels.update(each.tunnels)
    return PageView(
        networks,
        [*members.values()],
        notes[:MOST_NOTES],
        max(0, len(notes) - MOST_NOTES),
        None if document["changes"] is None else [_change(change, ids) for change in document["changes"]],
        _by_severity(all_states),
        _by_severity(all_tunnels),
        sum(bool(member.drift) for member in members.values()),
    )


def _by_severity(counts: Mapping[State, int]) -> dict[State, int]:
    return {state: counts[state] for state in SEVERITY if counts.get(state)}


# --- members ---


def _complete(member: MemberView, tunnels: Iterable[TunnelStatus], ids: Mapping[Key, str], now: int) -> None:
    member.peers += [_peer(tunnel, ids) for tunnel in tunnels]
    member.peers.sort(key=lambda peer: (SEVERITY.index(peer.state), natural(peer.name)))
    member.handshake = max((peer.handshake for peer in member.peers if peer.handshake is not None), default=None)
    asked = [peer for peer in member.peers if peer.received is not None]
    if asked:
        member.received = sum(peer.received or 0 for peer in asked)
        member.sent = sum(peer.sent or 0 for peer in asked)
    member.days_left = days_until(member.status["valid_until"], now)
    names = sorted((peer.name for peer in member.peers), key=natural)
    member.summary = shorten(names, _PEERS_WIDTH) if len(names) < 3 else write_count(len(names), "peer")


def _peer(tunnel: TunnelStatus, ids: Mapping[Key, str]) -> PeerView:
    desired, running = tunnel["desired"], tunnel["running"]
    planned = desired["endpoint"] or ""
    endpoint = (running["endpoint"] if running else desired["endpoint"]) or ""
    return PeerView(
        name=tunnel["peer"],
        target=ids.get((tunnel["network"], tunnel["peer"]), ""),
        state=tunnel["state"],
        by="",
        endpoint=endpoint,
        planned_endpoint=planned if running and planned != endpoint else "",
        allowed_ips=", ".join(running["allowed_ips"] if running else desired["allowed_ips"]),
        keepalive=desired["persistent_keepalive"],
        handshake=running["latest_handshake"] if running else None,
        received=running["transfer_rx"] if running else None,
        sent=running["transfer_tx"] if running else None,
        ping=", ".join(map(write_ping, tunnel["pings"])),
        problem=tunnel["problem"],
    )


def _seen_from_there(tunnel: TunnelStatus, ids: Mapping[Key, str]) -> PeerView:
    """A tunnel of a member that cannot be asked, from its other end."""
    other = _peer(tunnel, ids)
    return other._replace(
        name=tunnel["host"],
        target=ids.get((tunnel["network"], tunnel["host"]), ""),
        by=tunnel["host"],
        endpoint="",
        planned_endpoint="",
        allowed_ips="",
        keepalive=0,
        received=other.sent,
        sent=other.received,
    )


def _read_drift(member: MemberView, names: Mapping[Key, str]) -> None:
    network, operations = member.status["network"], member.status["drift"]
    if operations is not None:
        member.drift = [_operation(operation, network, names) for operation in operations]


def _operation(operation: Mapping[str, Any], network: str, names: Mapping[Key, str]) -> str:
    """``set mtu: 1420 -> 1380``, ``add peer NAME``. A peer whose key no member has keeps its key as a name."""
    action, attribute = str(operation.get("action", "")), str(operation.get("attribute", ""))
    key = str(operation.get("peer") or "")
    peer = names.get((network, key), key)
    if attribute == "peers" and peer:
        return f"{action} peer {peer}"
    before, after = (_write_short(operation.get(end)) for end in ("before", "after"))
    values = f": {before} -> {after}" if before and after else f": {before or after}" if before or after else ""
    return f"{action} {attribute}{f' of peer {peer}' if peer else ''}{values}"


def _write_short(value: object) -> str:
    texts = [write_value(each) for each in value] if isinstance(value, list) and value else [write_value(value)]
    text = shorten(texts, _VALUE_WIDTH)
    return text if len(text) <= 2 * _VALUE_WIDTH else f"{text[: 2 * _VALUE_WIDTH]}…"


def write_value(value: object) -> str:
    """A value of JSON as people read it; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {write_value(each)}" for key, each in sorted(value.items()) if each not in (None, []))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(write_value, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _limit(members: Sequence[MemberView]) -> None:
    """Shorten the longest lists of peers, until all of them together have at most MOST_PEERS. The worst come first."""
    lengths = sorted(len(member.peers) for member in members)
    left, most = MOST_PEERS, 0
    for place, length in enumerate(lengths):
        most = left // (len(lengths) - place)
        if length > most:
            break
        left -= length
        most = length
    for member in members:
        member.more = max(0, len(member.peers) - most)
        del member.peers[most:]


# --- the rest ---


def _network(
    network: Mapping[str, Any], document: StatusDocument, members: Mapping[Key, MemberView], ids: Mapping[Key, str]
) -> NetworkView:
    own = [member.status for (name, _member), member in members.items() if name == network["name"]]
    tunnels = [tunnel for tunnel in document["tunnels"] if tunnel["network"] == network["name"]]
    return NetworkView(
        network["name"],
        network["topology"].replace("_", " "),
        network["prefixes"],
        _by_severity(Counter(member["state"] for member in own)),
        _by_severity(Counter(pair_states(tunnels).values())),
        draw_network(own, tunnels) if own else None,
        {member["name"]: ids[member["network"], member["name"]] for member in own},
    )


def _notes(
    networks: Iterable[NetworkView],
    members: Iterable[MemberView],
    tunnels: Mapping[Key, Sequence[TunnelStatus]],
) -> Iterator[Note]:
    for network in networks:
        yield from _down(network, tunnels)
    views = [*members]
    for member in views:
        if member.drift:
            text = f"{write_count(len(member.drift), 'operation')} missing on the host"
            names = shorten(member.drift, _NAMES_WIDTH)
            yield Note(EXPIRED, "drift", member.id, member.status["name"], f"{text}: {names}")
    yield from _problems(views)
    for member in views:
        days = member.days_left
        if days is not None and 0 <= days <= SOON and member.status["state"] != EXPIRED:
            text = f"valid until {member.status['valid_until']}, for {write_count(days, 'more day')}"
            yield Note(EXPIRED, "expires", member.id, member.status["name"], text)


def _problems(members: Iterable[MemberView]) -> Iterator[Note]:
    """The same problem of several members is one note."""
    found: dict[tuple[State, str], list[MemberView]] = {}
    for member in members:
        if member.status["problem"]:
            found.setdefault((member.status["state"], member.status["problem"]), []).append(member)
    for (state, problem), own in found.items():
        name, target, text = own[0].status["name"], own[0].id, problem
        if len(own) > 1:
            names = shorten([member.status["name"] for member in own], _NAMES_WIDTH)
            name, target, text = write_count(len(own), "member"), "members", f"{problem}: {names}"
        yield Note(state, state, target, name, text)


def _down(network: NetworkView, tunnels: Mapping[Key, Sequence[TunnelStatus]]) -> Iterator[Note]:
    """The tunnels that are down, those of one member together: the member with most of them comes first."""
    texts: dict[frozenset[str], str] = {}
    for name in network.ids:
        for tunnel in tunnels.get((network.name, name), ()):
            if tunnel["state"] == DOWN:
                pair = frozenset((name, tunnel["peer"]))
                texts[pair] = texts.get(pair) or tunnel["problem"]
    while texts:
        counts = Counter(sorted((name for pair in texts for name in pair), key=natural))
        name, count = counts.most_common(1)[0]
        own = {other: pair for pair in texts if name in pair for other in pair - {name}}
        others = sorted(own, key=natural)
        if count == 1:
            text = texts[own[others[0]]] or "the tunnel is down"
            yield Note(DOWN, DOWN, network.ids.get(name, ""), f"{name} ↔ {others[0]}", text)
        else:
            text = f"{count:,} tunnels are down: to {shorten(others, _NAMES_WIDTH)}"
            yield Note(DOWN, DOWN, network.ids.get(name, ""), name, text)
        for pair in own.values():
            del texts[pair]


def _change(change: StatusChange, ids: Mapping[Key, str]) -> ChangeView:
    before, after, attribute = change["before"], change["after"], change["attribute"]
    gone = after is None and attribute is None
    text = attribute.replace("_", " ") if attribute else "removed" if gone else "added"
    return ChangeView(
        ids.get((change["network"], change["member"]), ""),
        change["network"],
        change["member"],
        change["peer"] or "",
        text,
        write_value(before) if attribute else "",
        write_value(after) if attribute else "",
    )
