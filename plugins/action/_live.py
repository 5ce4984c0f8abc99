# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what hosts reached with what the tests of policies say. The logic is in ``plugin_utils/_access/live.py``."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.live import compare_live, render_live
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            {
                "trials": {"type": "dict", "required": True},
                "untried": {"type": "list", "elements": "str", "default": []},
                "answers": {"type": "str", "required": True},
            }
        )
        variables = task_vars or {}
        asked = set(variables["ansible_play_hosts_all"])
        trials = {host: parts for host, parts in arguments["trials"].items() if host in asked}
        hostvars = variables["hostvars"]
        compared = compare_live(trials, {host: hostvars.raw_get(host).get(arguments["answers"]) for host in trials})
        self._display.display("\n".join(["", *render_live(compared, arguments["untried"]), ""]))
        result.update(changed=False, agreed=compared.agreed, disagreements=compared.disagreements)
        failures = len(compared.disagreements) + len(compared.problems)
        if failures:
            result.update(failed=True, msg=f"{failures} results are not as the tests say, or are missing")
        return result
