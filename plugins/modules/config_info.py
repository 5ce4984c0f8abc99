#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_info
short_description: What the files say that bring WireGuard interfaces up at boot
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Reads C(/etc/wireguard/INTERFACE.conf) of one or all interfaces as C(wg-quick) and C(wg) do.
  - A file that cannot be read so is refused with line, column and what to do about it.
  - Never returns a private or a preshared key. What looks like a key and is no peer's public key is shown as
    C((redacted)).
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.attributes.info
options:
  interfaces:
    description:
      - The interfaces whose files to read. One without a file is left out.
      - If not given, all files in C(/etc/wireguard) are read that are called after an interface.
    type: list
    elements: str
  manageable:
    description:
      - Whether a file that M(cryptokey.wireguard.config) would refuse is refused here already, which is one with
        C(SaveConfig = true).
    type: bool
    default: false
  skip_unreadable:
    description:
      - Whether a file that is refused is left out of RV(files) and returned in RV(unreadable), so that the others are
        read. Otherwise the module fails.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
notes:
  - Needs C(pynacl) on the managed node to tell public keys.
seealso:
  - module: cryptokey.wireguard.config
  - module: cryptokey.wireguard.interface_info
  - module: cryptokey.wireguard.adopt
"""

EXAMPLES = r"""
- name: Read all files
  cryptokey.wireguard.config_info:
  register: startup

- name: What is done when interfaces come up
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
      description: Its mode.
      type: str
      sample: "0600"
    public_key:
      description: The public key of its private key, null where it has none or C(pynacl) is missing.
      type: str
    listen_port:
      description: The UDP port, 0 where the file has none.
      type: int
      sample: 51820
    fwmark:
      description: The mark on the tunnel's own packets, 0 where the file has none.
      type: int
    mtu:
      description: The MTU in bytes, 0 where the file has none.
      type: int
    table:
      description: The routing table, V(auto) where the file has none.
      type: str
      sample: auto
    addresses:
      description: The addresses with their prefix lengths.
      type: list
      elements: str
      sample: [10.8.0.1/24]
    netns:
      description:
        - The network namespace into which lines that M(cryptokey.wireguard.config) has written move the interface, V(1)
          for the host's own, null where there are none.
      type: str
    save_config:
      description: Whether C(wg-quick) writes over the file when it stops.
      type: bool
    kept:
      description:
        - The C(DNS), C(PreUp), C(PostUp), C(PreDown) and C(PostDown) lines, word for word and in their order, which
          M(cryptokey.wireguard.config) keeps.
      type: list
      elements: str
      sample: ["PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"]
    comments:
      description: The comments, which M(cryptokey.wireguard.config) does not keep, in their order.
      type: list
      elements: str
      sample: ["# the first office"]
    peers:
      description: The peers in their order.
      type: list
      elements: dict
      contains:
        name:
          description: The name in its C(# friendly_name =) comment, null where there is none.
          type: str
          sample: phone
        public_key:
          description: The peer's public key.
          type: str
        has_preshared_key:
          description: Whether there is a preshared key.
          type: bool
        endpoint:
          description: Where it is looked for first, null where the file does not say.
          type: str
          sample: vpn.example.org:51820
        allowed_ips:
          description: The prefixes behind it, sorted.
          type: list
          elements: str
        persistent_keepalive:
          description: Seconds between keepalives, 0 for off.
          type: int
unreadable:
  description: The files that were refused, and why, with O(skip_unreadable).
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
      description: Where in it.
      type: str
      sample: /etc/wireguard/wg0.conf line 3 column 1
    value:
      description: The value that is refused, null where there is none or where it may be a key.
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

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.adopt import describe_files
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
