#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: keypair
short_description: Make sure that a WireGuard interface has a key pair
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Makes sure that the file with an interface's private key exists, and returns the public key.
  - A key that is there is kept. A new one is made on the managed node, and the private key never leaves it.
  - A key file is refused, with what to do about it, when it is a symbolic link, has another owner, can be read by
    others than its owner, or has anything but one key in it.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
    details:
      - The public key of a file that is still to be made is not known, so C(public_key) is not returned then.
  diff_mode:
    support: none
    details:
      - There is nothing to show but a secret.
options:
  interface:
    description:
      - The name of the WireGuard interface that the key is for.
    type: str
    default: wg0
  path:
    description:
      - The file that has the private key.
      - If not given, it is C(/etc/wireguard/private/INTERFACE.key). That directory is kept at mode V(0700).
      - Another directory is made with mode V(0700) when it is missing. One that is there is left as it is, since it may
        hold other things, but refused when others than its owner can write to it.
    type: path
  state:
    description:
      - Whether there shall be a key. V(absent) removes the file, whatever is in it, and those beside it.
      - With V(next) there is a next key beside it, in the file with C(.next) after its name, to which
        M(cryptokey.wireguard.rekey) changes. As long as there is an old key of an earlier change, none is made.
      - With V(settled) there is no old key any more, which that module keeps in the file with C(.old) after its name.
        It is unlinked, and there is nothing left to go back to.
    type: str
    choices: [present, next, settled, absent]
    default: present
notes:
  - Needs C(pynacl) on the managed node, which distributions call C(python3-nacl), C(python3-pynacl), C(py3-pynacl) or
    C(python-pynacl).
  - Removing a key does not touch the running interface, which keeps its copy.
seealso:
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.config
  - module: cryptokey.wireguard.rekey
"""

EXAMPLES = r"""
- name: A key pair for wg0
  cryptokey.wireguard.keypair:
    interface: wg0
  register: keypair

- name: Its public half
  ansible.builtin.debug:
    var: keypair.public_key

- name: Another key pair beside it, to change to
  cryptokey.wireguard.keypair:
    interface: wg0
    state: next

- name: No key
  cryptokey.wireguard.keypair:
    interface: wg0
    state: absent
"""

RETURN = r"""
path:
  description: The file that has the private key.
  returned: always
  type: str
  sample: /etc/wireguard/private/wg0.key
public_key:
  description: The public key in base64.
  returned: unless O(state=absent), but in check mode only when the file is there and C(pynacl) too
  type: str
  sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
next_public_key:
  description: The public key of the next key pair.
  returned: when there is one
  type: str
  sample: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
old_public_key:
  description: The public key of the key pair from which the host has changed, where that has not been settled.
  returned: when there is one
  type: str
  sample: e9lgtTDPpI7V/QjRyZBb0FXy7QCzO7bFyBY23jlVPTY=
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.keyfile import converge_key

ARGUMENTS = {
    "interface": {"type": "str", "default": "wg0"},
    "path": {"type": "path"},
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
    result = {"changed": outcome.changed, "path": outcome.path}
    for name in ("public_key", "next_public_key", "old_public_key"):
        key = getattr(outcome, name)
        if key is not None:
            result[name] = str(key)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
