# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the result of ``plan`` for people: as a table, as a graph, or for one host."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .._inventory.errors import list_names
from .columns import align, shorten
from .plan_graph import CLIENT, HUB, Edge, Graph, Node, list_edges, read_graphs

TABLE = "table"
MERMAID = "mermaid"
DOT = "dot"

_HEAD = ("MEMBER", "KIND", "ADDRESSES", "PEER", "ENDPOINT", "ALLOWED IPS", "KEEPALIVE")
_WIDTH = 44
_SHAPES = {HUB: ('{{"', '"}}'), CLIENT: ('("', '")')}
_DOT_SHAPES = {HUB: "hexagon", CLIENT: "ellipse"}


def render_plan(plan: Mapping[str, Any], form: str) -> str:
    """Render the plan as ``table``, ``mermaid`` or ``dot``. Raises InputError for another form."""
    renderers = {TABLE: render_table, MERMAID: render_mermaid, DOT: render_dot}
    if form not in renderers:
        raise InputError("format", form, "unknown", f"write {', '.join(renderers)}")
    return renderers[form](plan)


def render_graph(plan: Mapping[str, Any], form: str = MERMAID) -> str:
    """Render the plan as a graph, ``mermaid`` or ``dot``. Raises InputError for another form."""
    if form == TABLE:
        raise InputError("format", form, "not a graph", f"write {MERMAID} or {DOT}")
    return render_plan(plan, form)


# --- table ---


def render_table(plan: Mapping[str, Any]) -> str:
    """One table a network, one line for each member and peer."""
    blocks = []
    for graph in read_graphs(plan):
        rows = [row for member in graph.members.values() for row in _rows(member)]
        blocks.append("\n".join([f"Network {graph.network}", "", *align([_HEAD, *rows])]))
    remarks = "\n".join(_remarks(plan))
    return "\n\n".join([*blocks, *([remarks] if remarks else [])]) + "\n"


def _rows(member: Node) -> Iterator[Sequence[str]]:
    own = (member.name, _kind(member), shorten(member.addresses, _WIDTH) or "-")
    for peer in member.peers:
        yield (
            *own,
            peer["name"],
            peer.get("endpoint") or "-",
            shorten(peer["allowed_ips"], _WIDTH) or "-",
            _seconds(peer["persistent_keepalive"]),
        )
    if not member.peers:
        yield (*own, "(none)", "-", "-", "-")


def _kind(member: Node) -> str:
    return ", ".join(
        [member.kind, *(["no key yet"] if not member.known else []), *(["expired"] if member.expired else [])]
    )


def _seconds(keepalive: object) -> str:
    return f"{keepalive} s" if keepalive else "-"


def _remarks(plan: Mapping[str, Any]) -> Iterator[str]:
    unknown, outside = plan.get("unknown_keys") or (), plan.get("outside") or ()
    changed = [f"{entry['host']} in {entry['network']}" for entry in plan.get("changed_keys") or ()]
    if unknown:
        yield f"No public key is known yet of {list_names(unknown)}: their peers do not have it."
    if changed:
        yield f"Public key differs from the recorded one: {list_names(changed)}."
    if outside:
        yield f"In no network: {list_names(outside)}."


# --- graphs ---


def render_mermaid(plan: Mapping[str, Any]) -> str:
    """Render a flowchart. Arrows lead to members with an endpoint; an edge is dotted while a key is not known."""
    lines = ["flowchart LR"]
    ids = _Ids()
    for graph in read_graphs(plan):
        lines.append(f'    subgraph {ids.of("g", graph.network)}["{_mermaid(graph.network)}"]')
        for member in graph.members.values():
            opening, closing = _SHAPES.get(member.kind, ('["', '"]'))
            label = "<br>".join(map(_mermaid, _label(member)))
            lines.append(f"        {ids.of('n', graph.network, member.name)}{opening}{label}{closing}")
        lines.append("    end")
        for link in list_edges(graph):
            first, second = (ids.of("n", graph.network, name) for name in link.names)
            lines.append(f"    {first} {_mermaid_arrow(link)} {second}")
    return "\n".join(lines) + "\n"


def _mermaid_arrow(link: Edge) -> str:
    body = "--" if link.whole else "-.-"
    if link.both_called:
        return f"<{body}>"
    return f"{body}>" if link.second_called else f"{body}-" if link.whole else body


def _mermaid(text: str) -> str:
    """Text inside quotes: what has a meaning in Mermaid or HTML becomes an entity, as Mermaid writes them."""
    return re.sub(r"[^\w .,:/@\[\]()-]", lambda match: f"#{ord(match[0])};", text)


class _Ids:
    """Names of nodes, letters, digits and ``_`` only, each its own, and the same as long as the names are."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, ...], str] = {}
        self._taken: set[str] = set()

    def of(self, *names: str) -> str:
        if names not in self._given:
            plain = found = re.sub(r"[^A-Za-z0-9]", "_", "_".join(names))
            number = 1
            while found in self._taken:
                number += 1
                found = f"{plain}__{number}"
            self._given[names] = found
            self._taken.add(found)
        return self._given[names]


def render_dot(plan: Mapping[str, Any]) -> str:
    """A graph for Graphviz, with the same meaning."""
    lines = ["digraph wireguard {", "    rankdir=LR;", '    node [shape=box, fontname="sans-serif"];']
    for graph in read_graphs(plan):
        lines.append(f"    subgraph {_dot('cluster ' + graph.network)} {{")
        lines.append(f"        label={_dot(graph.network)};")
        for member in graph.members.values():
            shape = f", shape={_DOT_SHAPES[member.kind]}" if member.kind in _DOT_SHAPES else ""
            label = _dot("\n".join(_label(member)))
            lines.append(f"        {_node(graph, member.name)} [label={label}{shape}];")
        lines.append("    }")
        for link in list_edges(graph):
            first, second = (_node(graph, name) for name in link.names)
            direction = "both" if link.both_called else "forward" if link.second_called else "none"
            style = "" if link.whole else ", style=dashed"
            lines.append(f"    {first} -> {second} [dir={direction}{style}];")
    return "\n".join([*lines, "}"]) + "\n"


def _node(graph: Graph, name: str) -> str:
    return _dot(f"{graph.network}/{name}")


def _dot(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _label(member: Node) -> Iterable[str]:
    """The lines that a node of a graph shows."""
    parts = [member.name, *member.addresses, member.endpoint, shorten(member.behind, _WIDTH)]
    states = ["no key yet"] if not member.known else []
    return [*filter(None, parts), *states, *(["expired"] if member.expired else [])]


# --- one host ---


def render_host(plan: Mapping[str, Any], host: str) -> str:
    """All that is planned for one host or client, a block for each of its networks. Raises InputError without any."""
    entries = [
        {**_shown(entry), **entry["options"], **entry["interface_options"]} for entry in plan["hosts"].get(host, ())
    ]
    for network, clients in (plan.get("clients") or {}).items():
        entries += [{"network": network, **clients[host]}] if host in clients else []
    if not entries:
        raise InputError("host", host, "in no network", "name a host or client of one")
    return "\n\n".join("\n".join(_block(host, entry)) for entry in entries) + "\n"


def _shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of a host's plan has besides options, but for the host's own keys."""
    hidden = ("options", "interface_options", "public_key", "next_public_key", "rules", "silent")
    return {key: value for key, value in entry.items() if key not in hidden}


def _block(host: str, entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"{host}, {entry['interface']} in {entry['network']}"
    shown = {key: value for key, value in entry.items() if key not in ("interface", "network", "peers")}
    forwarding = shown.pop("forwarding", None)
    if forwarding:
        shown["forwarding"] = [family for family, on in forwarding.items() if on]
    yield from align([(f"  {key}", _value(value)) for key, value in shown.items() if value not in (None, [], {})])
    rows = [
        (
            f"  {peer['name']}",
            str(peer["public_key"]),
            peer.get("endpoint") or "-",
            _seconds(peer["persistent_keepalive"]),
            ", ".join(peer["allowed_ips"]) or "-",
        )
        for peer in entry["peers"]
    ]
    yield from align([("  PEER", "PUBLIC KEY", "ENDPOINT", "KEEPALIVE", "ALLOWED IPS"), *rows])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
