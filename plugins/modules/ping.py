#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ping
short_description: Ping hosts through a WireGuard interface
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Sends pings through one interface to many targets at the same time, and returns which of them answered.
  - If a peer has no address to ping, its latest handshake is checked instead.
  - A target that does not answer is a result, not a failure. So is a target for which C(ping) does not end in time.
  - If C(ping) cannot send anything to some of the targets, these are not reachable. If it cannot send anything to any
    target, the module fails.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.attributes.info
  - cryptokey.wireguard.options.netns
options:
  interface:
    description:
      - The interface to send the packets through. If it or its namespace does not exist, no target is reachable.
    type: str
    required: true
  targets:
    description:
      - The targets to ping. P(cryptokey.wireguard.ping_targets#filter) makes this list from a plan.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The name of the target in the result.
        type: str
        required: true
      address:
        description:
          - An IPv4 or IPv6 address to ping. A prefix length after it is ignored.
          - Exactly one of O(targets[].address) and O(targets[].public_key) must be given.
        type: str
      public_key:
        description:
          - The public key of a peer of the interface. The peer is reachable if its latest handshake is at most 180
            seconds old, which is the longest time that a session can live.
          - If the handshake is older and the module is not in check mode, the kernel sends an empty packet to the peer,
            which starts a session. The module then waits for the handshake as long as O(count) pings with O(timeout)
            can take.
        type: str
  count:
    description:
      - The number of packets to send to each target, from V(1) to V(100). Five packets are sent a second.
    type: int
    default: 3
  timeout:
    description:
      - The number of seconds to wait for an answer, from V(1) to V(60).
    type: int
    default: 2
notes:
  - Requires the program C(ping) of iputils or busybox on the managed node, and root for targets with a public key.
seealso:
  - plugin: cryptokey.wireguard.ping_targets
    plugin_type: filter
  - module: cryptokey.wireguard.interface_info
"""

EXAMPLES = r"""
- name: Ping the hub until it answers
  cryptokey.wireguard.ping:
    interface: wg0
    targets:
      - name: hub
        address: 10.8.0.1
  register: ping
  until: ping.results | rejectattr('reachable') | length == 0
  retries: 5
  delay: 1
"""

RETURN = r"""
results:
  description: One entry for each target, in the order of O(targets).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the target.
      type: str
    address:
      description: The address, or null if the target has a RV(results[].public_key).
      type: str
    public_key:
      description: The public key.
      returned: for targets with a public key
      type: str
    reachable:
      description: Whether the target answered at least once, or its handshake is new enough.
      type: bool
    loss_percent:
      description: The percentage of packets that were not answered, or null if no ping was sent.
      type: float
    rtt_ms:
      description: The mean round-trip time in milliseconds, or null if there is none.
      type: float
    problem:
      description: Why nothing could be sent, or why C(ping) was ended. The target then counts as not reachable.
      returned: for targets for which C(ping) failed
      type: str
  sample:
    - name: hub
      address: 10.8.0.1
      reachable: true
      loss_percent: 0.0
      rtt_ms: 4.2
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.ping import PingError, send_pings
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary

TARGET = {"name": {"type": "str", "required": True}, "address": {"type": "str"}, "public_key": {"type": "str"}}
TARGETS = {
    "type": "list",
    "elements": "dict",
    "options": TARGET,
    "required": True,
    "required_one_of": [("address", "public_key")],
    "mutually_exclusive": [("address", "public_key")],
}
ARGUMENTS = {
    "interface": {"type": "str", "required": True},
    "netns": {"type": "str"},
    "targets": TARGETS,
    "count": {"type": "int", "default": 3},
    "timeout": {"type": "int", "default": 2},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        results = send_pings(module.params, module.get_bin_path("ping"), module.check_mode)
    except (InputError, MissingLibrary, PingError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, results=results)


if __name__ == "__main__":
    main()
