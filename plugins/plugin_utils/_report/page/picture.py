# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of one network: nodes and edges with their places, ready to be drawn as SVG.

A network with more members than MOST_NODES is drawn in groups: one node for all members of a kind that have the same
hubs. Coordinates are whole pixels.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..columns import shorten
from ..status_document import DOWN, EXPIRED, PLANNED, UNKNOWN, UP, MemberStatus, State, TunnelStatus
from ..words import join_names, write_count
from .layout import Place, place_nodes

MOST_NODES = 200
# With more edges than this, they have no titles.
MOST_TITLES = 3000
# The worst comes first.
SEVERITY: tuple[State, ...] = (DOWN, UNKNOWN, EXPIRED, PLANNED, UP)
_LETTER = 7
_LINE = 14
_LONGEST = 26
_MOST_LINES = 4
_SMALL = 7
_RADIUS = {"hub": 15, "host": 10, "client": 9}
_GROUP = 24
_GROUP_SPACING = 92
# Names beside nodes on a ring: pixels for the least, and the share of the longest name.
_LEAST_SPACING, _SPACING = 36, 1.2
_MARGIN = 12
_DENSE, _PACKED = 3, 20
_SUBNETS_WIDTH = 26

Pair = tuple[str, str]


class Slice(NamedTuple):
    """A part of the ring around a group, in hundredths."""

    state: State
    length: float
    start: float


class DrawnNode(NamedTuple):
    """``members``: their names. ``lines``: its label, which starts at ``text_x, text_y``."""

    members: tuple[str, ...]
    kind: str
    state: State
    title: str
    lines: tuple[str, ...]
    x: int
    y: int
    text_x: int
    text_y: int
    anchor: str
    turn: int
    is_turned: bool
    is_small: bool
    slices: tuple[Slice, ...] = ()

    @property
    def is_group(self) -> bool:
        return len(self.members) > 1


class DrawnEdge(NamedTuple):
    """``tunnels``: how many it stands for. ``title`` is empty where there are very many."""

    ends: tuple[int, int]
    state: State
    tunnels: int
    path: str
    title: str


@dataclass(frozen=True)
class Picture:
    box: tuple[int, int, int, int]
    nodes: tuple[DrawnNode, ...]
    edges: tuple[DrawnEdge, ...]

    @property
    def density(self) -> str:
        """A word for how many edges there are to a node. The more, the fainter they should be."""
        ratio = len(self.edges) / len(self.nodes)
        return "packed" if ratio > _PACKED else "dense" if ratio > _DENSE else ""


class _Group(NamedTuple):
    members: tuple[MemberStatus, ...]
    hubs: tuple[str, ...]


def worst(states: Iterable[State]) -> State:
    found = {*states}
    return next((state for state in SEVERITY if state in found), UNKNOWN)


def pair_states(tunnels: Iterable[TunnelStatus]) -> dict[Pair, State]:
    """The state of each tunnel from what its two ends say: one that sees it down is right, as is one that has it up."""
    states: dict[Pair, set[State]] = {}
    for tunnel in tunnels:
        first, second = sorted((tunnel["host"], tunnel["peer"]))
        states.setdefault((first, second), set()).add(tunnel["state"])
    order: tuple[State, ...] = (DOWN, UP, EXPIRED, UNKNOWN, PLANNED)
    return {pair: next(state for state in order if state in found) for pair, found in sorted(states.items())}


def draw_network(members: Sequence[MemberStatus], tunnels: Iterable[TunnelStatus]) -> Picture:
    """Draw the members of one network, in their order, and the tunnels between them."""
    names = {member["name"] for member in members}
    pairs = {pair: state for pair, state in pair_states(tunnels).items() if names.issuperset(pair)}
    grouped = len(members) > MOST_NODES
    groups = _group(members, pairs) if grouped else [_Group((member,), ()) for member in members]
    ends = {member["name"]: number for number, group in enumerate(groups) for member in group.members}
    edges: dict[tuple[int, int], Counter[State]] = {}
    titles: dict[tuple[int, int], Pair] = {}
    for pair, state in pairs.items():
        first, second = sorted(ends[name] for name in pair)
        edges.setdefault((first, second), Counter())[state] += 1
        titles[first, second] = pair
    hubs = [number for number, group in enumerate(groups) if group.members[0]["kind"] == "hub"]
    longest = max(_width(_cut(name)) for name in names)
    spacing = _GROUP_SPACING if grouped else max(_LEAST_SPACING, _SPACING * longest)
    places = place_nodes(len(groups), sorted(edges), hubs, spacing, turn=not grouped)
    nodes = tuple(_node(group, place) for group, place in zip(groups, places))
    drawn = tuple(
        _edge(numbers, nodes, counts, "" if len(edges) > MOST_TITLES else _edge_title(titles[numbers], counts))
        for numbers, counts in sorted(edges.items(), key=_drawing_order)
    )
    return Picture(_box(nodes), nodes, drawn)


def _group(members: Iterable[MemberStatus], pairs: Iterable[Pair]) -> list[_Group]:
    kinds = {member["name"]: member["kind"] for member in members}
    hubs: dict[str, set[str]] = {}
    for pair in pairs:
        for name, other in (pair, pair[::-1]):
            if kinds[other] == "hub":
                hubs.setdefault(name, set()).add(other)
    groups: dict[tuple[str, ...], list[MemberStatus]] = {}
    for member in members:
        own = (member["name"],) if member["kind"] == "hub" else tuple(sorted(hubs.get(member["name"], ())))
        groups.setdefault((member["kind"], *own), []).append(member)
    return [_Group(tuple(group), () if kind == "hub" else tuple(own)) for (kind, *own), group in groups.items()]


# --- nodes ---


def _node(group: _Group, place: Place) -> DrawnNode:
    first = group.members[0]
    is_group = len(group.members) > 1
    turned = place.angle is not None and not place.style.level
    counts = Counter(member["state"] for member in group.members)
    states = join_names(f"{counts[state]:,} {state}" for state in SEVERITY if counts[state])
    if is_group:
        of = f" of {join_names(group.hubs)}" if group.hubs else ""
        amiss = [f"{counts[state]:,} {state}" for state in SEVERITY if counts[state] and state not in (UP, PLANNED)]
        lines: tuple[str, ...] = (f"{first['kind']}s{of}", *([", ".join(amiss)] if amiss else []))
        title = f"{write_count(len(group.members), first['kind'])}{of}: {states}"
    else:
        # A name that is turned outwards has one line, since the next one is close.
        subnets = [shorten(first["subnets"], _SUBNETS_WIDTH)] if turned and first["subnets"] else _few(first["subnets"])
        lines = (first["name"], *subnets)
        title = f"{first['name']} ({first['kind']}): {first['state']}" + "".join(f", {net}" for net in first["subnets"])
    small = place.angle is not None and place.style.small
    radius = _GROUP if is_group else _SMALL if small else _RADIUS[first["kind"]]
    x, y = round(place.x), round(place.y)
    shown = tuple(map(_cut, lines))
    shown = (" · ".join(shown),) if turned else shown
    text_x, text_y, anchor, turn = _text_place(place, radius, len(shown))
    return DrawnNode(
        tuple(member["name"] for member in group.members),
        first["kind"],
        worst(counts),
        title,
        shown,
        x,
        y,
        text_x,
        text_y,
        anchor,
        turn,
        turned,
        small,
        tuple(_slices(counts)) if is_group else (),
    )


def _few(texts: Sequence[str]) -> list[str]:
    if len(texts) < _MOST_LINES:
        return [*texts]
    return [*texts[: _MOST_LINES - 2], f"and {len(texts) - _MOST_LINES + 2} more"]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _slices(counts: Mapping[State, int]) -> Iterable[Slice]:
    start, total = 0.0, sum(counts.values())
    for state in SEVERITY:
        if counts.get(state):
            length = round(100 * counts[state] / total, 2)
            yield Slice(state, length, round(start, 2))
            start += length


def _text_place(place: Place, radius: int, lines: int) -> tuple[int, int, str, int]:
    """Where the first line of a label starts, its anchor, and by how many degrees it is turned around that point."""
    x, y, gap = place.x, place.y, radius + 6
    if place.angle is None:
        return round(x), round(y + gap + 10), "middle", 0
    if not place.style.level:
        outwards = math.radians(place.angle)
        left = abs(place.angle) > 90
        turn = round(place.angle) + (180 if left else 0)
        return (
            round(x + gap * math.cos(outwards)),
            round(y + gap * math.sin(outwards)),
            "end" if left else "start",
            turn,
        )
    cosine = math.cos(math.radians(place.angle))
    if abs(cosine) > 0.35:
        return (
            round(x + math.copysign(gap, cosine)),
            round(y + 4 - (lines - 1) * _LINE / 2),
            "start" if cosine > 0 else "end",
            0,
        )
    below = place.angle > 0
    return round(x), round(y + gap + 10 if below else y - gap - (lines - 1) * _LINE), "middle", 0


# --- edges ---


def _edge(ends: tuple[int, int], nodes: Sequence[DrawnNode], counts: Mapping[State, int], title: str) -> DrawnEdge:
    first, second = (nodes[end] for end in ends)
    path = f"M{first.x} {first.y}L{second.x} {second.y}"
    if ends[0] == ends[1]:
        path = f"M{first.x - 14} {first.y - 18}c-26-56 54-56 28 0"
    return DrawnEdge(ends, _edge_state(counts), sum(counts.values()), path, title)


def _drawing_order(edge: tuple[tuple[int, int], Mapping[State, int]]) -> tuple[int, tuple[int, int]]:
    """What is worst is drawn last, and lies above the rest."""
    ends, counts = edge
    return -SEVERITY.index(_edge_state(counts)), ends


def _edge_state(counts: Mapping[State, int]) -> State:
    return next(state for state in (DOWN, UP, UNKNOWN, EXPIRED, PLANNED) if counts.get(state))


def _edge_title(pair: Pair, counts: Mapping[State, int]) -> str:
    total = sum(counts.values())
    if total == 1:
        return f"{pair[0]} ↔ {pair[1]}: {_edge_state(counts)}"
    states = join_names(f"{counts[state]:,} {state}" for state in SEVERITY if counts.get(state))
    return f"{write_count(total, 'tunnel')}: {states}"


# --- size ---


def _box(nodes: Iterable[DrawnNode]) -> tuple[int, int, int, int]:
    """Left, top, width and height of all nodes with their labels."""
    corners = [corner for node in nodes for corner in _corners(node)]
    left, top = (min(values) - _MARGIN for values in zip(*corners))
    right, bottom = (max(values) + _MARGIN for values in zip(*corners))
    return math.floor(left), math.floor(top), math.ceil(right - left), math.ceil(bottom - top)


def _corners(node: DrawnNode) -> Iterable[tuple[float, float]]:
    reach = _GROUP + 18 if node.is_group else 18
    yield node.x - reach, node.y - reach
    yield node.x + reach, node.y + reach
    width = max(map(_width, node.lines))
    share = {"start": (0.0, 1.0), "end": (-1.0, 0.0), "middle": (-0.5, 0.5)}[node.anchor]
    turn = math.radians(node.turn)
    for side in share:
        x, y = node.text_x + side * width * math.cos(turn), node.text_y + side * width * math.sin(turn)
        yield x, y - _LINE
        yield x, y + _LINE * (len(node.lines) - 1) + 4


def _width(text: str) -> int:
    return sum(_LETTER * (2 if unicodedata.east_asian_width(letter) in "WF" else 1) for letter in text)
