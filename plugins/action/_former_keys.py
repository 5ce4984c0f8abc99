# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record which hosts have removed the keys of former members. The logic is in ``_plan/former.py``."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.action.plan import open_inventory
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.former import (
    describe_remaining,
    remaining,
    without_hosts,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.store import Update
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError

# Options that the role and the playbooks give as literals.
_LITERAL = frozenset(("record",))


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            {
                "keys": {"type": "list", "elements": "dict", "required": True, "no_log": False},
                "updated": {"type": "list", "elements": "str", "required": True},
                "hosts": {"type": "list", "elements": "str", "default": []},
                "record": {"type": "bool", "default": True},
            }
        )
        keys, updated = arguments["keys"], arguments["updated"]
        try:
            variables = self.operators_variables(task_vars, _LITERAL)
            left = remaining(keys, updated)
            updates = self._record(variables, keys, updated) if arguments["record"] and left != keys else []
        except (FleetError, RegistryError) as error:
            raise AnsibleActionFail(str(error)) from None
        problem = describe_remaining(left, arguments["hosts"])
        result.update(
            changed=any(update.changed for update in updates),
            former_keys=left,
            msg=problem,
            diff=[update.diff() for update in updates if update.changed],
        )
        if problem:
            result["failed"] = True
        return result

    def _record(self, variables: dict[str, Any], keys: list[dict[str, Any]], updated: list[str]) -> list[Update]:
        """Raises FleetError and RegistryError."""
        networks: dict[str, list[str]] = {}
        for key in keys:
            networks.setdefault(key["network"], []).append(key["public_key"])
        inventory = open_inventory(variables)
        if inventory.is_read_only:
            return []
        write = not self._task.check_mode
        return [
            inventory.store(network).update(network, partial(without_hosts, keys=of, updated=updated), write)
            for network, of in networks.items()
        ]
