# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts back what was before a change that nobody has confirmed. ``main`` is the watchdog's.

What it does is in the journal, or wherever the host's syslog goes, and remembered for the next run that asks.
"""

from __future__ import annotations

import sys
import syslog
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from ._converge.restore import plan_restore
from ._converge.runner import restore
from ._files import remove_file
from ._kernel.dns import find_name_servers
from ._kernel.host import Host
from ._lock import interface_lock
from ._model.errors import InputError
from ._program import load_program
from ._unconfirmed import Report, Unconfirmed, find, forget, record_report
from ._watchdog import CHECK, stop

# A run that is still at it holds the lock. That it hangs must not cut the host off for ever.
_LOCK_SECONDS = 120.0
_ATTEMPTS = 5
_PAUSE_SECONDS = 2.0
_MANY_OPERATIONS = 50


def roll_back(change: Unconfirmed, attempts: int = 1) -> Report:
    """Put it back, and destroy the record, also when not all came back: the next run then sees to the rest.

    The caller has the lock of the interface. Raises InputError and OSError where the record cannot be destroyed.
    """
    problem = ""
    done: list[str] = []
    for attempt in range(attempts):
        time.sleep(_PAUSE_SECONDS if attempt else 0)
        operations, problem = _restore(change)
        done += operations
        if not problem:
            break
    report = Report(change.change, time.time(), done, problem)
    with suppress(InputError, OSError):
        record_report(change.interface, report)
    forget(change.interface)
    stop(change)
    return report


def _hosts(change: Unconfirmed) -> tuple[Host, Host | None]:
    """Where the interface was, and where else it may be now."""
    servers = find_name_servers() if change.with_dns else None

    def host(netns: str) -> Host:
        return Host(netns, change.birth_netns, None if netns else servers)

    return host(change.before.netns), host(change.netns) if change.netns != change.before.netns else None


def _restore(change: Unconfirmed) -> tuple[list[str], str]:
    """What was done, in words, and why that was not all."""
    before = change.before
    try:
        restored = restore(before, *_hosts(change), change.names)
    except OSError as error:
        return [], str(error)
    problem = "; ".join(f"still to do: {operation.describe()}" for operation in restored.left)
    if before.device.public_key and before.device.private_key is None:
        problem = f"{change.key_file} has another private key than before" + (f"; {problem}" if problem else "")
    return [operation.describe() for operation in restored.done], problem


def _check(change: Unconfirmed) -> None:
    """Do all of the work but for changing anything, in this very process: load every module, read, compare, and open
    what changes are made through."""
    load_program(change.program)
    for host in filter(None, _hosts(change)):
        host.rehearse()
        for step in plan_restore(host.read(change.interface), change.before, change.names):
            for operation in step:
                operation.describe()


def main(arguments: Sequence[str]) -> int:
    """The watchdog of a change, by the names of the interface and the change; with a third argument it only shows that
    it can do its work. Waits until the time is over, or the change is confirmed, which takes its own file away."""
    interface, name, *check = arguments
    change = find(interface)
    if change is None or change.change != name:
        sys.stderr.write(f"there is no unconfirmed change {name} of {interface}\n")
        return 1
    if check == [CHECK]:
        try:
            _check(change)
        except Exception as error:  # whatever it is, the run that asks must hear of it
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            return 1
        return 0
    while change.seconds_left > 0:
        if not Path(change.program).exists():
            return 0
        time.sleep(min(1.0, max(change.seconds_left, 0.0)))
    program = change.program
    syslog.openlog("cryptokey-wireguard", syslog.LOG_PID, syslog.LOG_DAEMON)
    with ExitStack() as stack:
        try:
            stack.enter_context(interface_lock(interface, seconds=_LOCK_SECONDS))
        except InputError as error:
            syslog.syslog(syslog.LOG_WARNING, f"{error}; rolling back all the same")
        change = find(interface)
        if change is None or change.change != name:
            remove_file(program)
            return 0
        syslog.syslog(syslog.LOG_WARNING, f"{interface}: the change {name} was not confirmed in time, rolling it back")
        report = roll_back(change, _ATTEMPTS)
    _log(interface, report)
    return int(bool(report.problem))


def _log(interface: str, report: Report) -> None:
    for operation in report.operations[:_MANY_OPERATIONS]:
        syslog.syslog(syslog.LOG_WARNING, f"{interface}: rolled back: {operation}")
    if len(report.operations) > _MANY_OPERATIONS:
        syslog.syslog(syslog.LOG_WARNING, f"{interface}: and {len(report.operations) - _MANY_OPERATIONS} more")
    if report.problem:
        syslog.syslog(syslog.LOG_ERR, f"{interface}: not all could be rolled back: {report.problem}")
    else:
        syslog.syslog(syslog.LOG_WARNING, f"{interface}: what was before the change is back")
