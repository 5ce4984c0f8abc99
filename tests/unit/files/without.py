# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host on which pynacl is not installed."""

from __future__ import annotations

import builtins
from typing import Any

import pytest


def without_nacl(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fake(name: str, *args: Any, **named: Any) -> Any:
        if name.startswith("nacl"):
            raise ModuleNotFoundError(f"No module named {name!r}", name="nacl")
        return real(name, *args, **named)

    monkeypatch.setattr(builtins, "__import__", fake)
