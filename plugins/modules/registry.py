#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry
short_description: Record the public keys and addresses of WireGuard networks
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Records the given public keys in the registry. Also records the addresses that members got from the C(pools) of
    their network, and the home hubs of spokes and clients that have none in the inventory.
  - Removes members that the inventory no longer names. Their addresses are not allocated again for a time, and their
    keys are recorded as former keys.
  - A key that differs from the recorded one is not recorded, nor is a former key, unless O(accept_changed_keys) or the
    variable C(wireguard_accept_changed_keys) allows it.
  - If the inventory or one of the keys is invalid, nothing is recorded. The error message has all problems.
  - The role C(cryptokey.wireguard.network) records the keys of the hosts that it runs on. Use this module in plays of
    your own, and run M(cryptokey.wireguard.plan) after it.
  - The module runs on the controller, once for the whole play, and connects to no host.
options:
  public_keys:
    description:
      - The public keys to record. It is a dictionary from the name of a network to a dictionary from the names of its
        members, which are hosts or clients, to their public keys.
      - The key of a host is treated as its report. If it is not a key, or belongs to another member, only that host is
        refused.
      - If it is empty, only addresses, home hubs and members that have left are recorded.
    type: dict
    default: {}
  without:
    description: The names of hosts that are leaving. They are removed as if the inventory did not name them.
    type: list
    elements: str
    default: []
  accept_changed_keys:
    description:
      - Members whose given key is recorded even if it differs from the recorded one or is a former key. It is a
        dictionary from the name of a network to a list of names.
    type: dict
    default: {}
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  check_mode:
    details:
      - The registry is not written.
  diff_mode:
    support: full
notes:
  - Set C(run_once=true) on the task. The C(free) strategy cannot run it.
  - The registry is one YAML file per network in the directory that C(wireguard_registry) names, by default
    C(wireguard_registry) next to the inventory. If the inventory has several directories, it is the one that has the
    file. With C(wireguard_registry_cache), it is a value per network in the cache plugin of that name.
  - The registry has no secrets.
  - With C(wireguard_registry_read_only), it is not written. A warning then names the keys that are not recorded.
seealso:
  - module: cryptokey.wireguard.plan
  - module: cryptokey.wireguard.keypair
"""

EXAMPLES = r"""
- name: Create a key pair on each host
  cryptokey.wireguard.keypair:
    interface: wg0
  register: network_keypair

- name: Record the public keys of the hosts of this play
  cryptokey.wireguard.registry:
    public_keys:
      home: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts
                | map('extract', hostvars, ['network_keypair', 'public_key']))) }}"
  run_once: true

- name: Record a key that was made on a phone
  cryptokey.wireguard.registry:
    public_keys:
      home:
        phone: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
  run_once: true
"""

RETURN = r"""
unknown_keys:
  description: The members whose public key is not known yet.
  returned: success
  type: list
  elements: str
  sample: []
refused:
  description:
    - The hosts whose reports are ignored in this run. The reason also is a warning. Such a host reported something that
      is not a public key, or the key of another member, or it returned variables that only the operator sets as facts.
      The plan of all other hosts is not affected.
    - The role fails these hosts. A play of your own should do the same.
  returned: success
  type: dict
  contains:
    HOST:
      description: The reason.
      type: str
  sample: {}
changed_keys:
  description:
    - The reported keys that differ from the recorded ones and were not accepted. Peers keep the recorded ones.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The name of the member.
      type: str
    network:
      description: The name of the network.
      type: str
    recorded:
      description: The public key that the registry has.
      type: str
    found:
      description: The public key that the host has now.
      type: str
    left:
      description: If it is a former key, the day on which it left the network, else empty.
      type: str
    owner:
      description: If it is a former key, the name of the member that had it, else empty.
      type: str
  sample: []
former_keys:
  description:
    - The keys that have left a network and that hosts may still have as peers.
    - C(site) and the role remove a host from the list when it has removed the key.
  returned: success
  type: list
  elements: dict
  contains:
    network:
      description: The name of the network.
      type: str
    name:
      description: The name of the member that had the key.
      type: str
    public_key:
      description: The key.
      type: str
    left:
      description: The day on which it left.
      type: str
    hosts:
      description: The hosts that may still have it.
      type: list
      elements: str
  sample: []
"""
