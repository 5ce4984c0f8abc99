# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a plan in the terminal or write it to a file. The logic is in ``_report/render_plan.py``."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import (
    DOT,
    MERMAID,
    TABLE,
    render_plan,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.write_report import write_report

ARGUMENTS = {
    "plan": {"type": "dict", "required": True},
    "format": {"type": "str", "choices": [TABLE, MERMAID, DOT], "default": TABLE},
    "path": {"type": "path"},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            self.operators_variables(task_vars)
        except FleetError as error:
            raise AnsibleActionFail(str(error)) from None
        text = render_plan(arguments["plan"], arguments["format"])
        result.update(changed=False, text=text)
        if not arguments["path"]:
            self._display.display(f"\n{text}\n")
            return result
        try:
            result.update(write_report(arguments["path"], text, self._task.check_mode))
        except (InputError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        return result
