# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show who reaches what, explain one answer, or compare with a saved file. The logic is in ``plugin_utils/_access``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.baseline import (
    parse_saved,
    render_changes,
    render_saved,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.findings import reach_of
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.live import list_trials
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.matrix import Matrix, make_matrix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.question import answer
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.reach import Reach
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.run_tests import check_policies
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.without_facts import intruders
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.found_keys import KeyFinder
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.outcome import Request, find_outcomes
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.access_table import render_access
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.write_report import read_saved, write_report

from .plan import open_inventory

TABLE = "table"
JSON = "json"
ARGUMENTS = {
    "source": {"type": "str"},
    "destination": {"type": "str"},
    "protocol": {"type": "str", "default": "tcp"},
    "format": {"type": "str", "choices": [TABLE, JSON], "default": TABLE},
    "path": {"type": "path"},
    "baseline": {"type": "path"},
    "live": {"type": "bool", "default": False},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            reach = self._reach(task_vars or {})
            if arguments["source"] or arguments["destination"]:
                return {**result, "changed": False, **self._explain(reach, arguments)}
            if arguments["live"]:
                trials, untried = list_trials(reach)
                return {**result, "changed": False, "trials": trials, "untried": untried}
            return {**result, "changed": False, **self._show(reach, arguments)}
        except (FleetError, RegistryError, InputError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None

    def _reach(self, task_vars: dict[str, Any]) -> Reach:
        inventory = open_inventory(self.operators_variables(task_vars))
        finder = KeyFinder(intruders(task_vars["hostvars"], inventory.groups["all"]))
        defined = inventory.networks(self._templar, secrets=False)
        return reach_of(find_outcomes(inventory, defined, Request(secrets=False), finder))

    def _explain(self, reach: Reach, arguments: Mapping[str, Any]) -> dict[str, Any]:
        for name, variable in (("source", "wireguard_from"), ("destination", "wireguard_to")):
            if not arguments[name]:
                raise InputError(name, None, "missing", f"give both wireguard_from and wireguard_to, here {variable}")
        text = answer(reach, arguments["source"], arguments["destination"], arguments["protocol"])
        self._display.display(f"\n{text}")
        return {"text": text}

    def _show(self, reach: Reach, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The picture, the comparison, and the tests, whose failures come last."""
        matrix = make_matrix(reach)
        saved = render_saved(matrix)
        old = _read_baseline(arguments["baseline"])
        text = saved if arguments["format"] == JSON else render_access(matrix)
        self._display.display(f"\n{text}")
        path = arguments["path"]
        result: dict[str, Any] = {"text": text, **(write_report(path, saved, self._task.check_mode) if path else {})}
        checked = check_policies(reach)
        result["warnings"] = checked.warnings
        failures = [str(FleetError(checked.problems))] if checked.problems else []
        if old is not None:
            lines = render_changes(old, matrix)
            self._display.display("\n".join([*(lines or ["No access is gained or lost."]), ""]))
            result["changes"] = lines
            failures += [f"access differs from {arguments['baseline']}: {len(lines)} lines above"] if lines else []
        return {**result, **({"failed": True, "msg": "\n".join(failures)} if failures else {})}


def _read_baseline(path_text: str | None) -> Matrix | None:
    """Raises InputError and OSError."""
    if not path_text:
        return None
    path, text = read_saved("baseline", path_text, "save one with -e wireguard_file=PATH")
    return parse_saved(text, path)
