#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: _rekey
short_description: Change a running WireGuard interface to its next key pair
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the playbook C(rotate), and private to this collection.
  - Replaces the private key of an interface with its next one, which M(cryptokey.wireguard.keypair) has made. The key
    is replaced in the key file, in the kernel and in the configuration file for the next boot. The module then starts a
    handshake with the peers.
  - If a peer in O(answering) does not answer, or a file cannot be written, the old key is restored and the module
    fails. The error message says which key is in the running interface, in O(private_key_file) and in O(path).
  - The disk space for the files is reserved before anything is changed.
  - The old key is kept in its own file until O(cryptokey.wireguard.keypair#module:state=settled) removes it.
  - If there is no next key, nothing is changed.
  - The peers must know the next key before. On the peers, the step C(_follow) moves the allowed IPs of this host to
    it.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.options.netns
  - cryptokey.wireguard.options.birth_netns
  - cryptokey.wireguard.options.private_key_file
attributes:
  check_mode:
    support: full
    details:
      - It is not checked whether the peers would answer.
  diff_mode:
    support: none
    details:
      - The difference would be a secret.
options:
  interface:
    description:
      - The name of the WireGuard interface. It must exist.
    type: str
    required: true
  path:
    description:
      - The configuration file for the next boot. Only the private key and the preshared keys in it are changed. It is
        not created if it is missing.
      - If not given, it is C(/etc/wireguard/INTERFACE.conf).
    type: path
  peers:
    description:
      - The peers, with the preshared keys to use with the next key.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of the peer.
        type: str
      public_key:
        description:
          - The public key of the peer.
        type: str
        required: true
      preshared_key:
        description:
          - The new preshared key. If not given, it is not changed. An empty string clears it.
        type: str
      next_public_key:
        description:
          - The next public key of the peer, if the peer is about to change its key too.
        type: str
      next_preshared_key:
        description:
          - As O(peers[].preshared_key), for O(peers[].next_public_key).
        type: str
  answering:
    description:
      - The names of the peers that must answer. If one of them does not answer to the present key, nothing is changed.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - The number of seconds to wait for the peers, from V(1) to V(60). Peers that do not answer are retried every 5
        seconds.
    type: int
    default: 12
notes:
  - Requires C(pynacl) on the managed node.
  - While a change of M(cryptokey.wireguard.interface) is not confirmed, the module fails and changes nothing.
"""

EXAMPLES = r"""
- name: Create the next key pair of wg0
  cryptokey.wireguard.keypair:
    interface: wg0
    state: next

# The peers get the next public key here.

- name: Change wg0 to its next key pair
  cryptokey.wireguard._rekey:
    interface: wg0
    peers:
      - name: hub
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
    answering: [hub]

- name: Remove the old key pair
  cryptokey.wireguard.keypair:
    interface: wg0
    state: settled
"""

RETURN = r"""
public_key:
  description: The public key that is in use now, or would be in check mode.
  returned: changed
  type: str
  sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
keys:
  description: Which key is in which place after a change that failed.
  returned: when the change failed
  type: dict
  contains:
    running:
      description:
        - The key in the running interface. It is V(old), V(next), V(another), V(none), or V(unknown) if it cannot be
          read.
      type: str
    private_key_file:
      description: The key in the key file, with the same values.
      type: str
    path:
      description: The key in the configuration file, with the same values.
      returned: if there is such a file
      type: str
  sample: {running: old, private_key_file: old, path: old}
seconds:
  description:
    - The number of seconds from the change to the handshake with each peer in O(answering), by the peer's name.
  returned: changed
  type: dict
  sample:
    hub: 0.04
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import end_unconfirmed
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.rekey import RekeyError, rekey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import PEER_KEY_ARGUMENTS

ARGUMENTS = {
    "interface": {"type": "str", "required": True},
    "private_key_file": {"type": "path", "no_log": False},
    "path": {"type": "path"},
    "netns": {"type": "str"},
    "birth_netns": {"type": "str"},
    "peers": {"type": "list", "elements": "dict", "options": PEER_KEY_ARGUMENTS, "default": []},
    "answering": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "int", "default": 12},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    warnings: list[str] = []
    failure: dict[str, Any] = {}
    try:
        end_unconfirmed(module.params, module.check_mode, warnings)
        outcome = rekey(module.params, module.check_mode)
    except RekeyError as error:
        failure = {"msg": str(error), "keys": dict(error.keys)}
    except (InputError, MissingLibrary, OSError) as error:
        failure = {"msg": str(error)}
    for warning in warnings:
        module.warn(warning)
    if failure:
        module.fail_json(**failure)
    result: dict[str, Any] = {"changed": outcome.changed}
    if outcome.public_key is not None:
        result.update(public_key=str(outcome.public_key), seconds=dict(outcome.seconds))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
