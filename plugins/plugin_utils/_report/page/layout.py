# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Place the nodes of a network's picture. Positions are igraph's; the same graph always gets the same ones."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary, package_hint

if TYPE_CHECKING:
    import igraph

_SEED = 1
_RING = 120
# By force: the least between two nodes, and the mean length of an edge.
_SHORTEST, _MEAN = 90, 170
# From this share of all possible edges on, a graph without hubs is drawn as a circle.
_DENSE = 0.5

Edges = Sequence[tuple[int, int]]


class Style(NamedTuple):
    """How the nodes of a ring are drawn: pixels from one to the next, and the radius up to which that may be.

    ``level``: names are horizontal; otherwise they are turned outwards. ``small``: the nodes are.
    """

    spacing: float
    most: float
    level: bool
    small: bool


class Place(NamedTuple):
    """Pixels from the centre. ``angle``: degrees outwards, clockwise from the right; None: the name goes below."""

    x: float
    y: float
    angle: float | None = None
    style: Style = Style(0, 0, level=True, small=False)


_LEVEL_RADIUS = 300
_TURNED = (Style(25, 420, level=False, small=False), Style(16, math.inf, level=False, small=True))


def check_layout_library() -> None:
    """Raises MissingLibrary."""
    try:
        import igraph  # noqa: F401
    except ImportError:
        raise MissingLibrary(f"the HTML page needs the Python library igraph: {package_hint('igraph')}") from None


def place_nodes(count: int, edges: Edges, hubs: Sequence[int], spacing: float, turn: bool = True) -> list[Place]:
    """Rings around the hubs; a circle for a mesh; else by force.

    ``spacing`` is what horizontal names on a ring need. ``turn``: whether they may be turned where that is too much.
    """
    import igraph

    igraph.set_random_number_generator(random.Random(_SEED))
    if count == 1:
        return [Place(0, 0)]
    styles = (Style(spacing, _LEVEL_RADIUS if turn else math.inf, level=True, small=False), *_TURNED)
    graph = igraph.Graph(count, [edge for edge in edges if edge[0] != edge[1]])
    if hubs:
        return _rings(graph, hubs, styles)
    if graph.density() >= _DENSE:
        return _circle(graph, styles)
    return _by_force(graph)


def _rings(graph: igraph.Graph, hubs: Sequence[int], styles: Iterable[Style]) -> list[Place]:
    """A tree around the only hub, or around a point between them all."""
    count = graph.vcount()
    if len(hubs) > 1:
        graph.add_vertex()
        graph.add_edges((count, hub) for hub in hubs)
    root = hubs[0] if len(hubs) == 1 else count
    parts = graph.connected_components()
    # What no hub reaches is placed as if the first one did.
    graph.add_edges((hubs[0], part[0]) for part in parts if root not in part)
    points = graph.layout_reingold_tilford_circular(root=[root]).coords[:count]
    depths = [round(math.hypot(x, y)) for x, y in points]
    outermost = max(depths)
    # Of each ring, the radius that one pixel from a node to the next takes, if rings have the same distance.
    widths = [
        outermost / depth / _closest([points[node] for node in range(count) if depths[node] == depth])
        for depth in {*depths} - {0}
    ]
    style, radius = _choose(styles, max(widths), _RING * outermost)
    ring = radius / outermost
    return [
        Place(x * ring, y * ring, _angle(x, y) if depth == outermost else None, style)
        for (x, y), depth in zip(points, depths)
    ]


def _choose(styles: Iterable[Style], width: float, least: float) -> tuple[Style, float]:
    """The first style that is not too large, and its radius, which is ``width`` for each pixel of spacing."""
    fits = ((style, max(least, style.spacing * width)) for style in styles)
    return next((style, radius) for style, radius in fits if radius <= max(least, style.most))


def _closest(points: Sequence[Sequence[float]]) -> float:
    """The smallest angle between two neighbours on a ring, in radians."""
    angles = sorted(math.atan2(y, x) for x, y in points)
    gaps = [after - before for before, after in zip(angles, [*angles[1:], angles[0] + 2 * math.pi])]
    return max(min(gaps), math.pi / 4 / len(points))


def _circle(graph: igraph.Graph, styles: Iterable[Style]) -> list[Place]:
    style, radius = _choose(styles, graph.vcount() / 2 / math.pi, _RING)
    return [Place(x * radius, y * radius, _angle(x, y), style) for x, y in graph.layout_circle().coords]


def _by_force(graph: igraph.Graph) -> list[Place]:
    points = graph.layout_kamada_kawai(seed=graph.layout_circle()).coords
    nearest = min(math.dist(*pair) for pair in combinations(points, 2))
    lengths = [math.dist(points[first], points[second]) for first, second in graph.get_edgelist()] or [1.0]
    scale = min(_SHORTEST / max(nearest, 1e-6), _MEAN * len(lengths) / sum(lengths))
    return [Place(x * scale, y * scale) for x, y in points]


def _angle(x: float, y: float) -> float:
    return math.degrees(math.atan2(y, x))
