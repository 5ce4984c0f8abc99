# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same interface as a file for ``wg setconf`` and ``wg syncconf``."""

from __future__ import annotations

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render

# What wg-quick keeps to itself; its own ``strip`` takes minutes for ten thousand peers.
_WG_QUICK_KEYS = ("Address", "DNS", "MTU", "PostUp", "Table")


def wg_config(desired: DesiredInterface) -> str:
    lines = render(overlay(desired, WgQuickFile())).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(_WG_QUICK_KEYS))
