#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: keypair
short_description: Manage the key pair of a WireGuard interface
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Creates the file with the private key of an interface if it is missing, and returns the public key.
  - An existing key is kept. A new key is made on the managed node, and the private key never leaves it.
  - A key file is refused if it is a symbolic link, has another owner, can be read by other users, or contains anything
    but one key. The error message says what to do.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.options.private_key_file
attributes:
  check_mode:
    support: full
    details:
      - The public key of a key pair that would be made is not known, so RV(public_key) is not returned.
  diff_mode:
    support: none
    details:
      - The difference would be a secret.
options:
  interface:
    description:
      - The name of the WireGuard interface.
    type: str
    default: wg0
  private_key_file:
    description:
      - The file with the private key on the managed node.
      - If not given, it is C(/etc/wireguard/private/INTERFACE.key). That directory is kept at mode V(0700).
      - Another directory is created with mode V(0700) if it is missing. An existing one is not changed, because it can
        have other files, but it is refused if other users than its owner can write to it.
  state:
    description:
      - Whether the key should exist. V(absent) removes the file, whatever it contains, with the next and the old key
        beside it.
      - V(next) creates a next key beside the present one, in a file with C(.next) after its name. The playbook
        C(rotate) changes to it. While there is an old key of an earlier change, no next key is created.
      - V(settled) removes the old key that a change has left in a file with C(.old) after its name. After that, there
        is no way back to the old key.
    type: str
    choices: [present, next, settled, absent]
    default: present
notes:
  - Requires C(pynacl) on the managed node. The package is called C(python3-nacl), C(python3-pynacl), C(py3-pynacl) or
    C(python-pynacl).
  - Removing a key file does not change the running interface, which has a copy of the key.
seealso:
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.config
"""

EXAMPLES = r"""
- name: Create a key pair for wg0
  cryptokey.wireguard.keypair:
    interface: wg0
  register: keypair

- name: Show the public key
  ansible.builtin.debug:
    var: keypair.public_key

- name: Create the next key pair
  cryptokey.wireguard.keypair:
    interface: wg0
    state: next

- name: Remove the key files
  cryptokey.wireguard.keypair:
    interface: wg0
    state: absent
"""

RETURN = r"""
private_key_file:
  description: The file with the private key.
  returned: success
  type: str
  sample: /etc/wireguard/private/wg0.key
public_key:
  description: The public key in base64.
  returned: unless O(state=absent). In check mode only if the file exists and C(pynacl) is installed
  type: str
  sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
next_public_key:
  description: The public key of the next key pair.
  returned: if there is a next key pair
  type: str
  sample: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
old_public_key:
  description: The public key of the old key pair, from a change that is not settled.
  returned: if there is an old key pair
  type: str
  sample: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.keyfile import converge_key

ARGUMENTS = {
    "interface": {"type": "str", "default": "wg0"},
    "private_key_file": {"type": "path", "no_log": False},
    "state": {"type": "str", "choices": ["present", "next", "settled", "absent"], "default": "present"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        outcome = converge_key(module.params, module.check_mode)
    except (InputError, MissingLibrary, OSError) as error:
        module.fail_json(msg=str(error))
    if outcome.warning:
        module.warn(outcome.warning)
    result = {"changed": outcome.changed, "private_key_file": outcome.path}
    for name in ("public_key", "next_public_key", "old_public_key"):
        key = getattr(outcome, name)
        if key is not None:
            result[name] = str(key)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
