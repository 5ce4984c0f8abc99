#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: draw
short_description: Show who would talk to whom, as a table or a graph
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Shows the plan of all networks in the terminal, or writes it to a file on the controller.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  plan:
    description: The result of M(cryptokey.wireguard.plan).
    type: dict
    required: true
  format:
    description:
      - V(table) has one line for each member and peer.
      - V(mermaid) is a flowchart, as code forges draw it, and V(dot) a graph for Graphviz. An arrow leads to the member
        that can be called. A link is dotted while the key of one of its ends is not known.
    type: str
    choices: [table, mermaid, dot]
    default: table
  path:
    description:
      - The file to write to, mode 0644. A relative path is taken from where C(ansible-playbook) was started.
      - If not given, the text is shown in the terminal.
    type: path
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  diff_mode:
    support: full
seealso:
  - module: cryptokey.wireguard.plan
  - plugin: cryptokey.wireguard.plan_table
    plugin_type: filter
  - plugin: cryptokey.wireguard.plan_graph
    plugin_type: filter
  - plugin: cryptokey.wireguard.plan_host
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Show who would talk to whom
  cryptokey.wireguard.draw:
    plan: "{{ network_plan }}"
  run_once: true

- name: Keep a picture of the networks beside the inventory
  cryptokey.wireguard.draw:
    plan: "{{ network_plan }}"
    format: mermaid
    path: "{{ inventory_dir }}/networks.mmd"
  run_once: true
"""

RETURN = r"""
text:
  description: What was shown or written.
  returned: success
  type: str
  sample: |
    Network home

    MEMBER  KIND  ADDRESSES  PEER    ENDPOINT               ALLOWED IPS   KEEPALIVE
    hub1    hub   10.8.0.1   laptop  -                      10.8.0.2/32   -
    laptop  host  10.8.0.2   hub1    vpn.example.org:51820  10.8.0.0/24   25 s
path:
  description: The file, in full.
  returned: when O(path) is given
  type: str
"""
