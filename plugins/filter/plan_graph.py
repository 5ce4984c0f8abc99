# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render a plan as a graph."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_graph
short_description: Render a plan as a graph
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Renders the plan of all networks as the source text of a graph, with a box for each network and an arrow for each
    tunnel.
  - An arrow points to the member that has an endpoint. A link is dotted if the key of one of its ends is not known.
  - Hubs, clients and hosts behind a gateway have shapes and labels of their own.
positional: format
options:
  _input:
    description: The result of M(cryptokey.wireguard.plan).
    type: dict
    required: true
  format:
    description: V(mermaid) for a Mermaid flowchart, or V(dot) for Graphviz.
    type: str
    choices: [mermaid, dot]
    default: mermaid
seealso:
  - module: cryptokey.wireguard.plan
  - plugin: cryptokey.wireguard.plan_table
    plugin_type: filter
  - plugin: cryptokey.wireguard.plan_host
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Draw the networks
  ansible.builtin.copy:
    content: "{{ network_plan | cryptokey.wireguard.plan_graph('dot') }}"
    dest: networks.dot
    mode: "0644"
  run_once: true
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The text, ending in a newline.
  type: str
  sample: |
    flowchart LR
        subgraph g_home["home"]
            n_home_hub1{{"hub1<br>10.8.0.1<br>vpn.example.org:51820"}}
            n_home_laptop["laptop<br>10.8.0.2"]
        end
        n_home_laptop --> n_home_hub1
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import render_graph


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_graph": render_graph}
