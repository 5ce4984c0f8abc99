# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the targets to ping to test the tunnels of an interface."""

from __future__ import annotations

DOCUMENTATION = r"""
name: ping_targets
short_description: List the targets to ping to test the tunnels of an interface
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Makes the targets for M(cryptokey.wireguard.ping) from the plan of one interface. A peer gives one target for each
    address family, with its first address.
  - A family is left out unless both ends have an address of it and their allowed IPs send these addresses to each
    other. So are addresses that the access rules do not let this host ping. A peer that has no such family gives a
    target with its C(public_key), which is tested by its handshake.
  - Peers that are clients are left out. Ansible does not manage clients, so they can be switched off at any time.
positional: plans, among, host
options:
  _input:
    description: The plan of one interface, an entry of C(hosts[HOST]) as M(cryptokey.wireguard.plan) returns it.
    type: dict
    required: true
  plans:
    description: The plans of all hosts, which is C(hosts) in the same result. They have the addresses of the peers.
    type: dict
    required: true
  among:
    description: The hosts that can be targets. If not given, all hosts can.
    type: list
    elements: str
  host:
    description:
      - The name of the host with the interface. If not given, the allowed IPs of the peers are not checked for the
        addresses of the interface.
    type: str
seealso:
  - plugin: cryptokey.wireguard.ping
    plugin_type: module
  - plugin: cryptokey.wireguard.plan
    plugin_type: module
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Ping this host's peers
  cryptokey.wireguard.ping:
    interface: "{{ item.options.interface }}"
    targets: "{{ item | cryptokey.wireguard.ping_targets(network_plan.hosts, host=inventory_hostname) }}"
  loop: "{{ network_plan.hosts[inventory_hostname] }}"
  loop_control:
    label: "{{ item.options.interface }}"
"""

RETURN = r"""
_value:
  description: The targets, sorted by the peers' names.
  type: list
  elements: dict
  sample:
    - name: hub1
      address: 10.8.0.1
    - name: hub2
      public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.ping_targets import ping_targets


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ping_targets": ping_targets}
