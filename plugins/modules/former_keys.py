#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: former_keys
short_description: Record which hosts have removed the keys of former members
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - The registry remembers the keys that have left a network, and the hosts that may still have them as peers. This
    removes the hosts from there that a run has brought up to date.
  - It fails where hosts that the run was for may still have such a key, and names them.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  keys:
    description: The C(former_keys) of the plan by which the hosts were brought up to date, M(cryptokey.wireguard.plan).
    type: list
    elements: dict
    required: true
  updated:
    description:
      - The hosts that were brought up to date.
    type: list
    elements: str
    required: true
  hosts:
    description: The hosts that the run was for. If one of them may still have one of the keys, the task fails.
    type: list
    elements: str
    default: []
  record:
    description: Whether to record it. Set it to V(false) where files were written and no running interface changed.
    type: bool
    default: true
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  check_mode:
    details:
      - The registry is not written.
  diff_mode:
    support: full
notes:
  - Give the task C(run_once=true). The C(free) strategy cannot run it.
  - With C(wireguard_registry_read_only) nothing is recorded.
seealso:
  - module: cryptokey.wireguard.plan
"""

EXAMPLES = r"""
- name: Record which hosts have removed the keys of former members
  cryptokey.wireguard.former_keys:
    keys: "{{ network_plan.former_keys }}"
  run_once: true
  when: network_plan.former_keys | length > 0
"""

RETURN = r"""
former_keys:
  description: The O(keys) that hosts may still have, with these hosts.
  returned: always
  type: list
  elements: dict
  sample: []
msg:
  description: Which of O(hosts) may still have which key. Empty if there is none.
  returned: always
  type: str
  sample: ""
"""
