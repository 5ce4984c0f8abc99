#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config
short_description: Write the wg-quick configuration file of a WireGuard interface
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Writes C(/etc/wireguard/INTERFACE.conf), which C(wg-quick) uses to bring the interface up at boot, from the same
    options as M(cryptokey.wireguard.interface). The interface then has the same running state.
  - The private key is added on the managed node.
  - The existing file is read first, and options that are not given keep their values. A file that C(wg-quick) and C(wg)
    could not read is refused with its line and column.
  - C(PreUp), C(PostUp), C(PreDown) and C(PostDown) lines are kept unchanged and in order. C(DNS) lines are kept if
    neither O(dns) nor O(dns_search) is given. Comments and layout are not kept, except C(# friendly_name =) of peers.
  - The file is replaced atomically, with mode V(0600). It is on disk when the module returns.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.interface
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Secrets are shown as C((redacted)), and as C((redacted, changes)) if they change.
options:
  path:
    description:
      - The file to write. C(wg-quick) requires the name C(INTERFACE.conf).
      - If not given, it is C(/etc/wireguard/INTERFACE.conf). That directory is kept at mode V(0700). Another directory
        is created with this mode if it is missing. An existing one is not changed, but it is refused if other users
        than its owner can write to it.
    type: path
notes:
  - Nothing is restarted. Use M(cryptokey.wireguard.interface) for the running interface.
  - C(SaveConfig = true) in the file is refused, because C(wg-quick down) would overwrite the file.
  - C(wg-quick) sets name servers with the program C(resolvconf), which comes with systemd-resolved in most
    distributions. If a host does not have it, O(dns) is refused.
  - An O(alias) is set in a C(PostUp) line. O(up) has no effect.
  - For a full tunnel with O(outside_replies), a C(PostUp) line is added, which requires C(nft).
  - With O(nftables), the table is written to C(INTERFACE.nft) in the same directory, with mode V(0600). A C(PreUp) line
    before all others loads it, and a C(PostDown) line removes it. They require C(nft). A file of that name that this
    module did not write is never changed.
  - For an interface in another network namespace than its sockets, run C(wg-quick up) in O(birth_netns) and
    C(wg-quick down) in O(netns). C(PostUp) lines move the interface and replace C(Address) and C(Table). Your own hooks
    run in these namespaces too.
  - For an interface whose sockets are in the same namespace, the file does not mention the namespace. Run C(wg-quick)
    in that namespace.
  - Existing peers keep their order in the file, and new peers are added after them.
seealso:
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.keypair
"""

EXAMPLES = r"""
- name: Create a key pair
  cryptokey.wireguard.keypair:
    interface: wg0

- name: Write the file of a hub with one peer
  cryptokey.wireguard.config:
    interface: wg0
    listen_port: 51820
    addresses: [10.8.0.1/24, "fd00:8::1/64"]
    peers:
      - name: spoke1
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        allowed_ips: [10.8.0.2/32, "fd00:8::2/128"]

- name: Set the name servers, and keep all else
  cryptokey.wireguard.config:
    interface: wg0
    dns: [10.8.0.1]
    dns_search: [corp.example]

- name: Add one peer, and keep all else
  cryptokey.wireguard.config:
    interface: wg0
    peers_mode: merge
    peers:
      - name: phone
        public_key: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
        allowed_ips: [10.8.0.77/32]

- name: Remove the file
  cryptokey.wireguard.config:
    interface: wg0
    state: absent
"""

RETURN = r"""
path:
  description: The file that was written or removed.
  returned: success
  type: str
  sample: /etc/wireguard/wg0.conf
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import (
    ensure_config,
    ensure_no_config,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import INTERFACE_ARGUMENTS


def main() -> None:
    module = AnsibleModule(argument_spec={**INTERFACE_ARGUMENTS, "path": {"type": "path"}}, supports_check_mode=True)
    ensure = ensure_config if module.params["state"] == "present" else ensure_no_config
    try:
        outcome = ensure(module.params, module.check_mode)
    except (InputError, MissingLibrary, OSError) as error:
        module.fail_json(msg=str(error))
    result: dict[str, Any] = {"changed": outcome.changed, "path": outcome.path}
    if module._diff:
        diffs = [
            {"before_header": path, "after_header": path, "before": before, "after": after}
            for path, before, after in outcome.diffs
        ]
        result["diff"] = diffs if len(diffs) > 1 else diffs[0]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
