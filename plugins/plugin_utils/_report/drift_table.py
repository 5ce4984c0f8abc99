# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the operations that hosts lack, as a table and as a document for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._hosts.drift_report import STATES, HostDrift, Lack
from .._hosts.results import one_line
from .columns import align, shorten

DRIFT_SCHEMA = 1

_HEAD = ("HOST", "WHERE", "ACTION", "PEER", "ATTRIBUTE", "NOW -> PLANNED")
_WIDTH = 44
# A host whose interface is gone lacks all its peers.
_MOST_ROWS = 20
_WORDS = {"planned": "as planned", "drift": "drifted", "failed": "failed", "unreachable": "could not be reached"}


def count_states(hosts: Iterable[HostDrift]) -> dict[str, int]:
    """The number of hosts in each state."""
    states = [host.state for host in hosts]
    return {state: states.count(state) for state in STATES}


def summarize_drift(hosts: Sequence[HostDrift]) -> str:
    counts = ", ".join(f"{count} {_WORDS[state]}" for state, count in count_states(hosts).items())
    return f"{len(hosts)} host{'s' if len(hosts) != 1 else ''}: {counts}"


def render_drift(hosts: Sequence[HostDrift]) -> list[str]:
    """A table with a row for each operation, then the hosts that could not be compared, then a line that sums up."""
    rows = [row for host in hosts for row in _rows(host)]
    lines = [*align([_HEAD, *rows]), ""] if rows else []
    for state, head in (("drift", "Not compared as a whole:"), ("failed", "Failed:"), ("unreachable", "Unreachable:")):
        found = [f"  {host.host}: {host.message}" for host in hosts if host.state == state and host.message]
        lines += [head, *found, ""] if found else []
    return [*lines, summarize_drift(hosts)]


def _rows(host: HostDrift) -> Iterator[Sequence[str]]:
    shown = host.operations[:_MOST_ROWS]
    for lack in shown:
        where = lack.file or lack.interface or "-"
        yield (host.host, where, lack.action, _peer(lack), _line(lack.attribute), _change(lack))
    rest = len(host.operations) - len(shown)
    if rest or host.truncated:
        yield (host.host, "...", f"{rest}{' or' if host.truncated else ''} more", "", "", "")


def _peer(lack: Lack) -> str:
    return _line(lack.peer or lack.public_key or "-")


def _change(lack: Lack) -> str:
    if lack.part == "file" and lack.attribute == "lines":
        return f"-{len(lack.before)} +{len(lack.after)} lines"
    if lack.before is None and lack.after is None:
        return "remove it" if lack.action == "remove" else "missing or outdated"
    return f"{_value(lack.before)} -> {_value(lack.after)}"


def _value(value: Any) -> str:
    """The value for a cell of the table."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, Mapping):
        given = [f"{name} {_value(each)}" for name, each in value.items() if each]
        return _line(", ".join(given) or "-")
    if isinstance(value, list):
        return _line(shorten([_value(each) for each in value], _WIDTH))
    if isinstance(value, str):
        lines = value.splitlines()
        return _line(value) if len(lines) < 2 else f"{len(lines)} lines"
    return json.dumps(value)


def _line(text: str) -> str:
    return one_line(text, 2 * _WIDTH)


def drift_document(hosts: Sequence[HostDrift], generated: int) -> dict[str, Any]:
    """The same for programs. ``generated`` is a UNIX time."""
    return {
        "schema": DRIFT_SCHEMA,
        "generated": generated,
        "summary": count_states(hosts),
        "hosts": [
            {**host._asdict(), "operations": [lack._asdict() for lack in host.operations]}
            for host in sorted(hosts, key=lambda host: host.host)
        ],
    }


def render_drift_document(hosts: Sequence[HostDrift], generated: int) -> str:
    return json.dumps(drift_document(hosts, generated), indent=2, sort_keys=True) + "\n"
