# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that only this collection's roles and playbooks use. ansible-doc does not list files with two underscores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import PEER_KEY_ARGUMENTS


def peer_keys(peers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The peers of a plan with the options that name them and their keys, as ``__rekey`` takes them."""
    return [{option: peer[option] for option in PEER_KEY_ARGUMENTS if option in peer} for peer in peers]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"_peer_keys": peer_keys}
