#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config
short_description: Write the file that brings a WireGuard interface up at boot
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Writes C(/etc/wireguard/INTERFACE.conf), which C(wg-quick) reads, from the same options as
    M(cryptokey.wireguard.interface). Bringing the interface up from it gives the same running state.
  - The private key is put in on the managed node.
  - The file is read first, and what is not given stays as the file has it. A file that cannot be read as C(wg-quick)
    and C(wg) do is refused with line and column.
  - PreUp, PostUp, PreDown and PostDown lines are kept word for word and in order, and so are DNS lines where neither
    O(dns) nor O(dns_search) is given. Comments and layout are not, but for the C(# friendly_name =) of a peer.
  - It is written with mode V(0600), as a whole, and safely on disk when the module returns.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
  - cryptokey.wireguard.interface
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Secrets are shown as C((redacted)), and as C((redacted, changes)) where they change.
options:
  path:
    description:
      - The file to write. C(wg-quick) wants it to be called C(INTERFACE.conf).
      - If not given, it is C(/etc/wireguard/INTERFACE.conf). That directory is kept at mode V(0700). Another one is
        made with this mode when it is missing, else left as it is, but refused when others than its owner can write to
        it.
    type: path
notes:
  - Nothing is restarted. The running interface is the business of M(cryptokey.wireguard.interface).
  - C(SaveConfig = true) in the file is refused, since C(wg-quick) would write over the file when it stops.
  - C(wg-quick) sets name servers through the program C(resolvconf), which systemd-resolved brings along in most
    distributions. Where a host has none, O(dns) is refused.
  - An O(alias) is set in a C(PostUp) line. O(up) has no effect here.
  - Under a full tunnel with O(outside_replies) it adds a C(PostUp) line, which needs C(nft).
  - For an interface that is in another network namespace than its sockets, the file is for C(wg-quick up) in
    O(birth_netns) and C(wg-quick down) in O(netns). C(PostUp) lines move the interface, in place of C(Address) and
    C(Table). Hooks of your own run in these namespaces too.
  - For an interface that lives in a namespace whole, the file says nothing of it. It is for C(wg-quick) in that
    namespace.
  - Peers keep their place in the file, and new ones come after them, so their order in O(peers) does not matter.
seealso:
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.keypair
"""

EXAMPLES = r"""
- name: A key pair
  cryptokey.wireguard.keypair:
    interface: wg0

- name: A hub with one peer comes up again at boot
  cryptokey.wireguard.config:
    interface: wg0
    listen_port: 51820
    addresses: [10.8.0.1/24, "fd00:8::1/64"]
    peers:
      - name: spoke1
        public_key: zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw=
        allowed_ips: [10.8.0.2/32, "fd00:8::2/128"]

- name: The name servers behind the tunnel, all else as the file has it
  cryptokey.wireguard.config:
    interface: wg0
    dns: [10.8.0.1]
    dns_search: [corp.example]

- name: One more peer, all else as the file has it
  cryptokey.wireguard.config:
    interface: wg0
    peers_mode: merge
    peers:
      - name: phone
        public_key: 8GA6AHKbEatkLThERFb6MJV4WBv5Kr0RaPh8AIl+kgo=
        allowed_ips: [10.8.0.77/32]

- name: No such file
  cryptokey.wireguard.config:
    interface: wg0
    state: absent
"""

RETURN = r"""
path:
  description: The file that was written or removed.
  returned: always
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
        before, after = outcome.diff()
        headers = {"before_header": outcome.path, "after_header": outcome.path}
        result["diff"] = {**headers, "before": before, "after": after}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
