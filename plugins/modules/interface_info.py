#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: interface_info
short_description: The running state of WireGuard interfaces
version_added: 0.1.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads one or all WireGuard interfaces from the kernel over netlink, with all their peers.
  - Never returns a private or a preshared key.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.attributes.info
options:
  interface:
    description:
      - The interface to read. One that is not there gives an empty list.
      - If not given, all WireGuard interfaces are read.
    type: str
  netns:
    description:
      - The network namespace to look in, by its name as C(ip netns) has it. One that does not exist has no interfaces.
      - If not given, it is the host's own, that of the module's process.
    type: str
    version_added: 0.2.0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
notes:
  - Needs C(pyroute2) on the managed node, and root.
seealso:
  - module: cryptokey.wireguard.interface
"""

EXAMPLES = r"""
- name: Read one interface
  cryptokey.wireguard.interface_info:
    interface: wg0
  register: tunnel

- name: Peers that have never been heard of
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
      description: Its name.
      type: str
      sample: wg0
    netns:
      description:
        - The network namespace that it was looked for in, null for the host's own.
        - Where its UDP sockets are, the kernel does not tell.
      type: str
      version_added: 0.2.0
    up:
      description: Whether it is up.
      type: bool
    alias:
      description: The text about it for people, empty for none.
      type: str
      version_added: 0.2.0
    mtu:
      description: Its MTU in bytes.
      type: int
      sample: 1420
    public_key:
      description: Its public key, or null where it has no private one.
      type: str
    listen_port:
      description: The UDP port on which it listens, 0 while it has none.
      type: int
      sample: 51820
    fwmark:
      description: The mark on the packets that the tunnel itself sends, 0 for none.
      type: int
    addresses:
      description: Its addresses with their prefix lengths.
      type: list
      elements: str
      sample: [10.8.0.1/24]
    routes:
      description: The routes out of it but for the kernel's own and those of routing daemons.
      type: list
      elements: str
    rules:
      description:
        - The policy rules that go by its mark, such as those of a full tunnel, C(-4) or C(-6) being their family.
      type: list
      elements: str
      sample: ["-4 32764: not fwmark 0xca6c lookup 51820"]
      version_added: 0.2.0
    dns:
      description:
        - The name servers that systemd-resolved or resolvconf has for it. Null where they cannot be read, which is a
          warning.
      type: list
      elements: str
      version_added: 0.2.0
    dns_search:
      description:
        - The search domains that systemd-resolved or resolvconf has for it. Null as RV(interfaces[].dns).
      type: list
      elements: str
      version_added: 0.2.0
    peers:
      description: Its peers in the order in which they were added.
      type: list
      elements: dict
      contains:
        name:
          description:
            - What the peer is called in C(/etc/wireguard/INTERFACE.conf), where M(cryptokey.wireguard.config) writes
              the names down; null where that file does not know it.
          type: str
          sample: hub1
        public_key:
          description: The peer's public key.
          type: str
        has_preshared_key:
          description: Whether there is a preshared key.
          type: bool
        endpoint:
          description: Where its packets go now, configured or learned; null while that is not known.
          type: str
          sample: 203.0.113.7:40312
        allowed_ips:
          description: The prefixes behind it, sorted.
          type: list
          elements: str
        persistent_keepalive:
          description: Seconds between keepalives, 0 for off.
          type: int
        latest_handshake:
          description: When the last handshake was, in seconds since 1970; 0 for never.
          type: int
          sample: 1767225600
        latest_handshake_utc:
          description: The same as an ISO 8601 time in UTC; null for never.
          type: str
          sample: "2026-01-01T00:00:00Z"
        latest_handshake_age:
          description: How many seconds ago that was by the host's clock; null for never.
          type: int
        transfer_rx:
          description: Bytes received from it.
          type: int
        transfer_tx:
          description: Bytes sent to it.
          type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import read_running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary


def main() -> None:
    arguments = {"interface": {"type": "str"}, "netns": {"type": "str"}}
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    warnings: list[str] = []
    try:
        interfaces = read_running(module.params["interface"], module.params["netns"], warnings)
    except (InputError, MissingLibrary, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, interfaces=interfaces)


if __name__ == "__main__":
    main()
