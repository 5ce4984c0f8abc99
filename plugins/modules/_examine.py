#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: _examine
short_description: Examine WireGuard interfaces whose tunnels may not carry traffic
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the playbook C(doctor), and private to this collection.
  - Reads what runs, and what the host does with packets for each peer. For some seconds it sends pings into the
    tunnels, and watches which of WireGuard's own packets leave and arrive. Nothing on the host is changed.
  - The capture sees UDP packets of the interface's port only, and of these the headers and the next eight bytes.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  interfaces:
    description: What to examine, one entry for each interface.
    type: list
    elements: dict
    required: true
    suboptions:
      interface:
        description: The name of the interface.
        type: str
        required: true
      netns:
        description: The network namespace of the interface.
        type: str
      birth_netns:
        description: The network namespace of its sockets.
        type: str
      listen_port:
        description: The UDP port that it should have.
        type: int
      forwards:
        description: Whether the host should pass on packets between its peers.
        type: bool
        default: false
      nonce:
        description: A random text of this run. Hashes of preshared keys depend on it.
        type: str
        required: true
      peers:
        description: The peers to examine.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: The name of the peer.
            type: str
            required: true
          public_keys:
            description: The public key of the peer, and its next one while it changes.
            type: list
            elements: str
            required: true
          endpoint:
            description: Its endpoint, as configured.
            type: str
          addresses:
            description: Its addresses to ping.
            type: list
            elements: str
          prefixes:
            description: The prefixes that should be routed to it.
            type: list
            elements: str
  seconds:
    description: For how many seconds to send and watch packets, from V(1) to V(120).
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Examine an interface
  cryptokey.wireguard._examine:
    interfaces:
      - interface: wg0
        nonce: 0c24b6
        peers:
          - name: hub1
            public_keys: [zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=]
            endpoint: vpn.example.org:51820
            addresses: [10.8.0.1]
            prefixes: [10.8.0.0/24]
"""

RETURN = r"""
results:
  description: One entry for each interface, in order.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.examine import examine_all
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

PEER = {
    "name": {"type": "str", "required": True},
    "public_keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "endpoint": {"type": "str"},
    "addresses": {"type": "list", "elements": "str"},
    "prefixes": {"type": "list", "elements": "str"},
}
INTERFACE = {
    "interface": {"type": "str", "required": True},
    "netns": {"type": "str"},
    "birth_netns": {"type": "str"},
    "listen_port": {"type": "int"},
    "forwards": {"type": "bool", "default": False},
    "nonce": {"type": "str", "required": True},
    "peers": {"type": "list", "elements": "dict", "options": PEER, "required": True},
}
ARGUMENTS = {
    "interfaces": {"type": "list", "elements": "dict", "options": INTERFACE, "required": True},
    "seconds": {"type": "int", "default": 10},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        results = examine_all(module.params)
    except (InputError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, results=results)


if __name__ == "__main__":
    main()
