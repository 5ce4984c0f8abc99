# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show what differs on the hosts of this play from the plan, and fail if anything does."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.drift_report import STATES, read_drift
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.drift_table import (
    render_drift,
    render_drift_document,
    summarize_drift,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.write_report import write_report

ARGUMENTS = {
    "plan": {"type": "dict", "required": True},
    "answers": {"type": "str", "required": True},
    "path": {"type": "path"},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        variables = task_vars or {}
        plans, hostvars = arguments["plan"]["hosts"], variables["hostvars"]
        asked = [host for host in variables["ansible_play_hosts_all"] if host in plans]
        if not asked:
            raise AnsibleActionFail("no host of this play is in a network; check the inventory and --limit")
        found = [read_drift(host, hostvars.raw_get(host).get(arguments["answers"]), plans[host]) for host in asked]
        self._display.display("\n".join(["", *render_drift(found), ""]))
        if arguments["path"]:
            try:
                self.operators_variables(task_vars)
                write_report(arguments["path"], render_drift_document(found, int(time.time())), self._task.check_mode)
            except (FleetError, InputError, OSError) as error:
                raise AnsibleActionFail(str(error)) from None
        states = {state: [each.host for each in found if each.state == state] for state in STATES}
        # The file is a report. It does not count as a change. A result has "failed" and "unreachable" of its own.
        hosts = {f"{state}_hosts": names for state, names in states.items() if state != "planned"}
        result.update(changed=False, msg=summarize_drift(found), **hosts)
        # Failing ends the run for all hosts. Where some are unreachable, the playbook ends as unreachable instead.
        if (states["drift"] or states["failed"]) and not states["unreachable"]:
            result["failed"] = True
        return result
