# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers of a host with their preshared keys, for the arguments of the modules that set them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: with_preshared_keys
short_description: Add to a host's peers the preshared keys that the inventory asks for
version_added: 0.2.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Derives the preshared key of each pair from the network's C(preshared_secret) and name and the two public keys, or
    takes the one that C(preshared_keys) has for the pair. Both ends get the same, and nothing is stored.
  - Where the network's options have neither, the peers are returned as they are.
  - The preshared keys in the result are sealed to O(public_key), so that they stand in no file, variable or message in
    the clear. M(cryptokey.wireguard.interface) and M(cryptokey.wireguard.config) open them on the host with its private
    key. The same key is sealed to another text each time.
  - Needs pynacl on the controller where there are preshared keys (on Debian the package C(python3-nacl)).
positional: name, public_key, network_options, network
options:
  _input:
    description: The peers of one host, as M(cryptokey.wireguard.plan) returns them.
    type: list
    elements: dict
    required: true
  name:
    description: The name of the host or client whose peers they are.
    type: str
    required: true
  public_key:
    description:
      - The public key of that host or client.
      - Where it is empty or none, as in check mode before the first run, a random one stands in for it.
    type: str
    required: true
  network_options:
    description:
      - The options of the network, an entry of C(wireguard_networks).
      - With C(off) as C(preshared_secret), the peers get an empty preshared key, which clears theirs.
    type: dict
    required: true
  network:
    description: The name of the network.
    type: str
    required: true
seealso:
  - plugin: cryptokey.wireguard.plan
    plugin_type: module
  - plugin: cryptokey.wireguard.interface
    plugin_type: module
"""

EXAMPLES = r"""
- name: Bring this host's interface to the planned state, with preshared keys
  cryptokey.wireguard.interface:
    interface: "{{ desired.options.interface }}"
    addresses: "{{ desired.options.addresses }}"
    peers: "{{ desired.options.peers | cryptokey.wireguard.with_preshared_keys(
                 inventory_hostname, network_keypair.public_key, wireguard_networks[desired.network],
                 desired.network) }}"
  vars:
    desired: "{{ network_plan.hosts[inventory_hostname][0] }}"
"""

RETURN = r"""
_value:
  description:
    - The peers, with a sealed C(preshared_key) where there is one, and C(next_preshared_key) for those that are about
      to change their key.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import sealed_preshared_keys


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"with_preshared_keys": sealed_preshared_keys}
