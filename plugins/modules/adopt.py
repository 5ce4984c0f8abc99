#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: adopt
short_description: Write down WireGuard networks that others have set up, as inventory and registry
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Takes what the hosts of the play were found with, recognises the networks and their topologies, and writes the
    inventory variables that give every host just the interface that it has, so that C(site.yml) finds nothing to change
    about the tunnels.
  - Peers that no host of the play is become clients.
  - Where a host was found with something that its topology would not give it, it is an exception in C(wireguard_peers).
  - What cannot be adopted is left out, and named in RV(problems). It is an interface by itself, or a whole network
    where the others cannot be written down without it. With O(keys) the module fails in the end, after the others were
    written. It fails at once where nothing can be adopted.
  - It runs on the controller, once for the whole play, and contacts no host. Only public facts come to it.
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
      - The name of the variable in which each host has registered what a loop of M(cryptokey.wireguard.adopt_key) over
        its C(interfaces) returned.
      - Without it, nothing is written. With it, a network is written only if all its hosts have their keys in place.
    type: str
  interfaces:
    description: The names of the interfaces to adopt. By default it is all.
    type: list
    elements: str
  directory:
    description:
      - The directory below which C(group_vars/all/wireguard.yml), C(host_vars/HOST/wireguard.yml) and
        C(wireguard_registry) are written. A relative path is taken from where C(ansible-playbook) was started.
      - By default it is that of the inventory, with the registry where the inventory has it.
    type: path
  network:
    description: What the network is to be called, where there is one. By default it is called after its interface.
    type: str
  overwrite:
    description:
      - Whether files are changed that are there and say something else. They are refused otherwise. The difference
        shows what is lost.
    type: bool
    default: false
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  diff_mode:
    support: full
notes:
  - Preshared keys stay on their hosts. The variables do not mention them, and the role then leaves them alone.
  - It is one of the steps of C(cryptokey.wireguard.adopt), the playbook.
seealso:
  - module: cryptokey.wireguard.config_info
  - module: cryptokey.wireguard.interface_info
  - module: cryptokey.wireguard.adopt_key
"""

EXAMPLES = r"""
- name: Read the running interfaces
  cryptokey.wireguard.interface_info:
  register: adopt_running

- name: Read the files that bring them up at boot
  cryptokey.wireguard.config_info:
    interfaces: "{{ adopt_running.interfaces | map(attribute='interface') }}"
    manageable: true
    skip_unreadable: true
  register: adopt_files

- name: Recognise the networks
  cryptokey.wireguard.adopt:
    files: adopt_files
    running: adopt_running
  run_once: true
  register: adopt_found

- name: Keep the keys, each on its host
  cryptokey.wireguard.adopt_key:
    interface: "{{ item.interface }}"
  loop: "{{ adopt_found.interfaces[inventory_hostname] | default([]) }}"
  loop_control:
    label: "{{ item.interface }}"
  register: adopt_keys

- name: Write the inventory's variables and the registry
  cryptokey.wireguard.adopt:
    files: adopt_files
    running: adopt_running
    keys: adopt_keys
  run_once: true
"""

RETURN = r"""
report:
  description: What was found and what has become of it, for people. Without O(keys) it is shown in the terminal.
  returned: success
  type: str
  sample: |
    Network wg0: hub_and_spoke, 10.8.0.0/24
      hosts: hub1, office, server
      clients, which are peers that no adopted host is: phone
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
  description: For each host, the interfaces whose keys are to be kept, by C(network), C(interface) and C(public_key).
  returned: success
  type: dict
  sample:
    hub1:
      - network: wg0
        interface: wg0
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
problems:
  description: What is not adopted, where, and what to do. One line each.
  returned: success
  type: list
  elements: str
  sample:
    - "web1: /etc/wireguard/wg0.conf line 7 column 1 '[Peers]': there is no such section; write [Peer]"
kept:
  description: For each host and file, the lines that are kept word for word.
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
      description: The lines, in their order.
      type: list
      elements: str
  sample: []
notes:
  description: Where a file and a running interface are not one, and what else wants to be looked at.
  returned: success
  type: list
  elements: str
  sample: []
"""
