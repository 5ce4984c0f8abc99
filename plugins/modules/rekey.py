#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rekey
short_description: Change a running WireGuard interface to its next key pair, or back
version_added: 0.2.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Has the next private key of an interface, which M(cryptokey.wireguard.keypair) has made, take the place of the
    present one, in its file, in the kernel and in the file for the next boot, and shakes hands with the peers at once.
  - If one of O(answering) does not answer, or a file cannot be written, the old key is put back, and the module fails.
    The error says which key is in the running interface, in O(private_key_file) and in O(path).
  - What the files need of the disk is reserved before anything is changed.
  - The old key stays in a file of its own until O(cryptokey.wireguard.keypair#module:state=settled) removes it.
  - Where there is no next key, nothing is done.
  - The peers have to know the next key before. What they have for this host follows by M(cryptokey.wireguard.follow).
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
    details:
      - Whether the peers would answer is not known.
  diff_mode:
    support: none
    details:
      - There is nothing to show but a secret.
options:
  interface:
    description:
      - The name of the WireGuard interface, which has to be there.
    type: str
    required: true
  private_key_file:
    description:
      - The file that has the private key. The next one is beside it, with C(.next) after its name.
      - If not given, it is C(/etc/wireguard/private/INTERFACE.key).
    type: path
  path:
    description:
      - The file for the next boot, in which the private key and the preshared keys are changed and nothing else. Where
        there is none, none is made.
      - If not given, it is C(/etc/wireguard/INTERFACE.conf).
    type: path
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
      - The peers, with the preshared keys that go with the next key.
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
      preshared_key:
        description:
          - The preshared key from now on. If not given, it stays as it is; an empty one clears it.
        type: str
      next_public_key:
        description:
          - The key that the peer is about to change to itself, if it is.
        type: str
      next_preshared_key:
        description:
          - As O(peers[].preshared_key), with O(peers[].next_public_key).
        type: str
      endpoint:
        description:
          - Ignored. It is there so that the peers can be given as for M(cryptokey.wireguard.interface).
        type: str
      allowed_ips:
        description:
          - As O(peers[].endpoint).
        type: list
        elements: str
      persistent_keepalive:
        description:
          - As O(peers[].endpoint).
        type: str
  answering:
    description:
      - The names of the peers that have to answer. One that does not answer to the present key either is a reason to
        change nothing.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - How many seconds to wait for them, from V(1) to V(60). Peers that do not answer are retried every 5 seconds.
    type: int
    default: 12
notes:
  - Needs C(pynacl) on the managed node.
  - While a change of M(cryptokey.wireguard.interface) is not confirmed, it fails and changes nothing.
seealso:
  - module: cryptokey.wireguard.keypair
  - module: cryptokey.wireguard.follow
"""

EXAMPLES = r"""
- name: A next key for wg0
  cryptokey.wireguard.keypair:
    interface: wg0
    state: next

# Here the peers are told of it.

- name: Change to it
  cryptokey.wireguard.rekey:
    interface: wg0
    peers:
      - name: hub
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
    answering: [hub]

- name: Destroy the old one
  cryptokey.wireguard.keypair:
    interface: wg0
    state: settled
"""

RETURN = r"""
public_key:
  description: The public key that is in use now, or in check mode would be.
  returned: changed
  type: str
  sample: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
keys:
  description:
    - Which key is where, after a change that failed.
    - Each of C(running), C(private_key_file) and, if there is such a file, C(path) is V(old), V(next), V(another),
      V(none) or V(unknown), which is one that cannot be read.
  returned: when the change failed
  type: dict
  sample: {running: old, private_key_file: old, path: old}
seconds:
  description: How many seconds after the change each of O(answering) had shaken hands, by name.
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
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import PEER_ARGUMENTS

ARGUMENTS = {
    "interface": {"type": "str", "required": True},
    "private_key_file": {"type": "path", "no_log": False},
    "path": {"type": "path"},
    "netns": {"type": "str"},
    "birth_netns": {"type": "str"},
    "peers": {"type": "list", "elements": "dict", "options": PEER_ARGUMENTS, "default": []},
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
