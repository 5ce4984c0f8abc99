#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: follow
short_description: Move allowed IPs to a peer's new key when it is first used
version_added: 0.2.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Starts a process on the managed node that watches the interface for a while. As soon as a peer shakes hands with its
    next key, what it has of prefixes and keepalive is moved to that key; and back, when it does so with the old one.
  - So a peer that changes its key by M(cryptokey.wireguard.rekey) is cut off for a moment, and not for as long as it
    takes until the next task is done.
  - No other peer is touched. The process ends by itself, at the latest after O(seconds). Another one for the same
    interface takes its place.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - It changes nothing itself.
options:
  interface:
    description:
      - The name of the WireGuard interface.
    type: str
    required: true
  netns:
    description:
      - The network namespace in which the interface is, as in M(cryptokey.wireguard.interface).
    type: str
  birth_netns:
    description:
      - The network namespace in which its UDP sockets are, as in M(cryptokey.wireguard.interface).
    type: str
  peers:
    description:
      - The peers. Those that have both keys are followed, and both have to be peers of the running interface.
      - They may be given as for M(cryptokey.wireguard.interface); the other options are ignored.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What people call the peer.
        type: str
      public_key:
        description:
          - The public key of the peer.
        type: str
        required: true
      next_public_key:
        description:
          - The key that the peer is about to change to.
        type: str
      preshared_key:
        description:
          - Ignored.
        type: str
      next_preshared_key:
        description:
          - Ignored.
        type: str
      endpoint:
        description:
          - Ignored.
        type: str
      allowed_ips:
        description:
          - Ignored.
        type: list
        elements: str
      persistent_keepalive:
        description:
          - Ignored.
        type: str
  seconds:
    description:
      - For how long, from V(1) to V(86400).
    type: int
    default: 600
  state:
    description:
      - Whether to follow them.
    type: str
    choices: [present, absent]
    default: present
notes:
  - The process belongs to the session in which it was started. Where systemd is told to kill all processes of a session
    that ends (C(KillUserProcesses=yes)), it ends with the connection of Ansible, if that is closed in the meantime.
  - It leaves a file in C(/run/cryptokey-wireguard), by which the next one finds it.
  - The process takes the interface's lock before it changes anything, and decides again under it. While another run has
    the lock, allowed IPs stay where they are.
seealso:
  - module: cryptokey.wireguard.rekey
"""

EXAMPLES = r"""
- name: Follow the laptop to its next key
  cryptokey.wireguard.follow:
    interface: wg0
    peers:
      - name: laptop
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        next_public_key: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
    seconds: 60
"""

RETURN = r"""
followed:
  description: How many peers are followed.
  returned: always
  type: int
  sample: 1
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import PEER_ARGUMENTS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation.follower import (
    check_followed,
    parse_following,
    start_following,
    stop_following,
)

ARGUMENTS = {
    "interface": {"type": "str", "required": True},
    "netns": {"type": "str"},
    "birth_netns": {"type": "str"},
    "peers": {"type": "list", "elements": "dict", "options": PEER_ARGUMENTS, "default": []},
    "seconds": {"type": "int", "default": 600},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        following = parse_following(module.params)
        wanted = module.params["state"] == "present" and following.next_keys
        if not wanted:
            changed = stop_following(following.interface, module.check_mode)
        elif module.check_mode:
            changed = True
        else:
            check_followed(following)
            start_following(following)
            changed = True
    except (InputError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, followed=len(following.next_keys) if wanted else 0)


if __name__ == "__main__":
    main()
