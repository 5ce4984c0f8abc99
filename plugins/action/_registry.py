# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what the hosts of a play have registered, and plan the networks by it. A step of the role, not public.

It takes the name of a variable. To pass what a thousand hosts have registered as a value would have Ansible template
all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.findings import check_findings
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.inventory import Inventory
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.without_facts import intruders
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.found_keys import KeyFinder
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.outcome import (
    Findings,
    Request,
    find_outcomes,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.renames import later_hint
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.result import affected_result, plan_result
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.warnings import (
    recording_warnings,
    warnings_of,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError

from .plan import open_inventory

PUBLIC_ARGUMENTS: dict[str, Any] = {
    "public_keys": {"type": "dict", "default": {}},
    "without": {"type": "list", "elements": "str", "default": []},
    "accept_changed_keys": {"type": "dict", "default": {}},
}


class ActionModule(RunOnce, ActionBase):
    arguments: Mapping[str, Any] = {
        **PUBLIC_ARGUMENTS,
        "keypairs": {"type": "str", "default": ""},
        "earlier": {"type": "str", "default": ""},
        "rotating": {"type": "bool", "default": False},
        "spare_clients": {"type": "bool", "default": False},
    }
    # Options that the role and the playbooks give as literals.
    literal = frozenset(("keypairs", "earlier", "rotating", "spare_clients"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(self.arguments)
        try:
            result.update(self._record(task_vars or {}, arguments))
        except (FleetError, RegistryError) as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _record(self, task_vars: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        earlier = task_vars[arguments["earlier"]] if arguments.get("earlier") else {}
        inventory = open_inventory(self.operators_variables(task_vars, self.literal), arguments["without"])
        unknown = hosts_with_unknown_keys(inventory, arguments["keypairs"]) if earlier else []
        if earlier and not (unknown or earlier["registry"]["dates" if arguments["keypairs"] else "outdated"]):
            return {**earlier, "changed": False, "affected": [], "affected_batches": [], "warnings": []}
        rotating, variable = arguments.get("rotating", False), arguments.get("keypairs", "")
        registered = partial(inventory.registered, variable=variable)
        intruding = intruders(task_vars["hostvars"], inventory.groups["all"])
        finder = KeyFinder(intruding, arguments["public_keys"], variable, registered)
        spare, accepted = arguments.get("spare_clients", False), arguments["accept_changed_keys"]
        request = Request(records=True, rotating=rotating, spare_clients=spare, accept_changed_keys=accepted)
        findings = find_outcomes(inventory, inventory.networks(self._templar), request, finder)
        access = check_findings(findings, inventory.without)
        # Nothing is written before everything is checked.
        if not self._task.check_mode:
            findings = findings.recorded()
        later = self._later_hint(findings, inventory.play_hosts, task_vars) if variable else ""
        # Before the hosts are asked for their keys, it is no news that some are unknown.
        keys = [] if earlier and not variable else recording_warnings(findings, rotating)
        warnings = [*warnings_of(findings), *access, *keys, *filter(None, [later])]
        result = self.result_of(findings, inventory.play_hosts)
        if earlier:
            result |= affected_result(result, earlier, unknown)
        return {**result, "warnings": warnings}

    def result_of(self, findings: Findings, play_hosts: list[str]) -> dict[str, Any]:
        return {"changed": bool(findings.changed), "diff": findings.diff, **plan_result(findings, play_hosts)}

    def _later_hint(self, findings: Findings, play_hosts: list[str], task_vars: Mapping[str, Any]) -> str:
        # Without batches, what the play's batch lacks are hosts that failed.
        in_batches = bool(self._task.get_play().serial)
        batch = task_vars["ansible_play_batch"] if in_batches else play_hosts
        return later_hint(findings.unknown_keys, play_hosts, batch)


def hosts_with_unknown_keys(inventory: Inventory, variable: str) -> list[str]:
    """The hosts of the play for which ``member`` has found a key that the plan does not have, by the results that they
    have registered in the variable."""
    registered = {host: inventory.registered(host, variable) for host in inventory.play_hosts if variable}
    return [
        host
        for host, result in registered.items()
        if isinstance(result, Mapping) and any(not part["known"] for part in result.get("interfaces", ()))
    ]
