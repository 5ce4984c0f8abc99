#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: _metrics
short_description: Install the program that writes the metrics of a host
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the role C(cryptokey.wireguard.network), and private to this collection.
  - Writes the program C(/usr/local/libexec/cryptokey-wireguard-metrics), its settings, its service and its timer, and
    creates the directory of node_exporter's textfile collector if it is missing.
  - Runs the program once to show that it can do its work, before the service is written. The timer is not started.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - The program is not shown.
options:
  interfaces:
    description:
      - The entries of the host in the plan. The action plugin turns them into the other options.
    type: list
    elements: dict
  service:
    description: The text of the service.
    type: str
    required: true
  timer:
    description: The text of the timer.
    type: str
    required: true
  settings:
    description: The text of the settings.
    type: str
    required: true
  version:
    description: The version of the program.
    type: str
    required: true
  directory:
    description: The directory to which the program writes.
    type: str
    required: true
notes:
  - Requires root, and a running systemd.
"""

EXAMPLES = r"""
- name: Install the program that writes the metrics
  cryptokey.wireguard._metrics:
    interfaces: "{{ network_plan.hosts[inventory_hostname] }}"
"""

RETURN = r""" # """

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.metrics import ensure_metrics
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import MetricsSetup

ARGUMENTS = {
    "interfaces": {"type": "list", "elements": "dict"},
    **{name: {"type": "str", "required": True} for name in MetricsSetup._fields},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        outcome = ensure_metrics(MetricsSetup.read(module.params), module.check_mode)
    except (InputError, OSError) as error:
        module.fail_json(msg=str(error))
    diffs = [
        {"before_header": name, "after_header": name, "before": before, "after": after}
        for name, before, after in outcome.diffs
    ]
    module.exit_json(changed=outcome.changed, **({"diff": diffs} if module._diff else {}))


if __name__ == "__main__":
    main()
