# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a plan in the terminal or write it to a file. The logic is in ``_report/render_plan.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import atomic_write
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.reading import read_file
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import (
    DOT,
    MERMAID,
    TABLE,
    render_plan,
)

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
        path = str(Path(arguments["path"]).absolute())
        try:
            old = read_file(path)
            before = old.data.decode("utf-8", "replace") if old else ""
            result.update(changed=before != text, path=path)
            if result["changed"] and not self._task.check_mode:
                atomic_write(path, text.encode(), 0o644)
        except (InputError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        if result["changed"]:
            result["diff"] = {"before_header": path, "before": before, "after_header": path, "after": text}
        return result
