# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the layers: which part of the collection may import which."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
PREFIX = "ansible_collections.cryptokey.wireguard.plugins"

MODEL = "module_utils._model"

# What each part may import besides the standard library and itself; the first pattern that matches a file counts.
# Patterns and our own modules are relative to plugins/.
LAYERS: dict[str, set[str]] = {
    "module_utils/_model/*": set(),
    "module_utils/_converge/*": {MODEL},
    "module_utils/_wgquick/*": {MODEL},
    "module_utils/_kernel/*": {MODEL, "module_utils._converge", "module_utils._wgquick", "pyroute2"},
    "module_utils/*": {"module_utils", "nacl"},  # what the modules share
    "plugin_utils/_results.py": {MODEL},
    "plugin_utils/_fleet/*": {MODEL, "plugin_utils._results"},
    "plugin_utils/_preshared.py": {MODEL, "plugin_utils._fleet", "cryptography"},
    "plugin_utils/_qr.py": {"module_utils", "segno"},
    "plugin_utils/_client.py": {"module_utils", "plugin_utils._fleet", "plugin_utils._preshared"},
    # The registry is a file like those of hosts: it takes the same lock, and is written by the same function.
    "plugin_utils/_registry/*": {MODEL, "plugin_utils._fleet", "module_utils._files", "module_utils._lock", "yaml"},
    "plugin_utils/*": {MODEL, "plugin_utils._fleet", "yaml"},
    "modules/*": {"module_utils", "ansible.module_utils"},  # nothing else is there on a managed node
    "action/*": {"module_utils", "plugin_utils", "ansible"},
    "filter/*": {"module_utils", "plugin_utils", "ansible"},
    "doc_fragments/*": set(),
}
FILES = sorted(str(path.relative_to(PLUGINS)) for path in PLUGINS.rglob("*.py"))


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
    pattern = next((pattern for pattern in LAYERS if fnmatch(path, pattern)), None)
    if pattern is None:
        return [f"{path}: belongs to no layer"]
    allowed = {*LAYERS[pattern], pattern.removesuffix("/*").replace("/", ".")}
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


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("module_utils/_model/x.py", "import pyroute2"),
        ("module_utils/_model/x.py", "from .._kernel import link"),
        ("module_utils/_model/x.py", "from .. import _kernel"),
        ("module_utils/_model/x.py", f"from {PREFIX}.module_utils._kernel.link import Link"),
        ("module_utils/_model/x.py", f"import {PREFIX}.module_utils._kernel"),
        ("module_utils/_model/x.py", "def f():\n    from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/_converge/x.py", "from ansible.module_utils.common.text.converters import to_text"),
        ("module_utils/_converge/x.py", "from .._kernel import link"),
        ("module_utils/_wgquick/x.py", "from .._converge import plan"),
        ("module_utils/_kernel/x.py", "from ...plugin_utils._fleet import plan"),
        ("module_utils/x.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("module_utils/x.py", "from ..plugin_utils import _registry"),
        ("plugin_utils/_fleet/x.py", "import yaml"),
        ("plugin_utils/_fleet/x.py", "from ...module_utils._kernel import link"),
        ("plugin_utils/_registry/x.py", "from ansible.plugins.loader import cache_loader"),
        ("modules/x.py", "from ..plugin_utils._fleet import plan"),
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
        ("module_utils/_kernel/x.py", "import pyroute2\nfrom .._model.keys import PublicKey"),
        ("modules/x.py", f"from {PREFIX}.module_utils._model.keys import PublicKey"),
        ("modules/x.py", "from ansible.module_utils.basic import AnsibleModule"),
        ("action/x.py", "from ansible.plugins.action import ActionBase\nfrom ..plugin_utils._fleet import plan"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert violations(path, source) == []
