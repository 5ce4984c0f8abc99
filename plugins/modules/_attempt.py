#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: _attempt
short_description: Try to reach addresses with real packets
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the playbook C(access), and private to this collection.
  - Connects by TCP, sends an empty UDP datagram, or pings, and tells whether the destination was reached. Nothing on
    the host is changed.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  attempts:
    description: What to try.
    type: list
    elements: dict
    required: true
    suboptions:
      protocol:
        description: The number of the protocol. Other than ICMP, TCP and UDP cannot be tried.
        type: int
        required: true
      source:
        description: The host's address to send from.
        type: str
        required: true
      address:
        description: The destination.
        type: str
        required: true
      port:
        description: The destination port, 0 where the protocol has none.
        type: int
        default: 0
  netns:
    description: The network namespace to send from.
    type: str
  timeout:
    description: How many seconds an answer may take.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Try to reach a web server
  cryptokey.wireguard._attempt:
    attempts:
      - protocol: 6
        source: 10.8.0.2
        address: 10.8.0.3
        port: 443
"""

RETURN = r"""
results:
  description: One entry for each attempt, in order.
  returned: success
  type: list
  elements: dict
  contains:
    outcome:
      description:
        - V(reached) if there was an answer, which can be a refusal. V(not reached) if there was none, or a host on the
          way refused to pass it on. V(unknown) if this cannot be told, such as after silence by UDP.
      type: str
    why:
      description: What happened.
      type: str
  sample:
    - outcome: reached
      why: connected
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.attempt import try_all
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

ATTEMPT = {
    "protocol": {"type": "int", "required": True},
    "source": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 0},
}
ARGUMENTS = {
    "attempts": {"type": "list", "elements": "dict", "options": ATTEMPT, "required": True},
    "netns": {"type": "str"},
    "timeout": {"type": "int", "default": 3},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        results = try_all(module.params, module.get_bin_path("ping"))
    except (InputError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, results=results)


if __name__ == "__main__":
    main()
