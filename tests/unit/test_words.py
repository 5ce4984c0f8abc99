# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each name of a class or function in module_utils and plugin_utils stands for one thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "plugins"
# Parsers of one option: the controller's calls the host's, and adds what only the controller knows.
ON_BOTH_SIDES = {"parse_interface", "parse_peers"}


def definitions(source: str) -> Iterator[str]:
    """The names of all classes, and of the functions that other files use."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and not node.name.startswith("_")):
            yield node.name


def files_by_name(root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in ("module_utils", "plugin_utils"):
        for path in sorted((root / column).rglob("*.py")):
            for name in definitions(path.read_text()):
                found.setdefault(name, []).append(str(path.relative_to(root)))
    return found


def test_no_name_is_defined_in_two_files() -> None:
    several = {name: paths for name, paths in files_by_name(PLUGINS).items() if len(paths) > 1}
    assert {name: paths for name, paths in several.items() if name not in ON_BOTH_SIDES} == {}
    assert several.keys() == ON_BOTH_SIDES
    assert all("plugin_utils/_inventory/option_parsers.py" in paths for paths in several.values())


def test_a_name_in_two_files_is_found(tmp_path: Path) -> None:
    for path, source in (
        ("module_utils/a.py", "class _A: ...\n"),
        ("plugin_utils/b.py", "class _A: ...\ndef f(): ...\n"),
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(source)
    assert files_by_name(tmp_path) == {"_A": ["module_utils/a.py", "plugin_utils/b.py"], "f": ["plugin_utils/b.py"]}
