# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Select the options of peers that concern keys. A step of the role, not public."""

from __future__ import annotations

DOCUMENTATION = r"""
name: _peer_keys
short_description: Select the options of peers that concern keys
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A private step of the role C(cryptokey.wireguard.network), for C(rotate).
  - Removes all options of the peers but their names and keys.
positional: _input
options:
  _input:
    description: The peers of an interface in the result of M(cryptokey.wireguard.plan).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the keys of this host's peers
  ansible.builtin.debug:
    msg: "{{ network_interface.options.peers | cryptokey.wireguard._peer_keys }}"
"""

RETURN = r"""
_value:
  description: The peers with their names and keys.
  type: list
  elements: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import PEER_KEY_ARGUMENTS


def peer_keys(peers: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The peers of a plan with the options that name them and their keys, as ``_rekey`` takes them."""
    return [{option: peer[option] for option in PEER_KEY_ARGUMENTS if option in peer} for peer in peers]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"_peer_keys": peer_keys}
