# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module, and confirms a change that it has made provisionally, over a new connection.

It is one task, since a thousand hosts would be over their time before the last of them has come to the next one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._arguments import CONFIRM_SECONDS, NEVER

# Between two attempts at a new connection.
_PAUSE_SECONDS = 2.0
# How long after its time the old state may take to be back, and to let Ansible in.
_RETURN_SECONDS = 60.0

Result = dict[str, Any]


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        later = bool(self._task.async_val and not self._connection.has_native_async)
        begin = time.monotonic()
        try:
            result.update(self._execute_module(task_vars=task_vars, wrap_async=later))
        except AnsibleConnectionFailure as error:
            if self._task.args.get("confirm") in (None, NEVER):
                raise
            hint = f"If this change cut the connection, the host undoes it {self._timeout} seconds after it was made."
            raise AnsibleConnectionFailure(f"{error}\n{hint}") from error
        if result.get("provisional") and not later:
            result.update(self._confirm(result, begin + self._timeout, task_vars))
        if not later:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    @property
    def _timeout(self) -> int:
        return int(self._task.args.get("confirm_timeout") or CONFIRM_SECONDS)

    def _confirm(self, done: Mapping[str, Any], deadline: float, task_vars: Result | None) -> Result:
        """What becomes of the result. ``deadline`` is when the old state comes back, in seconds of the monotonic clock,
        and a little before that: the host counts from later on."""
        # Once at least: where the change has cut the connection, the result came when the time was over.
        while True:
            answer = self._ask("confirmed", done, task_vars)
            if answer.get("failed"):
                problem = str(answer.get("msg"))
                break
            if "tunnels" in answer:
                return {"provisional": False, "tunnels": answer["tunnels"]}
            problem = f"the host cannot be reached over a new connection: {answer['unreachable']}"
            if time.monotonic() >= deadline:
                self._display.warning(f"{problem}. Waiting for it to put back what was before the change.")
                break
            time.sleep(_PAUSE_SECONDS)
        back = self._return(done, deadline, task_vars)
        return {"provisional": False, "failed": True, "rolled_back": back, "msg": f"{problem}. {_told(back)}"}

    def _return(self, done: Mapping[str, Any], deadline: float, task_vars: Result | None) -> Result | None:
        """What has come back, None where the host has not been heard of; empty where it does not know of the change."""
        end = max(deadline, time.monotonic()) + _RETURN_SECONDS
        while time.monotonic() < end:
            answer = self._ask("rolled_back", done, task_vars)
            if "rolled_back" in answer:
                return dict(answer["rolled_back"] or {})
            if answer.get("failed"):
                return None
            time.sleep(_PAUSE_SECONDS)
        return None

    def _ask(self, state: str, done: Mapping[str, Any], task_vars: Result | None) -> Result:
        """The answer of the module ``confirm`` over a new connection; ``unreachable`` says why there is none."""
        arguments = {"interface": self._task.args.get("interface"), "change": done["change"], "state": state}
        try:
            self._connection.reset()
            return dict(self._execute_module("cryptokey.wireguard.confirm", module_args=arguments, task_vars=task_vars))
        except AnsibleConnectionFailure as error:
            return {"unreachable": str(error).strip()}


def _told(back: Mapping[str, Any] | None) -> str:
    if back is None:
        return "Whether what was before is back is not known, as the host does not answer"
    if not back:
        return "The host knows of no such change any more, as after a reboot"
    what = "; ".join(back["operations"]) or "nothing was left to do"
    if back["problem"]:
        return f"Not all of what was before came back at {back['date']}: {back['problem']}; done was: {what}"
    return f"What was before is back since {back['date']}: {what}"
