# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan the networks once for the whole play, from variables and registry. The logic is in ``plugin_utils/_plan``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from ansible import errors
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import cache_loader

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.findings import check_findings
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError, list_names
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.given import parse_host_names
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.inventory import Inventory
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.without_facts import intruders
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.found_keys import KeyFinder
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.outcome import Request, find_outcomes
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.result import (
    affected_hosts,
    old_keys,
    plan_result,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.warnings import key_warnings, warnings_of
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.ansible_cache import AnsibleCache
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_document import StatusFacts
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_facts import find_facts

ARGUMENTS = {
    "without": {"type": "list", "elements": "str", "default": []},
    "affected_by": {"type": "list", "elements": "str", "default": []},
    "assume_keys": {"type": "bool", "default": False},
    "older_than": {"type": "int"},
    "spare_clients": {"type": "bool", "default": False},
    "tests": {"type": "bool", "default": True},
}
# Options that the role and the playbooks give as literals.
_LITERAL = frozenset(("assume_keys", "spare_clients", "tests"))
# Raised for a value that is omitted, from ansible-core 2.19 on. Before, there is nothing to catch.
OMITTED: type[Exception] | tuple[()] = getattr(errors, "AnsibleValueOmittedError", ())


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            result.update(self._plan(task_vars or {}, arguments))
        except (FleetError, RegistryError) as error:
            raise AnsibleActionFail(str(error)) from None
        if result["outside"] and not (arguments["without"] or arguments["affected_by"]):
            self._display.display(f"In no WireGuard network, left alone: {list_names(result['outside'])}")
        return result

    def _plan(self, task_vars: dict[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        variables = self.operators_variables(task_vars, _LITERAL)
        names = parse_host_names(arguments["affected_by"], "affected_by")
        inventory = open_inventory(variables, arguments["without"])
        secrets = not arguments["assume_keys"]
        defined = inventory.networks(self._templar, secrets)
        finder = KeyFinder(intruders(task_vars["hostvars"], inventory.groups["all"]))
        request = Request(spare_clients=arguments["spare_clients"], secrets=secrets)
        findings = find_outcomes(inventory, defined, request, finder)
        access = check_findings(findings, inventory.without) if arguments["tests"] else []
        if arguments["assume_keys"]:
            findings = findings.assuming_keys()
        result = {"changed": False, **plan_result(findings, inventory.play_hosts)}
        if names:
            result["affected"] = affected_hosts(findings, names)
        if arguments["older_than"] is not None:
            result["old_keys"] = old_keys(findings.outcomes, arguments["older_than"])
        # Who asks for old keys, or assumes keys, does not ask about the keys of all members.
        quiet = arguments["assume_keys"] or names or arguments["older_than"] is not None
        warnings = [*warnings_of(findings), *access, *(() if quiet else key_warnings(findings))]
        return {**result, "warnings": warnings}


def find_status_facts(variables: Mapping[str, Any], hostvars: Mapping[str, Any], templar: Any) -> StatusFacts:
    """Find what a status document has besides the plan. ``variables``: those of the operator.

    This plans the networks again. Raises FleetError and RegistryError.
    """
    inventory = open_inventory(variables)
    finder = KeyFinder(intruders(hostvars, inventory.groups["all"]))
    defined = inventory.networks(templar, secrets=False)
    return find_facts(find_outcomes(inventory, defined, Request(secrets=False), finder))


def open_inventory(task_vars: Mapping[str, Any], without: Collection[str] = ()) -> Inventory:
    """Open the inventory of the task, as if it did not have the hosts ``without``. Raises FleetError."""
    inventory = Inventory(task_vars, without, partial(AnsibleCache, cache_loader.get), AnsibleError, OMITTED)
    inventory.check_play()
    return inventory
