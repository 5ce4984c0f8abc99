# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a plan in the terminal or write it to a file. The logic is in ``_report``."""

from __future__ import annotations

import time
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.collection_version import collection_version
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.render import render_page
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_document import plan_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import (
    DOT,
    MERMAID,
    TABLE,
    render_plan,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.write_report import write_report

from .plan import find_status_facts

HTML = "html"
ARGUMENTS = {
    "plan": {"type": "dict", "required": True},
    "format": {"type": "str", "choices": [TABLE, MERMAID, DOT, HTML], "default": TABLE},
    "path": {"type": "path"},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            variables = self.operators_variables(task_vars)
        except FleetError as error:
            raise AnsibleActionFail(str(error)) from None
        is_page, path = arguments["format"] == HTML, arguments["path"]
        if is_page and not path:
            raise AnsibleActionFail("a page is not shown in the terminal; name a file with -e wireguard_file=PATH")
        try:
            plan = arguments["plan"]
            if is_page:
                facts = find_status_facts(variables, (task_vars or {})["hostvars"], self._templar)
                text = render_page(plan_document(plan, int(time.time()), collection_version(), facts))
            else:
                text = render_plan(plan, arguments["format"])
            result.update(changed=False, **({} if is_page else {"text": text}))
            if path:
                result.update(write_report(path, text, self._task.check_mode))
        except (FleetError, RegistryError, InputError, MissingLibrary, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        if not path:
            self._display.display(f"\n{text}\n")
        return result
