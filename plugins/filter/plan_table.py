# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render a plan as a table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_table
short_description: Render a plan as a table
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Renders the plan of all networks as text, with a table for each network and a line for each member and peer.
  - Hubs, clients, members without a key and clients past their C(valid_until) are marked.
options:
  _input:
    description: The result of M(cryptokey.wireguard.plan).
    type: dict
    required: true
seealso:
  - module: cryptokey.wireguard.plan
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

- name: Show the planned tunnels
  ansible.builtin.debug:
    msg: "{{ (network_plan | cryptokey.wireguard.plan_table).splitlines() }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The text, ending in a newline.
  type: str
  sample: |
    Network home

    MEMBER  KIND  ADDRESSES  PEER    ENDPOINT               ALLOWED IPS   KEEPALIVE
    hub1    hub   10.8.0.1   laptop  -                      10.8.0.2/32   -
    laptop  host  10.8.0.2   hub1    vpn.example.org:51820  10.8.0.0/24   25 s
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import render_table


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_table": render_table}
