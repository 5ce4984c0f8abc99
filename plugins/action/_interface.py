# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``interface`` with the options of an entry of the plan. A step of the role, not public."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import AUTO

from . import interface
from ._config import sealed_options, with_module_defaults

MODULE = "cryptokey.wireguard.interface"


class ActionModule(interface.ActionModule):
    _task: Any

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        entry = self._task.args["entry"]
        options = sealed_options(entry, task_vars or {}, self._templar)
        self._task = self._task.copy()
        self._task.action = MODULE
        arguments = {**options, "confirm": AUTO, **entry["interface_options"]}
        self._task.args = with_module_defaults(MODULE, arguments, self._task, self._templar)
        return super().run(tmp, task_vars)
