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
  - Reads the C(wireguard_*) variables of every member of every network in the inventory. Returns the interfaces that
    each host should have, one for each of its networks, as the options of M(cryptokey.wireguard.interface) and
    M(cryptokey.wireguard.config).
  - The members come from the inventory's groups, never from the hosts of this run. C(--limit) or an unreachable host
    therefore removes no peers.
  - A member without addresses gets one of each family from the network's C(pools). A spoke or client without a hub gets
    a home hub. The member keeps both when M(cryptokey.wireguard.registry) has recorded them.
  - Public keys come from the registry. This module only reads it.
  - An invalid inventory is refused with all its problems at once. Options that a host would refuse are invalid too.
  - A warning names C(wireguard_*) variables that this collection does not know. They are refused if the name is almost
    that of a known one. List the variables of other roles in C(wireguard_ignored_variables).
  - The module runs on the controller, once for the whole play, and connects to no host.
options:
  without:
    description:
      - The names of hosts that are leaving. The networks are planned as if the inventory did not name them.
      - A network that cannot continue without them, such as one whose only hub leaves, is refused.
    type: list
    elements: str
    default: []
  affected_by:
    description: The names of hosts that join or leave. RV(affected) lists the hosts whose plan changes with them.
    type: list
    elements: str
    default: []
  assume_keys:
    description:
      - Whether to plan as if the public keys of all members were known. Use it to show the plan before the first run.
        Each unknown key is then a text in parentheses. RV(unknown_keys) still lists the members without a known key.
    type: bool
    default: false
  older_than:
    description: A number of days. RV(old_keys) lists the hosts whose key has been in use for longer.
    type: int
  spare_clients:
    description:
      - Whether to return clients with invalid options in RV(refused_clients). They stay members of their networks. If
        V(false), the task fails.
    type: bool
    default: false
  tests:
    description:
      - Whether to run the tests of the networks' policies. A test that fails refuses the plan.
      - Tests that name a host of O(without) are not run, and a path that is missing without it is only warned of.
    type: bool
    default: true
extends_documentation_fragment:
  - cryptokey.wireguard.attributes.controller
attributes:
  diff_mode:
    support: N/A
notes:
  - Set C(run_once=true) on the task. Its result is then registered for all hosts. The C(free) strategy cannot run it.
  - C(wireguard_networks), C(wireguard_registry), C(wireguard_registry_cache) and C(wireguard_registry_read_only) apply
    to all hosts. Hosts that define them differently are refused.
  - Variables are read from C(hostvars), which has those of inventory, facts and the command line. Of the C(vars) of a
    play or role, only C(wireguard_networks) is used.
  - The role C(cryptokey.wireguard.network) describes the variables.
seealso:
  - module: cryptokey.wireguard.registry
  - module: cryptokey.wireguard.keypair
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.config
  - plugin: cryptokey.wireguard.plan_table
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Show the plan for this host
  ansible.builtin.debug:
    var: network_plan.hosts[inventory_hostname]

- name: List the hosts whose plan changes when laptop leaves
  cryptokey.wireguard.plan:
    affected_by: laptop
  run_once: true
  register: network_comparison
"""

RETURN = r"""
hosts:
  description:
    - The plan of each host, by its inventory name. It is a list with an entry for each network of the host, sorted by
      the name of the interface.
  returned: success
  type: dict
  contains:
    HOST:
      description: The entries of one host.
      type: list
      elements: dict
      contains:
        network:
          description: The name of the network.
          type: str
        options:
          description:
            - The options for both M(cryptokey.wireguard.interface) and M(cryptokey.wireguard.config). Pass all of them.
              Add C(nftables) with P(cryptokey.wireguard.with_rules#filter).
              V(interface), V(addresses), V(peers) and V(peers_mode) always exist, the others if the inventory has them.
            - V(peers_mode) is V(merge) while the key of a peer is not known. V(absent_peers) then has the former keys.
            - A peer has V(next_public_key) while it is about to change its key. Preshared keys are not included.
          type: dict
        interface_options:
          description: Additional options for M(cryptokey.wireguard.interface), if the inventory has them.
          type: dict
        public_key:
          description: The key that the host's peers use. Left out if no key is known.
          type: str
        next_public_key:
          description: The key that the host is about to change to. Left out if there is none.
          type: str
        forwarding:
          description: V(true) for each address family, V(ipv4) or V(ipv6), that the host must forward.
          type: dict
        rules:
          description:
            - The host's part of the firewall rules, for P(cryptokey.wireguard.with_rules#filter). Left out if the
              interface needs no rules.
          type: dict
        silent:
          description:
            - The addresses of peers that do not answer a ping from this host, because the access rules do not allow it.
              The tunnels to them are tested by their handshakes. Left out if there are none.
          type: list
          elements: str
        reresolve:
          description: The number of seconds between two lookups of the names of dead peers, if this is enabled.
          type: int
        metrics:
          description:
            - The settings of the host's metrics, if they are enabled. V(directory) and V(interval) are those of
              C(wireguard_metrics_directory) and C(wireguard_metrics_interval). V(clients) has the time at which each
              client expires, in seconds since 1970.
          type: dict
  sample:
    spoke1:
      - network: home
        options:
          interface: wg0
          addresses: [10.8.0.2/24]
          peers:
            - name: hub1
              public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
              endpoint: vpn.example.org:51820
              allowed_ips: [10.8.0.0/24]
              persistent_keepalive: 25
          peers_mode: exact
        interface_options: {}
        public_key: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=
        forwarding: {}
networks:
  description: The networks by name.
  returned: success
  type: dict
  contains:
    NETWORK:
      description: One network.
      type: dict
      contains:
        topology:
          description: The topology of the network.
          type: str
        prefixes:
          description: The prefixes of the network.
          type: list
          elements: str
  sample: {home: {topology: hub_and_spoke, prefixes: [10.8.0.0/24]}}
interfaces:
  description:
    - The names in the plan of each host, in the same order, by its inventory name. Loop over them instead of RV(hosts)
      if the task registers a result, because the result has a copy of each item.
  returned: success
  type: dict
  contains:
    HOST:
      description: The interfaces of one host.
      type: list
      elements: dict
      contains:
        network:
          description: The name of the network.
          type: str
        interface:
          description: The name of the interface.
          type: str
        public_key:
          description: The key that the host's peers use. Left out if no key is known.
          type: str
        next_public_key:
          description: The key that the host is about to change to. Left out if there is none.
          type: str
  sample:
    spoke1:
      - network: home
        interface: wg0
        public_key: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=
rules:
  description:
    - The parts of the firewall rules that hosts share, by the name of the network. Networks without rules are left out.
      P(cryptokey.wireguard.with_rules#filter) combines them with the entries in RV(hosts).
  returned: success
  type: dict
  sample: {}
clients:
  description: The plan of each client, by the name of its network and the name of the client.
  returned: success
  type: dict
  contains:
    NETWORK:
      description: The clients of one network, by name.
      type: dict
      contains:
        CLIENT:
          description: The plan of one client.
          type: dict
          contains:
            public_key:
              description: Its public key, or null if it is not known.
              type: str
            interface:
              description: The name of the network's interface.
              type: str
            addresses:
              description: Its addresses with their prefix lengths.
              type: list
              elements: str
            peers:
              description: Its peers. Empty if the client has expired.
              type: list
              elements: dict
            expired:
              description: Whether the client is past its C(valid_until). It is then a peer of no host.
              type: bool
            valid_until:
              description: Its last day, if the inventory has one.
              type: str
            dns:
              description: Its name servers, if the inventory has them.
              type: list
              elements: str
            dns_search:
              description: Its search domains, if the inventory has them.
              type: list
              elements: str
            mtu:
              description: Its MTU, if the inventory has one.
              type: int
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
    - The problems of single clients. Always empty without O(spare_clients), because such an inventory is then refused.
  returned: success
  type: dict
  contains:
    NETWORK:
      description: The clients of one network with problems.
      type: dict
      contains:
        CLIENT:
          description: The problems of the client.
          type: list
          elements: str
  sample:
    home:
      phone: ["wireguard_networks.home.clients.phone.dns_search 'corp.example': there is no server to ask for it"]
registry:
  description: Whether M(cryptokey.wireguard.registry) should be run.
  returned: success
  type: dict
  contains:
    outdated:
      description: Whether the inventory has changes that are not recorded, such as a new address.
      type: bool
    dates:
      description: Whether the days on which hosts were seen are old. They are recorded with the next public keys.
      type: bool
unknown_keys:
  description: The members whose public key is not known yet.
  returned: success
  type: list
  elements: str
  sample: []
refused:
  description:
    - The hosts whose reports are ignored in this run. The reason also is a warning. Such a host reported something that
      is not a public key, or the key of another member, or it returned variables that only the operator sets as facts.
      The plan of all other hosts is not affected.
    - The role fails these hosts. A play of your own should do the same.
  returned: success
  type: dict
  contains:
    HOST:
      description: The reason.
      type: str
  sample: {}
affected:
  description:
    - The hosts of O(affected_by), and those whose plan differs without them. Hosts without a known key are left out,
      because they are not set up yet.
    - In a network that cannot continue without them, all hosts are affected.
  returned: with O(affected_by)
  type: list
  elements: str
  sample: [hub1, laptop]
old_keys:
  description:
    - The hosts that have a key older than O(older_than) in any of their networks. The age of a key is counted from the
      day on which it was reported first.
  returned: with O(older_than)
  type: list
  elements: str
  sample: [laptop]
batches:
  description:
    - The hosts of the play that are in a network, in batches to change one after the other. A batch never has two hubs
      of a network, or two home hubs of the same host. Each spoke is in a batch with one of its home hubs, if the hub is
      in the play.
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
    - The reported keys that differ from the recorded ones and were not accepted. Peers keep the recorded ones.
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
      description: The public key that the host has now.
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
    - C(site) and the role remove a host from the list when it has removed the key.
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
