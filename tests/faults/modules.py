# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module as a function that can be run in a fork: its arguments come as Ansible hands them over, and it prints its
result."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils import basic

from ansible_collections.cryptokey.wireguard.tests.faults.kills import Child, finish

# What modules load when they need it: not again in each fork.
_LIBRARIES = ("nacl.bindings", "pyroute2", "syslog")
_MODULES = "ansible_collections.cryptokey.wireguard.plugins.modules"


def module(name: str, arguments: dict[str, Any]) -> Callable[[], None]:
    """A run of the module with these arguments; what it imports is loaded here."""
    for library in _LIBRARIES:
        importlib.import_module(library)
    loaded = importlib.import_module(f"{_MODULES}.{name}")
    request = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()

    def run() -> None:
        basic._ANSIBLE_ARGS = request
        # ansible-core 2.19 asks which way values are encoded; older versions do not mind.
        basic._ANSIBLE_PROFILE = getattr(basic, "_ANSIBLE_PROFILE", None) or "legacy"
        loaded.main()

    return run


def result_of(run: Callable[[], None], folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(finish(run, folder / "result"))
    return result


def changes(run: Callable[[], None], folder: Path, times: int = 2) -> list[bool]:
    """Whether each of so many runs in a row says that it has changed something."""
    return [bool(result_of(run, folder)["changed"]) for _time in range(times)]


def message_of(run: Callable[[], None], folder: Path) -> str:
    """Why a run fails, which it has to."""
    code = Child(run, folder / "result").go()
    text = (folder / "result").read_text()
    assert code == 1, text
    return str(json.loads(text)["msg"])
