#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan the WireGuard interfaces of all hosts from the inventory
version_added: 0.1.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads the C(wireguard_*) variables of every member of every network in the inventory, and works out one desired
    interface per host, as the options that M(cryptokey.wireguard.interface) and M(cryptokey.wireguard.config) take.
  - The members come from the inventory's groups, never from the hosts of this run, so that C(--limit) or an unreachable
    host take nobody's peers away.
  - Public keys come from the registry and from the key pairs that this run made.
  - A bad inventory is refused before anything is touched, with all that is wrong in it.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  keypairs:
    description:
      - The name of the variable in which each host's result of M(cryptokey.wireguard.keypair) is registered.
      - The public keys found there are merged into the registry, and members that the inventory no longer names are
        dropped from it.
      - If not given, the registry is only read.
    type: str
  without:
    description:
      - The names of hosts that are leaving. It is planned as if the inventory did not name them.
      - A network that could not be without them, such as one whose only hub it is, is refused.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  affected_by:
    description:
      - The names of hosts that come or leave. C(affected) then says whom that concerns.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  public_keys:
    description: x
    type: dict
  accept_changed_keys:
    description:
      - Members whose public key is recorded also where it is another than the registry has, as a dictionary from the
        network's name to a list of names. For hosts, the variable C(wireguard_accept_changed_keys) does the same.
    type: dict
    default: {}
    version_added: 0.2.0
  assume_keys:
    description:
      - Plans as if the public keys of all members were known, to look at before the first run. In the place of one that
        is not stands a text in parentheses. C(unknown_keys) still has those of whom none is known.
    type: bool
    default: false
    version_added: 0.2.0
attributes:
  action:
    description: Has a corresponding action plugin, which does the work on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  bypass_host_loop:
    description: Runs once for all hosts of the play rather than once for each.
    support: full
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details:
      - The registry is not written. On a first run the keys of new hosts are not known,
        and a warning names those hosts.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    support: full
    platforms: all
notes:
  - Give the task C(run_once=true), with which its result is registered for all hosts. The C(free) strategy cannot run
    it.
  - Variables are read as C(hostvars) has them, that is from inventory, facts and the command line. Of a play's or
    role's own C(vars) only C(wireguard_networks) is seen.
  - The variables are described with the role C(cryptokey.wireguard.network).
  - The registry is one YAML file per network in the directory that C(wireguard_registry) names, by default
    C(wireguard_registry) next to the inventory. It holds no secret.
seealso:
  - module: cryptokey.wireguard.keypair
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.config
"""

EXAMPLES = r"""
- name: See to it that every host has a key
  cryptokey.wireguard.keypair:
    interface: wg0
  register: network_keypair

- name: Plan the networks and record the keys
  cryptokey.wireguard.plan:
    keypairs: network_keypair
  run_once: true
  register: network_plan

- name: Show the plan for this host
  ansible.builtin.debug:
    var: network_plan.hosts[inventory_hostname]
"""

RETURN = r"""
hosts:
  description:
    - The plan of each member of each network, by its inventory name.
    - It has the options C(interface), C(addresses), C(peers) and C(peers_mode), and C(listen_port), C(fwmark),
      C(mtu), C(table), C(dns), C(dns_search), C(alias), C(endpoint_policy), C(netns) and C(birth_netns) where the
      inventory gives them. C(peers_mode) is V(merge) where the key of a peer is not known yet.
    - C(reresolve) is there where the names of dead peers are to be resolved anew, every so many seconds.
    - C(forwarding) has V(true) for each family, V(ipv4) or V(ipv6), whose packets the host has to forward.
  returned: success
  type: dict
  sample:
    spoke1:
      interface: wg0
      addresses: [10.8.0.2/24]
      peers:
        - name: hub1
          public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
          endpoint: vpn.example.org:51820
          allowed_ips: [10.8.0.0/24]
          persistent_keepalive: 25
      peers_mode: exact
      forwarding: {}
unknown_keys:
  description: The members of whom no public key is known yet.
  returned: success
  type: list
  elements: str
  sample: []
affected:
  description:
    - The hosts of O(affected_by), and those whose plan is another with them than without. Hosts of whom no key is known
      are left out, as they have not been set up yet.
    - In a network that could not be without them, all hosts are affected.
  returned: with O(affected_by)
  type: list
  elements: str
  sample: [hub1, laptop]
outside:
  description: The hosts of the play that are in no network.
  returned: success
  type: list
  elements: str
  sample: []
"""
