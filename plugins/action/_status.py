# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the status of the networks as a table, JSON or a page, and fail unless each tunnel carries traffic."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.drift_report import read_drift
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.results import (
    loop_results,
    read_choice,
    read_mapping,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.collection_version import collection_version
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.render import render_page
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_document import plan_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.running_status import fill_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_changes import (
    list_changes,
    write_changes,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_document import StatusDocument
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_table import (
    ONLY,
    StatusTable,
    make_table,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.tunnels import SORTS
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.write_report import (
    read_baseline,
    write_report,
)

from .plan import find_status_facts

TABLE, JSON, HTML = "table", "json", "html"
ARGUMENTS = {
    "plan": {"type": "dict", "required": True},
    "info": {"type": "str", "required": True},
    "probe": {"type": "str", "required": True},
    "drift": {"type": "str", "required": True},
    "format": {"type": "str", "choices": [TABLE, JSON, HTML], "default": TABLE},
    "path": {"type": "path"},
    "baseline": {"type": "path"},
    "only": {"type": "str", "choices": list(ONLY)},
    "sort": {"type": "str", "choices": list(SORTS), "default": SORTS[0]},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        variables = task_vars or {}
        asked = [host for host in variables["ansible_play_hosts_all"] if host in arguments["plan"]["hosts"]]
        try:
            if arguments["format"] == HTML and not arguments["path"]:
                remedy = "say where to write the page: -e wireguard_file=PATH"
                raise InputError("wireguard_file", None, "missing", remedy)
            document = self._document(variables, arguments, asked)
            table = make_table(document, asked, arguments["only"], arguments["sort"])
            result["changed"] = False
            result.update(self._show(document, table, arguments))
        except (FleetError, RegistryError, InputError, MissingLibrary, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        result["warnings"] = table.warnings
        result.update(up=table.up, down=table.down, unknown=table.unknown)
        if table.down:
            result.update(failed=True, msg=f"{table.down} of {table.total} tunnels carry no traffic")
        elif not asked:
            result.update(failed=True, msg="no host of this play is in a network")
        return result

    def _document(
        self, variables: dict[str, Any], arguments: Mapping[str, Any], asked: Iterable[str]
    ) -> StatusDocument:
        plan, hostvars = arguments["plan"], variables["hostvars"]
        baseline = read_baseline(arguments["baseline"]) if arguments["baseline"] else None
        # The table shows none of these facts, and finding them costs another plan.
        operators = self.operators_variables(variables)
        is_table = arguments["format"] == TABLE and baseline is None
        facts = None if is_table else find_status_facts(operators, hostvars, self._templar)
        names = arguments["info"], arguments["probe"]
        found = {host: hostvars.raw_get(host) for host in asked}
        answers = {host: _answer(own, names, plan["hosts"][host]) for host, own in found.items()}
        planned = plan_document(plan, int(time.time()), collection_version(), facts)
        drifts = {
            host: read_drift(host, own.get(arguments["drift"]), plan["hosts"][host]) for host, own in found.items()
        }
        document = fill_document(planned, plan["hosts"], answers, drifts)
        return {**document, "changes": None if baseline is None else list_changes(baseline, document)}

    def _show(self, document: StatusDocument, table: StatusTable, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Print the table, or save what is asked for. The page is only saved."""
        form, path = arguments["format"], arguments["path"]
        changes = [] if document["changes"] is None else write_changes(document["changes"])
        table_text = "\n".join([*table.lines, *(["", *changes] if changes else []), ""])
        if form == HTML:
            text = render_page(document)
        elif form == JSON:
            text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        else:
            text = table_text
        self._display.display(f"\n{text if form == JSON and not path else table_text}")
        return write_report(path, text, self._task.check_mode) if path else {}


def _answer(
    variables: Mapping[str, Any], names: Iterable[str], plan: Iterable[Mapping[str, Any]]
) -> dict[str, Any] | InputError:
    """Return what a host's tasks returned by interface, or what is wrong with it.

    The tasks of these ``names`` loop over the host's interfaces.
    """
    interfaces = [each["options"]["interface"] for each in plan]
    found: dict[str, dict[str, Any]] = {}
    try:
        for name in names:
            for result in loop_results(variables.get(name), name):
                # If Ansible could not even begin the loop, there is no item.
                if "item" in result:
                    item = read_mapping(result["item"], f"{name}.item")
                    options = read_mapping(item.get("options"), f"{name}.item.options")
                    interface = read_choice(options.get("interface"), f"{name}.item.options.interface", interfaces)
                    found.setdefault(interface, {}).update(result)
    except InputError as error:
        return error
    return found
