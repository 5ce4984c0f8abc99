# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether a rolling update may continue. The logic is in ``_plan/batches.py``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.batches import describe_stop

# The group that says that the run has ended early.
TUNNELS_DOWN = "network_tunnels_down"


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            {
                "plan": {"type": "dict", "required": True},
                "proof": {"type": "str", "required": True},
                "begun": {"type": "str", "required": True},
                "fail": {"type": "bool", "default": False},
            }
        )
        variables, plan = task_vars or {}, arguments["plan"]
        known = {host: variables["hostvars"].raw_get(host) for batch in plan["batches"] for host in batch}
        found = {host: values.get(arguments["proof"]) for host, values in known.items()}
        proofs = {host: proof for host, proof in found.items() if proof is not None and not _is_skipped(proof)}
        there = set(variables["ansible_play_hosts"])
        begun = {host for host, values in known.items() if _has_begun(values.get(arguments["begun"]))}
        failed = [hub for hub in plan["hubs"] if hub in begun and hub not in there]
        end = describe_stop(plan["batches"], proofs, failed)
        result.update(changed=False, stop=bool(end), msg=end)
        if end:
            result.update(add_group=TUNNELS_DOWN, parent_groups=["all"])
        if end and arguments["fail"]:
            result["failed"] = True
        return result


def _has_begun(update: object) -> bool:
    """Whether the host answered when its update began, so that a failure can be one of the update."""
    return isinstance(update, Mapping) and not (update.get("unreachable") is True and "begun" not in update)


def _is_skipped(proof: object) -> bool:
    """Whether Ansible skipped the task for the host."""
    return isinstance(proof, Mapping) and proof.get("skipped") is True
