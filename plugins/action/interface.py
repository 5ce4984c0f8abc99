# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module, and confirm a provisional change over a new connection.

This is one task: with a thousand hosts, the first timeouts would end before the last host reaches a second task.
"""

from __future__ import annotations

import re
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import CONFIRM_SECONDS, NEVER
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.lifeline import ended_when_dead
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.provisional import (
    ReportedRollback,
    describe_pending_change,
    describe_rolled_back,
    describe_unreachable,
    read_pending,
    read_rollback,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.results import one_line

# Between two attempts at a new connection.
_PAUSE_SECONDS = 2.0
# How long after its timeout the old state can take to return and to accept connections.
_RETURN_SECONDS = 60.0
# After its time, a connection that comes alive again with the old state needs a moment.
_REVIVE_SECONDS = 10.0
# How far the ages that a host reports can be off.
_ROUNDING_SECONDS = 2.0
# The longest confirm_timeout, and time for the rollback: how long another run's change is waited for.
_SETTLE_SECONDS = 3600.0 + 120.0
# How much of the output of ssh or the host is shown.
_SHOWN = 2000
# What ssh prints if it could not connect, so nothing was started.
_NOT_MADE = re.compile(
    "connect to host|resolve hostname|banner exchange|kex_exchange|Host key verification|Permission denied"
)

Result = dict[str, Any]


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        self._variables = task_vars
        if self._task.async_val and not self._connection.has_native_async:
            result.update(self._execute_module(task_vars=task_vars, wrap_async=True))
            return result
        self._settle_and_run(result)
        if result.get("provisional"):
            confirmed = self._confirm(str(result.get("change")), self._begin + self._timeout)
            warnings = [*_warnings(result), *_warnings(confirmed)]
            result.update(confirmed, **({"warnings": warnings} if warnings else {}))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    @property
    def _timeout(self) -> int:
        try:
            return int(self._task.args.get("confirm_timeout") or CONFIRM_SECONDS)
        except (TypeError, ValueError):
            return CONFIRM_SECONDS  # the module refuses it

    @property
    def _host(self) -> str:
        return str((self._variables or {}).get("inventory_hostname", "the host"))

    def _settle_and_run(self, result: Result) -> None:
        """Run the module. If a change of another run is pending, wait for its end and run again."""
        first = time.monotonic()
        waited = ""
        while True:
            self._begin = time.monotonic()
            done = self._run_module()
            pending = read_pending(done)
            # Waiting does not finish a change that is long overdue.
            if pending is None or pending.seconds_left < -_RETURN_SECONDS or time.monotonic() - first > _SETTLE_SECONDS:
                break
            if waited != pending.change:
                waited = pending.change
                end = f"rolled back at {pending.deadline}, which is in {max(pending.seconds_left, 0)} seconds"
                what = f"another run's change of {self._interface} is not confirmed yet"
                self._display.warning(f"{self._host}: {what}. Waiting until it is confirmed, or {end}")
            time.sleep(min(max(pending.seconds_left, _PAUSE_SECONDS), _PAUSE_SECONDS * 5))
        result.update(done)
        if waited:
            words = f"waited {time.monotonic() - first:.0f} seconds for another run's change of {self._interface}"
            result["warnings"] = [*_warnings(result), f"{self._host}: {words}"]

    @property
    def _interface(self) -> str:
        return str(self._task.args.get("interface"))

    def _run_module(self) -> Result:
        if self._task.args.get("confirm") in (None, NEVER):
            return dict(self._execute_module(task_vars=self._variables))
        try:
            with ended_when_dead(self._connection, self._timeout + _REVIVE_SECONDS):
                return dict(self._execute_module(task_vars=self._variables))
        except AnsibleConnectionFailure as error:
            if self._connection._shell.tmpdir is None and _NOT_MADE.search(str(error)):
                raise
            return self._lost(error)

    def _lost(self, error: AnsibleConnectionFailure) -> Result:
        """The result of a change that was lost with the connection, by what the host says over a new one.

        Raises AnsibleConnectionFailure if the host does not answer or has no such change.
        """
        begin = self._begin
        end = max(begin + self._timeout, time.monotonic()) + _RETURN_SECONDS
        cut = f"the connection was lost while {self._interface} was changed: {_shown(error).rstrip(':.')}"
        limit = f"for up to {end - time.monotonic():.0f} seconds"
        self._display.warning(f"{self._host}: {cut}. Asking the host over a new connection, {limit}")
        while time.monotonic() < end:
            answer = self._ask("reported", None)
            since = time.monotonic() - begin + _ROUNDING_SECONDS
            pending, back = read_pending(answer), read_rollback(answer)
            if pending and pending.seconds_ago <= since:
                back = read_rollback(self._ask("rolled_back", pending.change))
            if back and back.seconds_ago <= time.monotonic() - begin + _ROUNDING_SECONDS:
                return self._failure(cut, back)
            if not pending and "rolled_back" in answer:
                what = f"{self._interface} has no provisional change, so nothing is rolled back. Run again"
                raise AnsibleConnectionFailure(f"{cut}. The host can be reached again: {what}") from None
            time.sleep(_PAUSE_SECONDS)
        away = describe_unreachable(self._host, self._interface, time.monotonic() - begin)
        raise AnsibleConnectionFailure(f"{cut}. {away}") from None

    def _confirm(self, change: str, deadline: float) -> Result:
        """What the result becomes. ``deadline`` is when the old state comes back, in seconds of the monotonic clock,
        and a little before that: the host counts from later on."""
        # Once at least: where the change has cut the connection, the result came when the time was over.
        while True:
            answer = self._ask("confirmed", change)
            if answer.get("failed"):
                problem = _shown(answer.get("msg"))
                break
            if isinstance(answer.get("tunnels"), list):
                return {"provisional": False, "tunnels": answer["tunnels"], "warnings": answer.get("warnings")}
            problem = f"the host cannot be reached over a new connection: {answer.get('unreachable', 'no answer')}"
            if time.monotonic() >= deadline:
                self._display.warning(f"{self._host}: {problem}. Waiting until it has restored the previous state.")
                break
            time.sleep(_PAUSE_SECONDS)
        return self._return(problem, change, deadline)

    def _return(self, problem: str, change: str, deadline: float) -> Result:
        """The failure, once the host has told what was rolled back, or has not been heard of in time."""
        begin = time.monotonic()
        end = max(deadline, begin) + _RETURN_SECONDS
        while time.monotonic() < end:
            answer = self._ask("rolled_back", change)
            back = read_rollback(answer)
            if back or ("rolled_back" in answer and answer["rolled_back"] is None):
                return self._failure(problem, back)
            if answer.get("failed"):
                problem = f"{problem}. {_shown(answer.get('msg')).rstrip('.')}"
                reported = self._reported(problem, change)
                if reported:
                    return reported
                break
            time.sleep(_PAUSE_SECONDS)
        away = describe_unreachable(self._host, self._interface, time.monotonic() - begin)
        return {"provisional": False, "failed": True, "rolled_back": None, "msg": f"{problem}. {away}"}

    def _reported(self, problem: str, change: str) -> Result | None:
        """The failure by what the host says of a change that it could not roll back when it was asked to; None where
        it does not say anything."""
        answer = self._ask("reported", None)
        pending, back = read_pending(answer), read_rollback(answer)
        if pending and pending.change == change:
            known = describe_pending_change(pending)
            return {"provisional": False, "failed": True, "rolled_back": None, "msg": f"{problem}. {known}"}
        if "rolled_back" in answer and (back or answer["rolled_back"] is None):
            return self._failure(problem, back if back and back.change == change else None)
        return None

    def _failure(self, problem: str, back: ReportedRollback | None) -> Result:
        known = (
            describe_rolled_back(back) if back else "The change is no longer pending on the host; it may have rebooted"
        )
        plain = back._asdict() if back else {}
        return {"provisional": False, "failed": True, "rolled_back": plain, "msg": f"{problem}. {known}"}

    def _ask(self, state: str, change: str | None) -> Result:
        """The answer of the module ``confirm`` over a new connection; ``unreachable`` says why there is none."""
        arguments = {"interface": self._interface, "change": change, "state": state}
        left = self._begin + self._timeout - time.monotonic()
        try:
            self._connection.reset()
            with ended_when_dead(self._connection, max(left, 0.0) + _REVIVE_SECONDS):
                return dict(
                    self._execute_module(
                        "cryptokey.wireguard.confirm", module_args=arguments, task_vars=self._variables
                    )
                )
        except AnsibleConnectionFailure as error:
            return {"unreachable": _shown(error)}


def _warnings(answer: Result) -> list[str]:
    """Read the warnings of a module. They are untrusted, as the host can invent them."""
    found = answer.pop("warnings", None)
    return [_shown(each) for each in found] if isinstance(found, list) else []


def _shown(said: object) -> str:
    """Make the output of ssh or the host safe to print."""
    return one_line(str(said).strip(), _SHOWN)
