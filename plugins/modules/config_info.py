#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_info
short_description: Read wg-quick configuration files
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads C(/etc/wireguard/INTERFACE.conf) of one or more interfaces in the same way as C(wg-quick) and C(wg).
  - A file that cannot be read is refused. The error message has the line, the column and what to do.
  - Private and preshared keys are never returned. A text that looks like a key but is not the public key of a peer is
    shown as C((redacted)).
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.attributes.info
options:
  interfaces:
    description:
      - The names of the interfaces whose files to read. Interfaces without a file are left out.
      - If not given, all files in C(/etc/wireguard) that have the name of an interface are read.
    type: list
    elements: str
  manageable:
    description:
      - Whether to refuse files that M(cryptokey.wireguard.config) would refuse. These are files with
        C(SaveConfig = true).
    type: bool
    default: false
  skip_unreadable:
    description:
      - Whether to return files that are refused in RV(unreadable). If V(false), the module fails.
    type: bool
    default: false
notes:
  - Requires C(pynacl) on the managed node to return the public keys of interfaces.
seealso:
  - module: cryptokey.wireguard.config
  - module: cryptokey.wireguard.interface_info
"""

EXAMPLES = r"""
- name: Read all files
  cryptokey.wireguard.config_info:
  register: startup

- name: Show the commands that run when interfaces are brought up
  ansible.builtin.debug:
    msg: "{{ startup.files | map(attribute='kept') | flatten | select('match', '(?i)postup') }}"
"""

RETURN = r"""
files:
  description: The files, sorted by the names of their interfaces.
  returned: success
  type: list
  elements: dict
  contains:
    interface:
      description: The name of the interface.
      type: str
      sample: wg0
    path:
      description: The file.
      type: str
      sample: /etc/wireguard/wg0.conf
    mode:
      description: The mode of the file.
      type: str
      sample: "0600"
    public_key:
      description: The public key of the interface, or null if the file has no private key or C(pynacl) is missing.
      type: str
    listen_port:
      description: The UDP port. 0 if the file has none.
      type: int
      sample: 51820
    fwmark:
      description: The mark of the packets that the tunnel itself sends. 0 if the file has none.
      type: int
    mtu:
      description: The MTU in bytes. 0 if the file has none.
      type: int
    table:
      description: The routing table. V(auto) if the file has none.
      type: str
      sample: auto
    addresses:
      description: The addresses with their prefix lengths.
      type: list
      elements: str
      sample: [10.8.0.1/24]
    netns:
      description:
        - The network namespace that the lines of M(cryptokey.wireguard.config) move the interface to. V(1) is the
          namespace of the host. It is null if there are no such lines.
      type: str
    save_config:
      description: Whether C(wg-quick down) overwrites the file.
      type: bool
    kept:
      description:
        - The C(DNS), C(PreUp), C(PostUp), C(PreDown) and C(PostDown) lines in their order.
          M(cryptokey.wireguard.config) keeps them unchanged.
      type: list
      elements: str
      sample: ["PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"]
    comments:
      description: The comments in their order. M(cryptokey.wireguard.config) removes them.
      type: list
      elements: str
      sample: ["# the first office"]
    peers:
      description: The peers, in the order of the file.
      type: list
      elements: dict
      contains:
        name:
          description: The name in the C(# friendly_name =) comment, or null if there is none.
          type: str
          sample: phone
        public_key:
          description: The public key.
          type: str
        has_preshared_key:
          description: Whether there is a preshared key.
          type: bool
        endpoint:
          description: The initial endpoint, or null if the file has none.
          type: str
          sample: vpn.example.org:51820
        allowed_ips:
          description: The allowed IPs, sorted.
          type: list
          elements: str
        persistent_keepalive:
          description: The number of seconds between keepalives. 0 if they are off.
          type: int
unreadable:
  description: The files that were refused, with O(skip_unreadable).
  returned: success
  type: list
  elements: dict
  contains:
    interface:
      description: The name of the interface.
      type: str
    path:
      description: The file.
      type: str
    place:
      description: The line and column in the file.
      type: str
      sample: /etc/wireguard/wg0.conf line 3 column 1
    value:
      description: The value that is refused, or null if there is none or it may be a key.
      type: str
    problem:
      description: What is wrong.
      type: str
    remedy:
      description: What to do.
      type: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config_info import describe_files
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

ARGUMENTS = {
    "interfaces": {"type": "list", "elements": "str"},
    "manageable": {"type": "bool", "default": False},
    "skip_unreadable": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    unreadable: list[dict[str, Any]] = []
    skipped = unreadable if module.params["skip_unreadable"] else None
    try:
        files = describe_files(module.params["interfaces"], module.params["manageable"], unreadable=skipped)
    except (InputError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, files=files, unreadable=unreadable)


if __name__ == "__main__":
    main()
