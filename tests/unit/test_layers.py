# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the layers: which part of the collection may import which."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
PREFIX = "ansible_collections.cryptokey.wireguard.plugins"

# The rooms, from the top down. Each may import those below it in its column, and of the other column what is named.
MODULE_UTILS = (
    "_backends",  # what each module does
    "_provisional",  # a change that waits to be confirmed
    "_rotation",  # a key and its successor
    "_metrics",  # what Prometheus is told of a host
    "_converge",  # target state, difference, engine
    "_wgquick",  # wg0.conf
    "_host",  # routes, nftables, name servers, programs
    "_wireguard",  # the netlink family of that name
    "_netlink",  # transport
    "_store",  # files, keys, locks
    "_options",  # what modules take
    "_model",  # nouns; the standard library only
)
PLUGIN_UTILS = (
    "_report",  # tables, graphs, pages
    "_clients",  # configurations for devices
    "_adopt",  # networks that others have set up
    "_access",  # who reaches what, and tests of it
    "_doctor",  # why a tunnel carries no traffic
    "_plan",  # topologies, addresses, order of a run
    "_policy",  # who may reach what, as nftables
    "_hosts",  # what managed hosts answer
    "_inventory",  # variables to networks and members
    "_registry",  # the durable record of public facts
)
# Libraries, and rooms of module_utils for the controller's. Paths are relative to plugins/.
BESIDES: dict[str, set[str]] = {
    "module_utils/_host": {"pyroute2"},
    "module_utils/_store": {"nacl"},
    "module_utils/_options": {"nacl"},
    "plugin_utils/_report": {"module_utils._model", "igraph", "jinja2", "markupsafe"},
    "plugin_utils/_clients": {f"module_utils.{room}" for room in ("_model", "_options", "_store", "_wgquick")}
    | {"segno"},
    "plugin_utils/_adopt": {"module_utils._model", "yaml"},
    "plugin_utils/_access": {"module_utils._model"},
    "plugin_utils/_doctor": {"module_utils._model"},
    "plugin_utils/_plan": {"module_utils._model", "module_utils._options", "cryptography"},
    "plugin_utils/_policy": {"module_utils._model"},
    "plugin_utils/_hosts": {"module_utils._model", "jinja2"},
    "plugin_utils/_inventory": {"module_utils._model", "module_utils._options"},
    "plugin_utils/_registry": {"module_utils._model", "module_utils._store", "yaml"},
    "modules": {"module_utils", "ansible.module_utils"},  # nothing else is there on a managed node
    "action": {"module_utils", "plugin_utils", "ansible"},
    "filter": {"module_utils", "plugin_utils", "ansible"},
    "doc_fragments": set(),
}
# Pure logic uses no room that reads or changes the host.
PURE = {"_converge", "_wgquick", "_options", "_model"}
COLUMNS = {"module_utils": MODULE_UTILS, "plugin_utils": PLUGIN_UTILS}
FILES = sorted(str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py"))


def room_of(path: str) -> str:
    """The room of a file, such as module_utils/_host or modules; empty where it is in none."""
    column, *rest = Path(path).parts
    if column in COLUMNS:
        return f"{column}/{rest[0]}" if len(rest) > 1 and rest[0] in COLUMNS[column] else ""
    return column if column in BESIDES else ""


def allowed_in(room: str) -> set[str]:
    """What a room may import besides the standard library."""
    column, _sign, name = room.partition("/")
    rooms = COLUMNS.get(column, ())
    below = rooms[rooms.index(name) :] if name else ()
    if name in PURE:
        below = tuple(each for each in below if each in PURE)
    return {*BESIDES.get(room, set()), *(f"{column}.{each}" for each in below), *(() if name else (column,))}


def imports(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each import, absolute."""
    package = [*PREFIX.split("."), *Path(path).parent.parts]
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            for alias in node.names:
                yield node.lineno, ".".join(filter(None, [*base, node.module, alias.name]))


def is_within(name: str, package: str) -> bool:
    return f"{name}.".startswith(f"{package}.")


def violations(path: str, source: str) -> list[str]:
    """What a file, named relative to plugins/, imports against the rules."""
    room = room_of(path)
    if not room:
        return [f"{path}: belongs to no room"]
    allowed = allowed_in(room)
    found = []
    for line, absolute in imports(path, source):
        name = absolute.removeprefix(f"{PREFIX}.")
        fine = name.partition(".")[0] in sys.stdlib_module_names or any(is_within(name, part) for part in allowed)
        if not fine or (name.endswith(".AnsibleModule") and not path.startswith("modules/")):
            found.append(f"{path}:{line}: {name}")
    return found


@pytest.mark.parametrize("path", FILES)
def test_each_file_keeps_to_its_layer(path: str) -> None:
    assert violations(path, (PLUGINS / path).read_text()) == []


def imported_file(path: str, name: str) -> str | None:
    """The file of the same column that an import names: a module, or one with the name in it."""
    for candidate in (name, name.rpartition(".")[0]):
        file = f"{candidate.replace('.', '/')}.py"
        if file != path and (PLUGINS / file).is_file():
            return file
    return None


def test_no_circles() -> None:
    graph = {
        path: {
            file
            for _line, name in imports(path, (PLUGINS / path).read_text())
            if (file := imported_file(path, name.removeprefix(f"{PREFIX}.")))
        }
        for path in FILES
    }
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError


def test_every_room_is_in_use_and_in_the_contributor_guide() -> None:
    rooms = {room_of(path) for path in FILES}
    assert rooms == {*(f"{column}/{room}" for column, rooms in COLUMNS.items() for room in rooms), *BESIDES} - {""}
    print(picture())


def picture() -> str:
    """The rooms from the top down, each with those that its files import."""
    lines = []
    for column, rooms in COLUMNS.items():
        for room in rooms:
            used: set[str] = set()
            for path in FILES:
                if room_of(path) == f"{column}/{room}":
                    names = (name for _line, name in imports(path, (PLUGINS / path).read_text()))
                    used |= {name.removeprefix(f"{PREFIX}.") for name in names if name.startswith(PREFIX)}
            targets = {".".join(name.split(".")[:2]) for name in used} - {f"{column}.{room}"}
            lines.append(f"{column}/{room}: {' '.join(sorted(targets, key=_depth)) or 'the standard library'}")
    return "\n".join(lines)


def _depth(name: str) -> tuple[bool, int]:
    column, _sign, room = name.partition(".")
    return column == "module_utils", COLUMNS[column].index(room)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_model/x.py", "import pyroute2"),
        ("module_utils/_model/x.py", "from .._host import dns"),
        ("module_utils/_model/x.py", "from .. import _host"),
        ("module_utils/_model/x.py", f"from {PREFIX}.module_utils._host.dns import Dns"),
        ("module_utils/_model/x.py", f"import {PREFIX}.module_utils._host"),
        ("module_utils/_model/x.py", "def f():\n    from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/_converge/x.py", "from ansible.module_utils.common.text.converters import to_text"),
        ("module_utils/_converge/x.py", "from .._host import dns"),
        ("module_utils/_wgquick/x.py", "from .._converge import diff"),
        ("module_utils/_host/x.py", "from ...plugin_utils._plan import planner"),
        ("module_utils/_netlink/x.py", "from .._host import dns"),
        ("module_utils/_converge/x.py", "import pyroute2"),
        ("module_utils/_backends/x.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/_backends/x.py", "from ...plugin_utils import _registry"),
        ("module_utils/x.py", ""),
        ("plugin_utils/_plan/x.py", "import yaml"),
        ("plugin_utils/_plan/x.py", "from ...module_utils._host import dns"),
        ("plugin_utils/_inventory/x.py", "from .._plan import planner"),
        ("plugin_utils/_registry/x.py", "from ansible.plugins.loader import cache_loader"),
        ("modules/x.py", "from ..plugin_utils._plan import planner"),
        ("modules/x.py", "from ansible.errors import AnsibleError"),
        ("modules/x.py", "import pyroute2"),
        ("action/x.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("elsewhere/x.py", ""),
    ],
)
def test_a_violation_is_found(path: str, source: str) -> None:
    assert violations(path, source) != []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_model/x.py", "import os.path\nfrom .keys import PublicKey\nfrom . import keys"),
        (
            "module_utils/_host/x.py",
            "import pyroute2\nfrom .._model import keys\nfrom .._netlink import errors",
        ),
        ("modules/x.py", f"from {PREFIX}.module_utils._model.keys import PublicKey"),
        ("modules/x.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("action/x.py", "from ansible.plugins.action import ActionBase\nfrom ..plugin_utils._plan import planner"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert violations(path, source) == []
