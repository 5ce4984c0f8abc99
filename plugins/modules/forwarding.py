#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: forwarding
short_description: Turn IP forwarding on or off, now and after a reboot
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Sets C(net.ipv4.ip_forward) and C(net.ipv6.conf.all.forwarding) in the running kernel and in a file that is read at
    boot.
  - A host that forwards IPv6 ignores router advertisements unless it is told not to, and would lose an address and a
    default route that it has from them. So, before IPv6 forwarding is turned on, C(accept_ra) goes from V(1) to V(2)
    for each interface that heeds advertisements now. WireGuard interfaces, ports of bridges and bonds, and interfaces
    that come later are not touched.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  ipv4:
    description:
      - Whether the host forwards IPv4.
      - If not given, it is left as it is. V(false) turns it off, now and at boot, whatever turned it on.
    type: bool
  ipv6:
    description:
      - Whether the host forwards IPv6.
      - If not given, it is left as it is. V(false) turns it off, now and at boot, whatever turned it on. An
        C(accept_ra) that was set stays, as it makes no difference then.
    type: bool
  path:
    description:
      - The file that is read at boot. It is this module's own, and written as a whole. A file that has other settings,
        or that this module has not written, is refused.
      - Of the files in C(/etc/sysctl.d) and the other directories of C(sysctl.d) the last in alphabetical order counts.
        A line of a later file that overrides this one is named in a warning.
    type: path
    default: /etc/sysctl.d/99-wireguard-forwarding.conf
notes:
  - At least one of O(ipv4) and O(ipv6) is needed.
  - This says nothing about what a firewall on the host lets through.
seealso:
  - module: ansible.posix.sysctl
"""

EXAMPLES = r"""
- name: A hub that relays between its spokes
  cryptokey.wireguard.forwarding:
    ipv4: true
    ipv6: true
"""

RETURN = r""" # """

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.forwarding import PATH, ensure_forwarding
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

ARGUMENTS = {
    "ipv4": {"type": "bool"},
    "ipv6": {"type": "bool"},
    "path": {"type": "path", "default": PATH},
}


def main() -> None:
    module = AnsibleModule(ARGUMENTS, required_one_of=[("ipv4", "ipv6")], supports_check_mode=True)
    ipv4, ipv6, path = (module.params[name] for name in ("ipv4", "ipv6", "path"))
    try:
        outcome = ensure_forwarding(ipv4, ipv6, path, module.check_mode)
    except (InputError, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in outcome.warnings:
        module.warn(warning)
    result: dict[str, Any] = {"changed": outcome.changed}
    if module._diff:
        result["diff"] = [
            {"before_header": name, "after_header": name, "before": before, "after": after}
            for name, (before, after) in (("the running kernel", outcome.live), (path, outcome.file))
        ]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
