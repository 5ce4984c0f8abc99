# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the plan of one host as text."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_host
short_description: Render the plan of one host as text
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Renders what the plan of all networks has for one host or client, with a block for each of its networks and the
    allowed IPs of each peer.
positional: host
options:
  _input:
    description: The result of M(cryptokey.wireguard.plan).
    type: dict
    required: true
  host:
    description: The name of the host or client.
    type: str
    required: true
seealso:
  - module: cryptokey.wireguard.plan
  - plugin: cryptokey.wireguard.plan_table
    plugin_type: filter
  - plugin: cryptokey.wireguard.plan_graph
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Show what is planned for this host
  ansible.builtin.debug:
    msg: "{{ (network_plan | cryptokey.wireguard.plan_host(inventory_hostname)).splitlines() }}"
"""

RETURN = r"""
_value:
  description: The text, ending in a newline.
  type: str
  sample: |
    laptop, wg0 in home
      addresses   10.8.0.2/24
      peers_mode  exact
      PEER  PUBLIC KEY                                    ENDPOINT               KEEPALIVE  ALLOWED IPS
      hub1  zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=  vpn.example.org:51820  25 s       10.8.0.0/24
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import render_host


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"plan_host": render_host}
