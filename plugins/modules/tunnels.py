#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnels
short_description: Show a table of all tunnels and fail unless each carries traffic
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Compares the plan with what the hosts of the play answered, and shows one line for each host and peer with the age
    of the latest handshake, the round trip through the tunnel over IPv4 and IPv6, and the bytes transferred. Where
    there are several networks, a column says which one it is.
  - Fails if a host did not answer, if a peer is not there or did not answer a ping on each of its addresses, if the key
    of no peer is known, or if no host of the play is in a network.
  - A tunnel whose ends have no address family in common cannot be pinged. It is judged by its handshake, and its line
    says so.
  - Clients, which Ansible does not manage, are shown with their latest handshake and are not pinged. Whether they are
    switched on is not held against the network.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  plan:
    description: The result of M(cryptokey.wireguard.plan).
    type: dict
    required: true
  info:
    description:
      - The name of the variable in which each host's M(cryptokey.wireguard.interface_info) is registered, a task that
        loops over the host's interfaces in the plan.
    type: str
    required: true
  probe:
    description:
      - The name of the variable in which each host's M(cryptokey.wireguard.ping) is registered, a task that loops over
        the host's interfaces in the plan.
    type: str
    required: true
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  diff_mode:
    support: N/A
seealso:
  - module: cryptokey.wireguard.plan
  - module: cryptokey.wireguard.interface_info
  - module: cryptokey.wireguard.ping
  - plugin: cryptokey.wireguard.ping_targets
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Ping each host's peers through the tunnel
  cryptokey.wireguard.ping:
    interface: "{{ item.interface }}"
    targets: "{{ item | cryptokey.wireguard.ping_targets(network_plan.hosts, host=inventory_hostname) }}"
  loop: "{{ network_plan.hosts[inventory_hostname] }}"
  register: network_probe

- name: Read each host's running state
  cryptokey.wireguard.interface_info:
    interfaces: ["{{ item.interface }}"]
  loop: "{{ network_plan.hosts[inventory_hostname] }}"
  register: network_info

- name: Show the tunnels
  cryptokey.wireguard.tunnels:
    plan: "{{ network_plan }}"
    info: network_info
    probe: network_probe
  run_once: true
"""

RETURN = r"""
up:
  description: How many tunnels carry traffic, counted from each of their ends that was asked.
  returned: always
  type: int
down:
  description: How many do not.
  returned: always
  type: int
unknown:
  description: How many lead to clients, which are not managed, so that their state is unknown.
  returned: always
  type: int
"""
