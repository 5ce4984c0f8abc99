#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: __adopt
short_description: Generate inventory from existing WireGuard interfaces
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the playbook C(adopt), and private to this collection.
  - Recognises the networks and their topologies in the files and interfaces that the hosts of the play have. Writes
    inventory variables that describe the same interfaces, so C(site.yml) then changes nothing about the tunnels.
  - Peers that are not hosts of the play become clients.
  - Options of a host that do not follow from its topology are written as exceptions in C(wireguard_peers).
  - What cannot be adopted is left out and named in RV(problems). This is a single interface, or a whole network if the
    rest of it cannot be described without that interface. With O(keys), the module writes the others and then fails. If
    nothing can be adopted, it fails at once.
  - The module runs on the controller, once for the whole play, and connects to no host. It gets only public facts.
  - The options O(files), O(running) and O(keys) are names of variables, because a value that has the results of all
    hosts would be rendered once for each host, which takes minutes for hundreds of hosts.
options:
  files:
    description:
      - The name of the variable in which each host has registered the result of M(cryptokey.wireguard.config_info).
    type: str
    required: true
  running:
    description:
      - The name of the variable in which each host has registered the result of M(cryptokey.wireguard.interface_info).
    type: str
    required: true
  keys:
    description:
      - The name of the variable in which each host has registered the result of the step C(__adopt_key), a loop over
        its RV(interfaces).
      - If not given, nothing is written. If given, a network is written only if all its hosts have their key files.
    type: str
  interfaces:
    description: The names of the interfaces to adopt. If not given, all are adopted.
    type: list
    elements: str
  directory:
    description:
      - The directory below which C(group_vars/all/wireguard.yml), C(host_vars/HOST/wireguard.yml) and
        C(wireguard_registry) are written. A relative path starts at the current directory of C(ansible-playbook).
      - If not given, it is the directory of the inventory, and the registry stays where the inventory has it.
    type: path
  network:
    description:
      - The name of the network, if only one is found. If not given, the network gets the name of its interface.
    type: str
  overwrite:
    description:
      - Whether to overwrite existing files with other content. If V(false), such files are refused. The difference
        shows what would be lost.
    type: bool
    default: false
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  diff_mode:
    support: full
notes:
  - Preshared keys stay on their hosts. The variables do not mention them, and the role then leaves them alone.
seealso:
  - module: cryptokey.wireguard.config_info
  - module: cryptokey.wireguard.interface_info
"""

EXAMPLES = r"""
- name: Read the running interfaces
  cryptokey.wireguard.interface_info:
  register: adopt_running

- name: Read the wg-quick configuration files
  cryptokey.wireguard.config_info:
    interfaces: "{{ adopt_running.interfaces | map(attribute='interface') }}"
    manageable: true
    skip_unreadable: true
  register: adopt_files

- name: Recognise the networks
  cryptokey.wireguard.__adopt:
    files: adopt_files
    running: adopt_running
  run_once: true
  register: adopt_found

- name: Copy the private keys to key files
  cryptokey.wireguard.__adopt_key:
    interface: "{{ item.interface }}"
  loop: "{{ adopt_found.interfaces[inventory_hostname] | default([]) }}"
  loop_control:
    label: "{{ item.interface }}"
  register: adopt_keys

- name: Write the inventory variables and the registry
  cryptokey.wireguard.__adopt:
    files: adopt_files
    running: adopt_running
    keys: adopt_keys
  run_once: true
"""

RETURN = r"""
report:
  description: A text about what was found and written. It is shown in the terminal if O(keys) is not given.
  returned: success
  type: str
  sample: |
    Network wg0: hub_and_spoke, 10.8.0.0/24
      hosts: hub1, office, server
      clients (peers that are not adopted hosts): phone
networks:
  description: The options of each network, for C(wireguard_networks).
  returned: success
  type: dict
  sample:
    wg0: {prefixes: [10.8.0.0/24], hubs: [hub1], spokes: [office, server]}
hosts:
  description: The variables of each host.
  returned: success
  type: dict
  sample:
    hub1: {wireguard_addresses: [10.8.0.1], wireguard_endpoint: vpn.example.org}
interfaces:
  description:
    - The interfaces to adopt of each host, by the name of the host.
    - Each entry has the C(network), the name of the C(interface) and its C(public_key).
  returned: success
  type: dict
  sample:
    hub1:
      - network: wg0
        interface: wg0
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
problems:
  description: What was not adopted, with its place and remedy. One line for each problem.
  returned: success
  type: list
  elements: str
  sample:
    - "web1: /etc/wireguard/wg0.conf line 7 column 1 '[Peers]': there is no such section; write [Peer]"
kept:
  description: The lines of each file that are kept unchanged.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The name of the host.
      type: str
    path:
      description: The file.
      type: str
    lines:
      description: The lines, in the order of the file.
      type: list
      elements: str
  sample: []
notes:
  description: Differences between a file and its running interface, and other things to check.
  returned: success
  type: list
  elements: str
  sample: []
"""
