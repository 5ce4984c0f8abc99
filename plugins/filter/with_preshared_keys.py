# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add preshared keys to the peers of a host, for the arguments of the modules that set them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: with_preshared_keys
short_description: Add preshared keys to the peers of a host
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Derives the preshared key of each pair of peers from C(preshared_secret) of the network, the name of the network and
    the two public keys. If C(preshared_keys) of the network has a key for the pair, that key is used. Both ends get the
    same key, and nothing is stored.
  - If the network has neither option, the peers are returned unchanged.
  - The preshared keys in the result are encrypted for O(public_key), so that no file, variable or message has them in
    plain text. M(cryptokey.wireguard.interface) and M(cryptokey.wireguard.config) decrypt them on the host with its
    private key. The encrypted text is different each time.
  - Requires pynacl on the controller if there are preshared keys (on Debian the package C(python3-nacl)).
positional: name, public_key, network_options, network
options:
  _input:
    description: The peers of one host, as M(cryptokey.wireguard.plan) returns them.
    type: list
    elements: dict
    required: true
  name:
    description: The name of the host or client that has the peers.
    type: str
    required: true
  public_key:
    description:
      - The public key of that host or client.
      - If it is empty or null, as in check mode before the first run, a random key is used.
    type: str
    required: true
  network_options:
    description:
      - The options of the network, an entry of C(wireguard_networks).
      - If C(preshared_secret) is C(off), the peers get an empty preshared key, which clears an existing one.
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
- name: Configure the interface of this host as planned, with preshared keys
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
    - The peers. Those with a preshared key have an encrypted C(preshared_key), and those that will change their key
      have C(next_preshared_key) as well.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import sealed_preshared_keys


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"with_preshared_keys": sealed_preshared_keys}
