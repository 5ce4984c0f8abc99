# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roll back a change that was not confirmed. ``main`` is the watchdog's.

The record of what was before is destroyed only once all of it is back. Until then it is tried again. What was done is
in the journal, or wherever the host's syslog goes, and remembered for the next run that asks.
"""

from __future__ import annotations

import sys
import syslog
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from .._converge.records import MANY, Record, list_operations
from .._converge.restore import diff_restore, restore_state
from .._host.dns import FoundNameServers
from .._host.kernel import HostKernel
from .._host.trigger_handshake import start_new_sessions
from .._host.zipapp import load_program
from .._model.errors import InputError
from .._model.operations import Operation
from .._model.parts import ALL_PARTS, Part, only
from .._model.state import RunningState
from .._store.files import remove_file
from .._store.lock import interface_lock
from .marker import record_path
from .pending import UnconfirmedError
from .record import Report, Unconfirmed, clock, find_change, find_report, forget_change, record_report
from .watchdog import CHECK, WatchdogError, program_path, stop

# A run that still works holds the lock. If it hangs, the rollback must start nevertheless.
_LOCK_SECONDS = 120.0
# The first failures may be due to the state that is being restored. Later ones need an operator.
QUICK_ATTEMPTS, QUICK_PAUSE = 10, 2.0
SLOW_PAUSE, SLOW_SECONDS = 60.0, 24 * 3600.0
_MANY_CHANGES = 50
# After its time, a watchdog needs a moment to start and for its work: on a slow host half a minute.
_GRACE_SECONDS = 30.0


class RolledBack(NamedTuple):
    """``report``: what was restored so far. ``left``: the parts that are not restored yet; the record is then kept."""

    report: Report
    left: tuple[Part, ...]


def roll_back(change: Unconfirmed, parts: Iterable[Part] = ALL_PARTS) -> RolledBack:
    """Restore these parts as far as possible, and remove the record once everything is restored.

    The caller holds the lock of the interface. Raises InputError and OSError where the record cannot be removed.
    """
    before = change.before
    kernels = _kernels(change)
    found = _look(before.interface, kernels)
    restored = restore_state(before, *kernels, change.names, parts, partial(_revive, change))
    problem = restored.problem
    if before.device.public_key and before.device.private_key is None:
        # To try again is of no use: the record does not have the key.
        problem = f"{change.key_file} has another private key than before" + (f"; {problem}" if problem else "")
    changes = [operation.describe() for operation in restored.done]
    report = _extend_report(change, changes, problem, list_operations(restored.done, found))
    if not restored.problems:
        forget_change(change.interface)
        with suppress(InputError, OSError, WatchdogError):  # without a record it does nothing
            stop(change)
    return RolledBack(report, tuple(restored.problems))


def roll_back_overdue(interface: str, check_mode: bool, warnings: list[str]) -> None:
    """Roll back a change after its timeout. Raises UnconfirmedError before that, InputError and OSError.

    This does the work of a watchdog that was killed, or that could not restore everything.
    """
    change = find_change(interface)
    if change is None:
        return
    if check_mode or change.seconds_left > -_GRACE_SECONDS:
        raise UnconfirmedError(change)
    with interface_lock(interface):
        change = find_change(interface)
        if change is None:
            return
        rolled = roll_back(change)
    if rolled.left:
        problem = f"the state before its last change cannot be fully restored: {rolled.report.problem}"
        remedy = f"fix this and run again. To keep the running state instead, remove {record_path(interface)}"
        raise InputError("interface", interface, problem, remedy)
    but = f", but not completely: {rolled.report.problem}" if rolled.report.problem else ""
    warnings.append(f"{interface}: the last change was not confirmed in time, and was rolled back only now{but}")


def _revive(change: Unconfirmed, before: RunningState, operations: Sequence[Operation]) -> None:
    start_new_sessions(before, operations, change.birth_netns)


def _look(interface: str, kernels: Iterable[HostKernel | None]) -> RunningState:
    """What there is before anything is restored, as far as that can be read. It is only for the report."""
    for kernel in filter(None, kernels):
        with suppress(Exception):  # whatever it is, it must not keep anything from being restored
            state = only(kernel.read(interface, {Part.INTERFACE}), Part.INTERFACE)
            if state.exists:
                return state
    return RunningState(interface)


def _extend_report(change: Unconfirmed, changes: list[str], problem: str, operations: list[Record]) -> Report:
    """What came back in all attempts so far, remembered as far as that can be written."""
    earlier = find_report(change.interface)
    if earlier and earlier.change == change.change:
        if not changes and problem == earlier.problem:
            return earlier
        changes = [*earlier.changes, *changes]
        operations = [*earlier.operations, *operations][:MANY]
    report = Report(change.change, time.time(), changes, problem, operations)
    with suppress(InputError, OSError):
        record_report(change.interface, report)
    return report


def _kernels(change: Unconfirmed) -> tuple[HostKernel, HostKernel | None]:
    """Open the namespace where the interface was, and the one where it may be now."""
    servers = FoundNameServers() if change.with_dns else None

    def host(netns: str) -> HostKernel:
        return HostKernel(netns, change.birth_netns, None if netns else servers)

    return host(change.before.netns), host(change.netns) if change.netns != change.before.netns else None


def main(arguments: Sequence[str]) -> int:
    """Run the watchdog of a change. Arguments: the interface and the name of the change. With a third one, ``--check``,
    it only shows that it can do its work."""
    interface, name, *check = arguments
    if check == [CHECK]:
        return _check(interface, name)
    syslog.openlog("cryptokey-wireguard", syslog.LOG_PID, syslog.LOG_DAEMON)
    return _Watchdog(interface, name).run()


def _check(interface: str, name: str) -> int:
    try:
        change = find_change(interface)
        if change is None or change.change != name:
            raise WatchdogError(f"there is no unconfirmed change {name} of {interface}")
        _rehearse(change)
    except Exception as error:  # any error must reach the run that asks
        kind = "" if isinstance(error, (InputError, OSError, WatchdogError)) else f"{type(error).__name__}: "
        sys.stderr.write(f"{kind}{error}\n")
        return 1
    return 0


def _rehearse(change: Unconfirmed) -> None:
    """Do all of the work except the changes: load every module, read every part, compare, and open every socket."""
    load_program(change.program)
    for host in filter(None, _kernels(change)):
        host.rehearse(change.before)
        for step in diff_restore(host.read(change.interface), change.before, change.names):
            for operation in step:
                operation.describe()


class _Watchdog:
    """Waits for the deadline, then rolls back and retries until everything is restored. Confirming the change removes
    the program and the record, which ends the watchdog."""

    def __init__(self, interface: str, name: str) -> None:
        self._interface = interface
        self._name = name
        self._left: tuple[Part, ...] = ALL_PARTS
        self._begun = False
        self._said = ""
        self._logged = 0

    def run(self) -> int:
        pauses = _pauses()
        while True:
            try:
                if self._attempt():
                    return 0
            except Exception as error:  # whatever it is, another attempt may succeed, and the record stays
                self._say(f"the rollback failed: {type(error).__name__}: {error}")
            pause = next(pauses, None)
            if pause is None:
                break
            time.sleep(pause)
        path = record_path(self._interface)
        self._say(f"no more attempts to roll back. The next run tries again, from the record {path}")
        return 1

    def _attempt(self) -> bool:
        """Whether there is nothing left to do."""
        change = self._find()
        while change and change.seconds_left > 0:
            if not Path(change.program).exists():
                return True
            time.sleep(min(1.0, max(change.seconds_left, 0.0)))
        with ExitStack() as stack:
            try:
                stack.enter_context(interface_lock(self._interface, seconds=_LOCK_SECONDS))
            except InputError as error:
                self._say(f"{error}; rolling back anyway")
            # Again, as it may have been confirmed, or rolled back by a run, while this waited for the lock.
            change = self._find()
            if change is None:
                remove_file(program_path(self._name))
                return True
            if not self._begun:
                self._begun = True
                self._log(syslog.LOG_WARNING, f"the change {self._name} was not confirmed in time, rolling it back")
            rolled = roll_back(change, self._left)
        self._left = rolled.left
        self._report(rolled)
        return not rolled.left

    def _find(self) -> Unconfirmed | None:
        change = find_change(self._interface)
        return change if change and change.change == self._name else None

    def _report(self, rolled: RolledBack) -> None:
        changes = rolled.report.changes[self._logged :]
        self._logged += len(changes)
        for change in changes[:_MANY_CHANGES]:
            self._log(syslog.LOG_WARNING, f"rolled back: {change}")
        if len(changes) > _MANY_CHANGES:
            self._log(syslog.LOG_WARNING, f"and {len(changes) - _MANY_CHANGES} more")
        if rolled.left:
            self._say(f"not everything could be rolled back yet: {rolled.report.problem}. Trying again")
        elif rolled.report.problem:
            self._log(syslog.LOG_ERR, f"not everything could be rolled back: {rolled.report.problem}")
        else:
            self._log(syslog.LOG_WARNING, "the state before the change is restored")

    def _say(self, problem: str) -> None:
        """Once, however often it is tried."""
        if problem != self._said:
            self._log(syslog.LOG_ERR, problem)
        self._said = problem

    def _log(self, priority: int, text: str) -> None:
        syslog.syslog(priority, f"{self._interface}: {text}")


def _pauses() -> Iterator[float]:
    """Between two attempts."""
    yield from repeat(QUICK_PAUSE, QUICK_ATTEMPTS - 1)
    end = clock() + SLOW_SECONDS
    while clock() < end:
        yield SLOW_PAUSE
