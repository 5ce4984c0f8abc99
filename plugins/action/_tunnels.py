# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a table of the tunnels of this play's hosts, and fail unless each carries traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.results import (
    loop_results,
    read_choice,
    read_mapping,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.tunnels import read_tunnels, render_tunnels


class ActionModule(RunOnce, ActionBase):
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
        asked = [host for host in variables["ansible_play_hosts_all"] if host in plans]
        names = arguments["info"], arguments["probe"]
        answers = {host: _answer(hostvars.raw_get(host), names, plans[host]) for host in asked}
        rows = list(read_tunnels(plans, answers))
        self._display.display("\n".join(["", *render_tunnels(rows), ""]))
        result["warnings"] = list(dict.fromkeys(row.problem for row in rows if row.problem))
        up, down = (sum(row.up is state for row in rows) for state in (True, False))
        result.update(changed=False, up=up, down=down, unknown=len(rows) - up - down)
        if down:
            result.update(failed=True, msg=f"{down} of {len(rows)} tunnels carry no traffic")
        elif not asked:
            result.update(failed=True, msg="no host of this play is in a network")
        return result


def _answer(
    variables: Mapping[str, Any], names: Iterable[str], plan: Iterable[Mapping[str, Any]]
) -> dict[str, Any] | InputError:
    """What a host's tasks returned, each a loop over the host's interfaces, by interface; or what is wrong with it."""
    interfaces = [each["options"]["interface"] for each in plan]
    found: dict[str, dict[str, Any]] = {}
    try:
        for name in names:
            for result in loop_results(variables.get(name), name):
                # Where Ansible could not even begin the loop, there is no item.
                if "item" in result:
                    item = read_mapping(result["item"], f"{name}.item")
                    options = read_mapping(item.get("options"), f"{name}.item.options")
                    interface = read_choice(options.get("interface"), f"{name}.item.options.interface", interfaces)
                    found.setdefault(interface, {}).update(result)
    except InputError as error:
        return error
    return found
