# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Place the nodes of a network's picture. Positions are igraph's; the same graph always gets the same ones."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary, package_hint

if TYPE_CHECKING:
    import igraph

_SEED = 1
# Pixels from a node to the next on its ring. Where many are on one, their names are turned outwards.
_CLOSE, _WIDE = 16, 34
MOST_LEVEL = 26
_RING = 120
_SHORTEST = 110
# From this share of all possible edges on, a graph without hubs is drawn as a circle.
_DENSE = 0.5

Edges = Sequence[tuple[int, int]]


class Place(NamedTuple):
    """Pixels from the centre. ``angle``: degrees outwards, clockwise from the right; None: the name goes below.

    ``level``: whether the name is horizontal though the node is on a ring.
    """

    x: float
    y: float
    angle: float | None = None
    level: bool = True


def check_layout_library() -> None:
    """Raises MissingLibrary."""
    try:
        import igraph  # noqa: F401
    except ImportError:
        raise MissingLibrary(f"the HTML page needs the Python library igraph: {package_hint('igraph')}") from None


def place_nodes(count: int, edges: Edges, hubs: Sequence[int], spacing: int = 0) -> list[Place]:
    """Rings around the hubs; a circle for a mesh; else by force. ``spacing`` is the least between two on a ring."""
    import igraph

    igraph.set_random_number_generator(random.Random(_SEED))
    if count == 1:
        return [Place(0, 0)]
    graph = igraph.Graph(count, [edge for edge in edges if edge[0] != edge[1]])
    if hubs:
        return _rings(graph, hubs, spacing)
    if graph.density() >= _DENSE:
        return _circle(graph)
    return _by_force(graph)


def _rings(graph: igraph.Graph, hubs: Sequence[int], spacing: int) -> list[Place]:
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
    on_rings = {depth: [points[node] for node in range(count) if depths[node] == depth] for depth in {*depths} - {0}}
    level = max(map(len, on_rings.values())) <= MOST_LEVEL
    spacing = spacing or (_WIDE if level else _CLOSE)
    ring = max([_RING, *(spacing / (depth * _closest(ring)) for depth, ring in on_rings.items())])
    outermost = max(depths)
    return [
        Place(x * ring, y * ring, _angle(x, y) if depth == outermost else None, level)
        for (x, y), depth in zip(points, depths)
    ]


def _closest(points: Sequence[Sequence[float]]) -> float:
    """The smallest angle between two neighbours on a ring, in radians."""
    angles = sorted(math.atan2(y, x) for x, y in points)
    gaps = [after - before for before, after in zip(angles, [*angles[1:], angles[0] + 2 * math.pi])]
    return max(min(gaps), math.pi / 4 / len(points))


def _circle(graph: igraph.Graph) -> list[Place]:
    count = graph.vcount()
    level = count <= MOST_LEVEL
    radius = max(_RING, (_WIDE if level else _CLOSE) * count / 2 / math.pi)
    return [Place(x * radius, y * radius, _angle(x, y), level) for x, y in graph.layout_circle().coords]


def _by_force(graph: igraph.Graph) -> list[Place]:
    points = graph.layout_kamada_kawai(seed=graph.layout_circle()).coords
    nearest = min(math.dist(*pair) for pair in combinations(points, 2))
    lengths = [math.dist(points[first], points[second]) for first, second in graph.get_edgelist()] or [1.0]
    scale = min(_SHORTEST / max(nearest, 1e-6), 3 * _SHORTEST * len(lengths) / sum(lengths))
    return [Place(x * scale, y * scale) for x, y in points]


def _angle(x: float, y: float) -> float:
    return math.degrees(math.atan2(y, x))
