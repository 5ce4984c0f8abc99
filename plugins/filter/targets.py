# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host probes to find out whether its tunnels carry traffic."""

from __future__ import annotations

DOCUMENTATION = r"""
name: targets
short_description: List the targets that show whether an interface's tunnels carry traffic
version_added: 0.1.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - From the plan of one interface to the targets for M(cryptokey.wireguard.probe), the first address of each family of
    each of its peers.
  - A family counts where both ends have an address of it and where their allowed IPs send these addresses to each
    other. A peer with which the interface has no such family is a target by its C(public_key), and is judged by its
    handshake.
  - Peers that are clients, which Ansible does not manage, are left out. They may be switched off at any time.
positional: plans, among, host
options:
  _input:
    description: The plan of one interface, an entry of C(hosts[HOST]) as M(cryptokey.wireguard.plan) returns it.
    type: dict
    required: true
  plans:
    description: The plans of all hosts, C(hosts) there, to find the peers' addresses in.
    type: dict
    required: true
  among:
    description: The hosts that may be pinged. If not given, all may.
    type: list
    elements: str
    version_added: 0.2.0
  host:
    description:
      - The host that has the interface. If not given, it is not checked whether the peers' allowed IPs hold the
        addresses of the interface.
    type: str
    version_added: 0.2.0
seealso:
  - plugin: cryptokey.wireguard.plan
    plugin_type: module
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Ping this host's peers
  cryptokey.wireguard.probe:
    interface: "{{ item.options.interface }}"
    targets: "{{ item | cryptokey.wireguard.targets(network_plan.hosts, host=inventory_hostname) }}"
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

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.tunnels import ping_targets


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"targets": ping_targets}
