# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what the backend of ``interface`` remembers, and its locks, in the directory of a test."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import applying, interface, running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import interface_lock

WHERE: list[tuple[ModuleType, str]] = [
    (running, "load_endpoints"),
    (running, "load_last_netns"),
    (applying, "check_recordable"),
    (interface, "record_endpoints"),
    (interface, "record_last_netns"),
]


def keep_state_in(directory: Path, monkeypatch: pytest.MonkeyPatch, *more: tuple[ModuleType, str]) -> None:
    """``more``: other functions with a directory for what is remembered."""
    for module, name in (*WHERE, *more):
        state = functools.partial(getattr(module, name), directory=str(directory / "state"))
        monkeypatch.setattr(module, name, state)
    monkeypatch.setattr(lock, "interface_lock", functools.partial(interface_lock, directory=str(directory / "locks")))
