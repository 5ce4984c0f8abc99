#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: probe
short_description: Ping through a WireGuard interface
version_added: 0.1.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Sends pings through one interface to many targets at a time, and returns what came back.
  - A peer that cannot be pinged, as it has no address, can be judged by its handshake instead.
  - A target that does not answer is a result, not a failure. So is one for which C(ping) does not end in time.
  - Where C(ping) cannot send anything to some of the targets, they are not reachable. Where it cannot send anything to
    any target, the module fails.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.attributes.info
options:
  interface:
    description:
      - The interface that the packets leave by. Where there is none, nothing is reachable.
    type: str
    required: true
  netns:
    description:
      - The network namespace in which the interface is, by its name. In one that does not exist nothing is reachable.
      - If not given, it is the host's own.
    type: str
    version_added: 0.2.0
  targets:
    description:
      - Whom to ping.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - What to call the target in the result.
        type: str
        required: true
      address:
        description:
          - An IPv4 or IPv6 address to ping. A prefix length after it is ignored.
          - One of O(targets[].address) and O(targets[].public_key) is required, and not both.
        type: str
      public_key:
        description:
          - The public key of a peer of the interface, which is judged by its handshake. It is reachable if the latest
            handshake is no older than a session can live, which is 180 seconds.
          - Where it is older, and not in check mode, the kernel sends the peer an empty packet, which begins a session.
            The module then waits for the handshake for as long as O(count) pings with O(timeout) may take.
        type: str
        version_added: 0.2.0
  count:
    description:
      - How many packets to send to each, from V(1) to V(100), five a second.
    type: int
    default: 3
  timeout:
    description:
      - How many seconds an answer may take, from V(1) to V(60).
    type: int
    default: 2
notes:
  - Needs the program C(ping), of iputils or busybox, and root for targets with a public key.
"""

EXAMPLES = r"""
- name: Does the hub answer?
  cryptokey.wireguard.probe:
    interface: wg0
    targets:
      - name: hub
        address: 10.8.0.1
  register: probe
  until: probe.results | rejectattr('reachable') | length == 0
  retries: 5
  delay: 1
"""

RETURN = r"""
results:
  description: One entry for each target, in their order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The target's name.
      type: str
    address:
      description: Its address, null where it has a C(public_key).
      type: str
    public_key:
      description: Its public key.
      returned: for targets with a public key
      type: str
    reachable:
      description: Whether any answer came, or the handshake is new enough.
      type: bool
    loss_percent:
      description: How many of a hundred packets stayed without an answer, null where no ping was sent.
      type: float
    rtt_ms:
      description: The mean round-trip time in milliseconds, null without any.
      type: float
    problem:
      description: Why nothing could be sent, or why C(ping) was ended. The target then counts as not reachable.
      returned: for targets for which C(ping) failed
      type: str
      version_added: 0.2.0
  sample:
    - name: hub
      address: 10.8.0.1
      reachable: true
      loss_percent: 0.0
      rtt_ms: 4.2
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.ping import PingError, probe
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
        results = probe(module.params, module.get_bin_path("ping"), module.check_mode)
    except (InputError, MissingLibrary, PingError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, results=results)


if __name__ == "__main__":
    main()
