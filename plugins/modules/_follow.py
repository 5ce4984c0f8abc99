#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: _follow
short_description: Move allowed IPs to a peer's new key when it is first used
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the playbook C(rotate), and private to this collection.
  - Starts a process on the managed node that watches the interface for a limited time. When a peer completes a
    handshake with its next key, the process moves the allowed IPs and the keepalive of the peer to that key. When the
    peer uses its old key again, the process moves them back.
  - A peer that changes its key is therefore cut off for a moment only, and not until the next task has run.
  - Other peers are not changed. The process ends after O(seconds) or earlier. A later task for the same interface
    replaces it.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.options.netns
  - cryptokey.wireguard.options.birth_netns
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The module itself does not change the interface.
options:
  interface:
    description:
      - The name of the WireGuard interface.
    type: str
    required: true
  next_public_keys:
    description:
      - The next public key of each peer that is about to change its key, by its present public key. Both keys must be
        peers of the running interface.
      - If it is empty, a process that watches the interface is stopped.
    type: dict
    default: {}
  seconds:
    description:
      - The number of seconds to watch the interface, from V(1) to V(86400).
    type: int
    default: 600
  state:
    description:
      - Whether the process should run.
    type: str
    choices: [present, absent]
    default: present
notes:
  - The process belongs to the session in which it was started. If systemd ends all processes of a session with it
    (C(KillUserProcesses=yes)), the process ends when the connection of Ansible is closed.
  - The process is recorded in a file in C(/run/cryptokey-wireguard).
  - The process locks the interface before it changes anything, and reads the state again under the lock. While another
    run holds the lock, allowed IPs stay where they are.
"""

EXAMPLES = r"""
- name: Watch for the next key of the laptop
  cryptokey.wireguard._follow:
    interface: wg0
    next_public_keys:
      zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
    seconds: 60
"""

RETURN = r"""
followed:
  description: The number of peers that the process watches.
  returned: success
  type: int
  sample: 1
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation.follower import (
    check_followed,
    is_followed,
    parse_following,
    start_following,
    stop_following,
)

ARGUMENTS = {
    "interface": {"type": "str", "required": True},
    "netns": {"type": "str"},
    "birth_netns": {"type": "str"},
    "next_public_keys": {"type": "dict", "default": {}, "no_log": False},
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
        else:
            changed = not is_followed(following)
            if not module.check_mode:
                check_followed(following)
                start_following(following)
    except (InputError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, followed=len(following.next_keys) if wanted else 0)


if __name__ == "__main__":
    main()
