#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rotation
short_description: Say whom a change of WireGuard keys concerns
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - From the plan and the names of hosts that are to change their keys, works out which hosts it takes to do so.
  - A hub that has clients is refused. They have its key in a file or a QR code, and would be cut off.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  plan:
    description: The result of M(cryptokey.wireguard.plan).
    type: dict
    required: true
  hosts:
    description: The hosts that are to change their keys. Those that are in no network are left out.
    type: list
    elements: str
    required: true
  clients:
    description: Whether hubs that have clients may change theirs. The clients then need new files.
    type: bool
    default: false
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  diff_mode:
    support: N/A
seealso:
  - module: cryptokey.wireguard.plan
"""

EXAMPLES = r"""
- name: Plan the networks, and find the keys that are older than a year
  cryptokey.wireguard.plan:
    older_than: 365
  run_once: true
  register: network_plan

- name: Whom does it concern that they are changed?
  cryptokey.wireguard.rotation:
    plan: "{{ network_plan }}"
    hosts: "{{ network_plan.old_keys }}"
  run_once: true
  register: network_rotation
"""

RETURN = r"""
hosts:
  description: The hosts that change their keys, sorted.
  returned: success
  type: list
  elements: str
  sample: [laptop]
involved:
  description: These, and the hosts that are their peers, sorted.
  returned: success
  type: list
  elements: str
  sample: [hub1, laptop]
"""
