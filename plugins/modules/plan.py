#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Plan the WireGuard interfaces of all hosts from the inventory
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads the C(wireguard_*) variables of every member of every network in the inventory, and works out the desired
    interfaces of each host, one for each of its networks, as the options that M(cryptokey.wireguard.interface) and
    M(cryptokey.wireguard.config) take.
  - The members come from the inventory's groups, never from the hosts of this run, so that C(--limit) or an unreachable
    host take nobody's peers away.
  - What the inventory leaves open is settled. A member without addresses gets one of each family from the network's
    C(pools), a spoke or client without a hub gets a home hub. Both stay with it, as they are kept in the registry.
  - Public keys come from the registry and from the key pairs that this run made.
  - A bad inventory is refused before anything is touched, with all that is wrong in it. So is what a host would refuse
    of its options.
  - Variables named C(wireguard_*) that are not this collection's are named in a warning, and refused where they are
    almost the name of one that is. C(wireguard_ignored_variables) lists those of other roles.
  - It runs on the controller, once for the whole play, and contacts no host.
options:
  keypairs:
    description:
      - The name of the variable in which each host's result of M(cryptokey.wireguard.keypair) is registered.
      - A host that is in several networks makes its key pairs in a loop, over items that have the name of a network in
        C(network), as the plan's own entries of the host have.
      - With it, what has been settled is recorded, the public keys among it. Members that the inventory no longer names
        are dropped from the registry, their addresses begin to rest, and their keys are recorded as former ones.
      - A key that differs from the recorded one is not taken, nor is a former key, unless
        C(wireguard_accept_changed_keys) says so.
      - If neither this nor O(public_keys) is given, the registry is only read.
    type: str
  without:
    description:
      - The names of hosts that are leaving. It is planned as if the inventory did not name them.
      - A network that could not be without them, such as one whose only hub it is, is refused.
    type: list
    elements: str
    default: []
  affected_by:
    description:
      - The names of hosts that come or leave. C(affected) then says whom that concerns.
    type: list
    elements: str
    default: []
  public_keys:
    description:
      - Public keys to record that were found otherwise, such as those made for clients. It maps the name of a network
        to the names of its members, and each to its public key.
    type: dict
  accept_changed_keys:
    description:
      - Members whose public key is recorded also where it is another than the registry has, or a former one, as a
        dictionary from the network's name to a list of names. For hosts, the variable C(wireguard_accept_changed_keys)
        does the same, and for clients if all hosts of their network have it, as with C(-e).
    type: dict
    default: {}
  assume_keys:
    description:
      - Plans as if the public keys of all members were known, to look at before the first run. In the place of one that
        is not stands a text in parentheses. C(unknown_keys) still has those of whom none is known.
    type: bool
    default: false
  spare_clients:
    description:
      - Whether a client whose own options are wrong is named in C(refused_clients), instead of failing the task. It
        stays a member of its network.
    type: bool
    default: false
  rotating:
    description:
      - Whether the C(next_public_key) that a host reports is recorded, so that its peers learn it. When the host
        reports it as its C(public_key) later, it is taken without being asked for.
      - A recorded one is forgotten as soon as its host does not report it any more.
    type: bool
    default: false
  older_than:
    description:
      - A number of days. C(old_keys) then has the hosts whose key has been in use for more than that.
    type: int
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  check_mode:
    details:
      - The registry is not written. On a first run the keys of new hosts are not known,
        and a warning names those hosts. The addresses are those that the real run then records.
  diff_mode:
    support: full
notes:
  - Give the task C(run_once=true), with which its result is registered for all hosts. The C(free) strategy cannot run
    it.
  - C(wireguard_networks), C(wireguard_registry), C(wireguard_registry_cache) and C(wireguard_registry_read_only) are
    for all hosts. Hosts that define them differently are refused.
  - Variables are read as C(hostvars) has them, that is from inventory, facts and the command line. Of a play's or
    role's own C(vars) only C(wireguard_networks) is seen.
  - The variables are described with the role C(cryptokey.wireguard.network).
  - The registry is one YAML file per network in the directory that C(wireguard_registry) names, by default
    C(wireguard_registry) next to the inventory. If the inventory has several directories, it is the one that has the
    file. With C(wireguard_registry_cache) it is a value per network in the cache plugin of that name. It holds no
    secret. With C(wireguard_registry_read_only) it is not written.
seealso:
  - module: cryptokey.wireguard.keypair
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.config
"""

EXAMPLES = r"""
- name: Look at the networks of each host
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: See to it that every host has a key pair for each of its networks
  cryptokey.wireguard.keypair:
    interface: "{{ item.interface }}"
  loop: "{{ network_plan.hosts[inventory_hostname] }}"
  loop_control:
    label: "{{ item.interface }}"
  register: network_keypairs

- name: Plan the networks, and record keys and addresses
  cryptokey.wireguard.plan:
    keypairs: network_keypairs
  run_once: true
  register: network_plan

- name: Show the plan for this host
  ansible.builtin.debug:
    var: network_plan.hosts[inventory_hostname]

- name: Record a key that was made on a phone
  cryptokey.wireguard.plan:
    public_keys:
      home:
        phone: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
  run_once: true
"""

RETURN = r"""
hosts:
  description:
    - The plan of each host, by its inventory name. It is a list with an entry for each network that the host is in,
      sorted by the interface.
    - An entry has the name of its C(network), the options C(interface), C(addresses), C(peers) and C(peers_mode), and
      C(listen_port), C(fwmark), C(mtu), C(table), C(dns), C(dns_search), C(alias), C(endpoint_policy), C(keep_routes),
      C(netns), C(birth_netns), C(confirm) and C(confirm_timeout) where the inventory gives them. C(peers_mode) is
      V(merge) where the key of a peer is not known yet. Then C(absent_peers) has the former keys.
    - C(reresolve) is there where the names of dead peers are to be resolved anew, every so many seconds.
    - C(forwarding) has V(true) for each family, V(ipv4) or V(ipv6), whose packets the host has to forward.
    - A peer has C(next_public_key) while it is about to change its key.
    - There are no preshared keys in it.
  returned: success
  type: dict
  sample:
    spoke1:
      - network: home
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
interfaces:
  description:
    - The names in the plan of each host, in its order, by its inventory name. Where a task loops over them, what it
      registers stays small, as that has a copy of each item.
    - C(public_key) is the key that the host's peers know, and C(next_public_key) the one that it is about to change to.
      Each is left out where there is none.
  returned: success
  type: dict
  sample:
    spoke1:
      - network: home
        interface: wg0
        public_key: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=
clients:
  description:
    - The plan of each client, by the name of its network and its own.
    - It has C(public_key), which may be null, C(interface), C(addresses), C(peers), C(expired) and, where they are
      given, C(dns), C(dns_search), C(mtu) and C(valid_until). A client that has expired has no peers and is nobody's
      peer.
  returned: success
  type: dict
  sample:
    home:
      phone:
        public_key: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=
        interface: wg0
        addresses: [10.8.0.9/24]
        peers:
          - name: hub1
            public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
            endpoint: vpn.example.org:51820
            allowed_ips: [10.8.0.0/24]
            persistent_keepalive: 25
        expired: false
refused_clients:
  description:
    - What is wrong with single clients, by the name of the network and of the client. It is empty without
      O(spare_clients), since such an inventory is then refused.
  returned: success
  type: dict
  sample:
    home:
      phone: ["wireguard_networks.home.clients.phone.dns_search 'corp.example': there is no server to ask for it"]
unknown_keys:
  description: The members of whom no public key is known yet.
  returned: success
  type: list
  elements: str
  sample: []
refused:
  description:
    - The hosts whose answers are not used in this run, each with the reason, which also is a warning. Such a host
      reported something that is not a public key, or the key of another member, or it returned variables that only the
      operator sets as facts. The plan of all other hosts is not affected.
    - The role fails these hosts. A play of your own should do the same.
  returned: success
  type: dict
  sample: {}
affected:
  description:
    - The hosts of O(affected_by), and those whose plan is another with them than without. Hosts of whom no key is known
      are left out, as they have not been set up yet.
    - In a network that could not be without them, all hosts are affected.
  returned: with O(affected_by)
  type: list
  elements: str
  sample: [hub1, laptop]
old_keys:
  description:
    - The hosts of which a key is older than that, in any of their networks. The age of a key is known from the day on
      which it was reported first.
  returned: with O(older_than)
  type: list
  elements: str
  sample: [laptop]
batches:
  description:
    - The hosts of the play that are in a network, in batches in which they may be changed one after the other. In none
      are two hubs of a network, or two hubs at which the same host is at home, and each spoke is in one with a hub of
      its own where that is in the play.
  returned: success
  type: list
  elements: list
  sample: [[hub1, laptop], [hub2]]
hubs:
  description: The hubs of all networks.
  returned: success
  type: list
  elements: str
  sample: [hub1, hub2]
changed_keys:
  description:
    - The keys that this run has found to be others than the recorded ones, and that were not accepted. Peers keep the
      recorded ones.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description: The name of the member.
      type: str
    network:
      description: The name of the network.
      type: str
    recorded:
      description: The public key that the registry has.
      type: str
    found:
      description: The one that the host has now.
      type: str
    left:
      description: If it is a former key, the day on which it left the network, else empty.
      type: str
    owner:
      description: If it is a former key, the name of the member that had it, else empty.
      type: str
  sample: []
former_keys:
  description:
    - The keys that have left a network and that hosts may still have as peers.
    - M(cryptokey.wireguard.former_keys) removes the hosts from there that have removed the keys.
  returned: success
  type: list
  elements: dict
  contains:
    network:
      description: The name of the network.
      type: str
    name:
      description: The name of the member that had the key.
      type: str
    public_key:
      description: The key.
      type: str
    left:
      description: The day on which it left.
      type: str
    hosts:
      description: The hosts that may still have it.
      type: list
      elements: str
  sample: []
outside:
  description: The hosts of the play that are in no network.
  returned: success
  type: list
  elements: str
  sample: []
"""
