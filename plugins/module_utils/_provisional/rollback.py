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
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

from .._converge.records import MANY, Record, list_operations
from .._converge.restore import plan_restore, restore
from .._host.dns import FoundNameServers
from .._host.kernel import Host
from .._host.zipapp import load_program
from .._model.errors import InputError
from .._model.parts import ALL_PARTS, Part
from .._model.state import RunningState
from .._store.files import remove_file
from .._store.lock import interface_lock
from .marker import record_path
from .record import Report, Unconfirmed, clock, find, find_report, forget, record_report
from .watchdog import CHECK, WatchdogError, program_path, stop

# A run that is still at it holds the lock. That it hangs must not cut the host off for ever.
_LOCK_SECONDS = 120.0
# At first what is in the way may be just what is being restored. Later it is for somebody to mend.
QUICK_ATTEMPTS, QUICK_PAUSE = 10, 2.0
SLOW_PAUSE, SLOW_SECONDS = 60.0, 24 * 3600.0
_MANY_CHANGES = 50


class RolledBack(NamedTuple):
    """What came back so far, and the parts that are still to be restored: the record is then still there."""

    report: Report
    left: tuple[Part, ...]


def roll_back(change: Unconfirmed, parts: Iterable[Part] = ALL_PARTS) -> RolledBack:
    """Put back these parts as far as possible, and destroy the record once nothing is left to restore.

    The caller has the lock of the interface. Raises InputError and OSError where the record cannot be destroyed.
    """
    before = change.before
    hosts = _hosts(change)
    found = _look(before.interface, hosts)
    restored = restore(before, *hosts, change.names, parts)
    problem = restored.problem
    if before.device.public_key and before.device.private_key is None:
        # To try again is of no use: the record does not have the key.
        problem = f"{change.key_file} has another private key than before" + (f"; {problem}" if problem else "")
    changes = [operation.describe() for operation in restored.done]
    report = _add(change, changes, problem, list_operations(restored.done, found))
    if not restored.problems:
        forget(change.interface)
        with suppress(InputError, OSError, WatchdogError):  # without a record it does nothing
            stop(change)
    return RolledBack(report, tuple(restored.problems))


def _look(interface: str, hosts: Iterable[Host | None]) -> RunningState:
    """What there is before anything is restored, as far as that can be read. It is only for the report."""
    for host in filter(None, hosts):
        with suppress(Exception):  # whatever it is, it must not keep anything from being restored
            state = host.read(interface)
            if state.exists:
                return state
    return RunningState(interface)


def _add(change: Unconfirmed, changes: list[str], problem: str, operations: list[Record]) -> Report:
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


def _hosts(change: Unconfirmed) -> tuple[Host, Host | None]:
    """Where the interface was, and where else it may be now."""
    servers = FoundNameServers() if change.with_dns else None

    def host(netns: str) -> Host:
        return Host(netns, change.birth_netns, None if netns else servers)

    return host(change.before.netns), host(change.netns) if change.netns != change.before.netns else None


def main(arguments: Sequence[str]) -> int:
    """The watchdog of a change, by the names of the interface and the change. With a third argument it only shows that
    it can do its work."""
    interface, name, *check = arguments
    if check == [CHECK]:
        return _check(interface, name)
    syslog.openlog("cryptokey-wireguard", syslog.LOG_PID, syslog.LOG_DAEMON)
    return _Watchdog(interface, name).run()


def _check(interface: str, name: str) -> int:
    try:
        change = find(interface)
        if change is None or change.change != name:
            raise WatchdogError(f"there is no unconfirmed change {name} of {interface}")
        _rehearse(change)
    except Exception as error:  # whatever it is, the run that asks must hear of it
        kind = "" if isinstance(error, (InputError, OSError, WatchdogError)) else f"{type(error).__name__}: "
        sys.stderr.write(f"{kind}{error}\n")
        return 1
    return 0


def _rehearse(change: Unconfirmed) -> None:
    """Do all of the work but for changing anything, in this very process: load every module, read every part, compare,
    and open what changes are made through."""
    load_program(change.program)
    for host in filter(None, _hosts(change)):
        host.rehearse()
        for step in plan_restore(host.read(change.interface), change.before, change.names):
            for operation in step:
                operation.describe()


class _Watchdog:
    """Waits until the time is over, or the change is confirmed, which removes the program and the record; then rolls
    back until all is back."""

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
                self._say(f"the rollback fails: {type(error).__name__}: {error}")
            pause = next(pauses, None)
            if pause is None:
                break
            time.sleep(pause)
        path = record_path(self._interface)
        self._say(f"no more attempts to roll back. The next run tries again, with what is recorded in {path}")
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
                self._say(f"{error}; rolling back all the same")
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
        change = find(self._interface)
        return change if change and change.change == self._name else None

    def _report(self, rolled: RolledBack) -> None:
        changes = rolled.report.changes[self._logged :]
        self._logged += len(changes)
        for change in changes[:_MANY_CHANGES]:
            self._log(syslog.LOG_WARNING, f"rolled back: {change}")
        if len(changes) > _MANY_CHANGES:
            self._log(syslog.LOG_WARNING, f"and {len(changes) - _MANY_CHANGES} more")
        if rolled.left:
            self._say(f"not all could be rolled back yet: {rolled.report.problem}. Trying again")
        elif rolled.report.problem:
            self._log(syslog.LOG_ERR, f"not all could be rolled back: {rolled.report.problem}")
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
