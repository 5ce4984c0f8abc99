#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rolling
short_description: Tell whether a run that changes hosts in batches may go on
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Looks at what the hosts that were changed so far have registered when they pinged their peers, and says which
    tunnels have not come up, what was changed and what was not touched.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  plan:
    description: The result of M(cryptokey.wireguard.plan), which has the batches.
    type: dict
    required: true
  proof:
    description:
      - The name of the variable in which each host that was changed has registered M(cryptokey.wireguard.ping), a task
        that loops over the host's interfaces. A host that has none was not changed.
    type: str
    required: true
  begun:
    description:
      - The name of a variable that each host has registered which answered before its turn. A hub that did, and is not
        among the hosts of the play any more, could not be changed, which is a reason to end too.
    type: str
    required: true
  fail:
    description: Whether to fail where a tunnel has not come up.
    type: bool
    default: false
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  diff_mode:
    support: N/A
seealso:
  - module: cryptokey.wireguard.plan
  - module: cryptokey.wireguard.ping
"""

EXAMPLES = r"""
- name: See whether the tunnels of this batch have come up
  cryptokey.wireguard.rolling:
    plan: "{{ network_plan }}"
    proof: network_proof
    begun: network_keypairs
  run_once: true
  register: network_rolled

- name: End with this batch where they have not
  ansible.builtin.meta: end_play
  when: network_rolled.stop
"""

RETURN = r"""
stop:
  description: Whether a tunnel has not come up.
  returned: always
  type: bool
msg:
  description: Which one, what was changed and what was not; empty when all is well.
  returned: always
  type: str
"""
