# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a plan in the terminal or write it to a file. The logic is in ``_report``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import atomic_write
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.reading import read_file
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.collection_version import collection_version
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.page.render import render_page
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_document import plan_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.render_plan import (
    DOT,
    MERMAID,
    TABLE,
    render_plan,
)

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
            self.operators_variables(task_vars)
        except FleetError as error:
            raise AnsibleActionFail(str(error)) from None
        is_page = arguments["format"] == HTML
        if is_page and not arguments["path"]:
            raise AnsibleActionFail("a page is not shown in the terminal; name a file with -e wireguard_file=PATH")
        try:
            text = _page(arguments["plan"]) if is_page else render_plan(arguments["plan"], arguments["format"])
            result.update(changed=False, **({} if is_page else {"text": text}))
            if not arguments["path"]:
                self._display.display(f"\n{text}\n")
                return result
            return {**result, **self._write(text, str(Path(arguments["path"]).absolute()), is_page)}
        except (InputError, MissingLibrary, OSError) as error:
            raise AnsibleActionFail(str(error)) from None

    def _write(self, text: str, path: str, is_page: bool) -> dict[str, Any]:
        old = read_file(path)
        before = old.data.decode("utf-8", "replace") if old else ""
        if before == text:
            return {"path": path}
        if not self._task.check_mode:
            atomic_write(path, text.encode(), 0o644)
        if is_page:  # its source says nothing to people, and may have megabytes
            return {"path": path, "changed": True}
        diff = {"before_header": path, "before": before, "after_header": path, "after": text}
        return {"path": path, "changed": True, "diff": diff}


def _page(plan: Mapping[str, Any]) -> str:
    return render_page(plan_document(plan, int(time.time()), collection_version()))
