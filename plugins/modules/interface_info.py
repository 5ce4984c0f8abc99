#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: interface_info
short_description: Read the running state of WireGuard interfaces
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads WireGuard interfaces from the kernel over netlink, with all their peers.
  - Private and preshared keys are never returned.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.attributes.info
  - cryptokey.wireguard.options.netns
options:
  interfaces:
    description:
      - The names of the interfaces to read. Interfaces that do not exist are left out.
      - If not given, all WireGuard interfaces are read.
    type: list
    elements: str
  netns:
    description:
      - The network namespace of the interfaces, by its name as C(ip netns) shows it. If it does not exist, no interface
        is returned.
      - If not given, it is the namespace of the module's process.
notes:
  - Requires C(pyroute2) on the managed node, and root.
seealso:
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.config_info
"""

EXAMPLES = r"""
- name: Read one interface
  cryptokey.wireguard.interface_info:
    interfaces: [wg0]
  register: tunnel

- name: Show the peers that never completed a handshake
  ansible.builtin.debug:
    msg: "{{ tunnel.interfaces[0].peers | selectattr('latest_handshake', 'eq', 0) | map(attribute='name') }}"
"""

RETURN = r"""
interfaces:
  description: The interfaces, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    interface:
      description: The name of the interface.
      type: str
      sample: wg0
    netns:
      description:
        - The network namespace that was read, or null for that of the module's process.
        - The kernel does not show which namespace has the UDP sockets of the interface.
      type: str
    up:
      description: Whether the interface is up.
      type: bool
    alias:
      description: The alias of the interface. Empty if there is none.
      type: str
    mtu:
      description: The MTU in bytes.
      type: int
      sample: 1420
    public_key:
      description: The public key, or null if the interface has no private key.
      type: str
    listen_port:
      description: The UDP port that the interface listens on. 0 if there is none.
      type: int
      sample: 51820
    fwmark:
      description: The mark of the packets that the tunnel itself sends. 0 if there is none.
      type: int
    addresses:
      description: The addresses with their prefix lengths.
      type: list
      elements: str
      sample: [10.8.0.1/24]
    routes:
      description: The routes of the interface, without those of the kernel and of routing daemons.
      type: list
      elements: str
    rules:
      description:
        - The policy rules that use the mark, such as those of a full tunnel. C(-4) and C(-6) are the address families.
      type: list
      elements: str
      sample: ["-4 32764: not fwmark 0xca6c lookup 51820"]
    dns:
      description:
        - The name servers of the interface in systemd-resolved or resolvconf.
        - Null with a warning if they cannot be read.
      type: list
      elements: str
    dns_search:
      description:
        - The search domains of the interface in systemd-resolved or resolvconf.
        - Null like RV(interfaces[].dns) if they cannot be read.
      type: list
      elements: str
    peers:
      description: The peers, in the order in which they were added.
      type: list
      elements: dict
      contains:
        name:
          description:
            - The name of the peer in C(/etc/wireguard/INTERFACE.conf), where M(cryptokey.wireguard.config) writes it.
              It is null if that file has no name for the peer.
          type: str
          sample: hub1
        public_key:
          description: The public key.
          type: str
        has_preshared_key:
          description: Whether there is a preshared key.
          type: bool
        endpoint:
          description: The present endpoint, configured or learned. It is null if the endpoint is not known.
          type: str
          sample: 203.0.113.7:40312
        allowed_ips:
          description: The allowed IPs, sorted.
          type: list
          elements: str
        persistent_keepalive:
          description: The number of seconds between keepalives. 0 if they are off.
          type: int
        latest_handshake:
          description: When the latest handshake was, in seconds since 1970. 0 if there was none.
          type: int
          sample: 1767225600
        latest_handshake_utc:
          description: The same as an ISO 8601 time in UTC, or null if there was none.
          type: str
          sample: "2026-01-01T00:00:00Z"
        latest_handshake_age:
          description:
            - The number of seconds since the latest handshake by the clock of the host, or null if there was none.
          type: int
        transfer_rx:
          description: The number of bytes received from the peer.
          type: int
        transfer_tx:
          description: The number of bytes sent to the peer.
          type: int
versions:
  description:
    - The versions of the software on the host. C(pyroute2) and C(wireguard-tools) are left out if they are not known.
  returned: success
  type: dict
  sample: {kernel: 6.1.0-28-cloud-amd64, pyroute2: 0.7.2, python: 3.11.2, wireguard-tools: 1.0.20210914}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface_info import read_running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.versions import read_versions
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary


def main() -> None:
    arguments = {"interfaces": {"type": "list", "elements": "str"}, "netns": {"type": "str"}}
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    warnings: list[str] = []
    try:
        interfaces = read_running(module.params["interfaces"], module.params["netns"], warnings)
    except (InputError, MissingLibrary, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, interfaces=interfaces, versions=read_versions())


if __name__ == "__main__":
    main()
