# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a table of the tunnels of this play's hosts, and fails unless each carries traffic."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.tunnels import read_tunnels, render_table


class ActionModule(ActionBase):
    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict", "required": True},
                "info": {"type": "str", "required": True},
                "probe": {"type": "str", "required": True},
            }
        )
        variables = task_vars or {}
        plans, hostvars = arguments["plan"]["hosts"], variables["hostvars"]
        answers = {}
        for host in variables["ansible_play_hosts_all"]:
            if host in plans:
                of_host = hostvars[host]
                answers[host] = {**of_host.get(arguments["info"], {}), **of_host.get(arguments["probe"], {})}
        rows = list(read_tunnels(plans, answers))
        self._display.display("\n".join(["", *render_table(rows), ""]))
        down = sum(not row.up for row in rows)
        result.update(changed=False, up=len(rows) - down, down=down)
        if down or not rows:
            result.update(failed=True, msg=f"{down} of {len(rows)} tunnels carry no traffic")
        return result
