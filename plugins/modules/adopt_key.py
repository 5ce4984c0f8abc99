#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: adopt_key
short_description: Put the private key that an interface has into its key file
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Takes the private key of an interface that was set up by other means from the running interface, or where it does
    not run, from C(/etc/wireguard/INTERFACE.conf).
  - It is written to the file where M(cryptokey.wireguard.keypair) has it, with mode V(0600).
  - The key never leaves the managed node. The public key is returned.
  - A running interface and a file with different keys are refused, and so is a key file that is there and has another
    key.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - There is nothing to show but a secret.
options:
  interface:
    description: The name of the interface.
    type: str
    required: true
notes:
  - Needs C(pynacl) and C(pyroute2) on the managed node, and root.
seealso:
  - module: cryptokey.wireguard.keypair
  - module: cryptokey.wireguard.adopt
"""

EXAMPLES = r"""
- name: Keep the key that wg0 has
  cryptokey.wireguard.adopt_key:
    interface: wg0
"""

RETURN = r"""
public_key:
  description: The public key.
  returned: success
  type: str
  sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
path:
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
    module.exit_json(changed=outcome.changed, path=outcome.path, public_key=str(outcome.public_key))


if __name__ == "__main__":
    main()
