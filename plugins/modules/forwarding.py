#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: forwarding
short_description: Enable or disable IP forwarding
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Sets C(net.ipv4.ip_forward) and C(net.ipv6.conf.all.forwarding) in the running kernel and in a file that is read at
    boot.
  - A host that forwards IPv6 ignores router advertisements by default, and would lose the addresses and the default
    route that it got from them. Therefore, before IPv6 forwarding is enabled, C(accept_ra) is changed from V(1) to V(2)
    for each interface that accepts router advertisements now. WireGuard interfaces, ports of bridges and bonds, and
    interfaces that are created later are not changed.
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
      - Whether the host should forward IPv4.
      - If not given, it is not changed. V(false) disables it, now and at boot, even if something else has enabled it.
    type: bool
  ipv6:
    description:
      - Whether the host should forward IPv6.
      - If not given, it is not changed. V(false) disables it, now and at boot, even if something else has enabled it.
        The values of C(accept_ra) are not changed back, because they make no difference then.
    type: bool
  path:
    description:
      - The file that is read at boot. The module replaces the whole file. A file that has other settings, or that the
        module has not written, is refused.
      - The last file in C(/etc/sysctl.d) and the other C(sysctl.d) directories, in alphabetical order, has precedence.
        A warning names lines of later files that override this one.
    type: path
    default: /etc/sysctl.d/99-wireguard-forwarding.conf
notes:
  - At least one of O(ipv4) and O(ipv6) is required.
  - The module does not change the rules of a firewall on the host.
seealso:
  - module: ansible.posix.sysctl
"""

EXAMPLES = r"""
- name: Let a hub forward packets between its spokes
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
