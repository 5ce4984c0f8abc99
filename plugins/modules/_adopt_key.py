#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: _adopt_key
short_description: Copy the private key of an existing interface to its key file
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the playbook C(adopt), and private to this collection.
  - Reads the private key of an interface from the running interface or, if it does not run, from
    C(/etc/wireguard/INTERFACE.conf).
  - Writes it to the key file of M(cryptokey.wireguard.keypair), with mode V(0600).
  - The key never leaves the managed node. The public key is returned.
  - If the running interface and its configuration file have different keys, the module fails. It also fails if the key
    file exists and has another key.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The difference would be a secret.
options:
  interface:
    description:
      - The name of the interface.
    type: str
    required: true
notes:
  - Requires C(pynacl) and C(pyroute2) on the managed node, and root.
"""

EXAMPLES = r"""
- name: Copy the private key of wg0 to its key file
  cryptokey.wireguard._adopt_key:
    interface: wg0
"""

RETURN = r"""
public_key:
  description: The public key.
  returned: success
  type: str
  sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
private_key_file:
  description: The file with the private key.
  returned: success
  type: str
  sample: /etc/wireguard/private/wg0.key
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.adopt import adopt_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary


def main() -> None:
    module = AnsibleModule(argument_spec={"interface": {"type": "str", "required": True}}, supports_check_mode=True)
    try:
        outcome = adopt_key(module.params, module.check_mode)
    except (InputError, MissingLibrary, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=outcome.changed, private_key_file=outcome.path, public_key=str(outcome.public_key))


if __name__ == "__main__":
    main()
