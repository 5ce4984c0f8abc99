# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the hosts affected by a key rotation. The logic is in ``_plan/rotation.py``."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rotation import plan_rotation


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict", "required": True},
                "hosts": {"type": "list", "elements": "str", "required": True},
                "clients": {"type": "bool", "default": False},
            }
        )
        try:
            rotation = plan_rotation(arguments["plan"]["hosts"], arguments["hosts"], arguments["clients"])
        except FleetError as error:
            raise AnsibleActionFail(str(error)) from None
        result.update(changed=False, hosts=list(rotation.hosts), involved=list(rotation.involved))
        return result
