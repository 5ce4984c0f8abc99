# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``confirm`` does on a host: a provisional change is proved good and stays, or is rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from .._host.kernel import Host
from .._host.trigger_handshake import nudge
from .._model.errors import InputError
from .._model.names import parse_interface_name
from .._model.parts import Part, only
from .._model.state import RunningState
from .._provisional import watchdog
from .._provisional.marker import record_path
from .._provisional.pending import UnconfirmedError
from .._provisional.proof import Need, needs, unproved
from .._provisional.record import Report, Unconfirmed, find, find_report, forget
from .._provisional.rollback import roll_back
from .._store.endpoints import load_endpoints, record_endpoints
from .._store.last_netns import record_place
from .._store.lock import interface_lock

# After its time, a watchdog needs a moment to start and for its work: on a slow host half a minute.
_GRACE_SECONDS = 30.0
_POLL_SECONDS = 0.5
# What is left of the time to answer that it was not enough.
_RESERVE_SECONDS = 5.0
_NUDGE_SECONDS = 2.0
_MANY_PEERS = 50
_NAMED = 5


class ConfirmError(Exception):
    """The change is not confirmed; the message says why, and what happens to it."""


class Answer(NamedTuple):
    """``tunnels``: the peers that have shown to be there. ``report`` is what was rolled back, now or before, and
    ``pending`` the change that is neither confirmed nor wholly rolled back. ``warnings``: what failed after that."""

    changed: bool
    tunnels: list[str]
    report: Report | None = None
    pending: Unconfirmed | None = None
    warnings: tuple[str, ...] = ()


def confirm(options: Mapping[str, Any], check_mode: bool = False) -> Answer:
    """Have the change stay, once the tunnels that it concerns carry traffic. Raises ConfirmError,
    InputError and OSError."""
    interface = parse_interface_name(options["interface"])
    change = _find(interface, options.get("change"))
    proved = _wait_for_proof(change)
    if check_mode:
        return Answer(True, proved)
    with interface_lock(interface):
        _find(interface, change.change)
        forget(interface)
        warnings = _remember(change)
        with suppress(InputError, OSError, watchdog.WatchdogError):  # without a record it does nothing
            watchdog.stop(change)
    return Answer(True, proved, warnings=warnings)


def _remember(change: Unconfirmed) -> tuple[str, ...]:
    """Remember what was applied, after the change is confirmed: were a crash to come in between, it is applied once
    more. So it is where this fails, and the change stays: gives warnings."""
    interface = change.interface
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("endpoints", lambda: record_endpoints(interface, change.endpoints, load_endpoints(interface))),
        ("network namespace", lambda: record_place(interface, change.netns)),
    )
    return tuple(warning for what, step in steps for warning in _warnings(interface, what, step))


def _warnings(interface: str, what: str, step: Callable[[], None]) -> Iterator[str]:
    try:
        step()
    except (InputError, OSError) as error:
        yield f"{interface}: the change is confirmed, but its {what} could not be recorded: {error}"


def ensure_rolled_back(options: Mapping[str, Any], check_mode: bool = False) -> Answer:
    """Have it rolled back now, or tell what was, where that is done. Raises InputError and OSError."""
    interface = parse_interface_name(options["interface"])
    with interface_lock(interface):
        change = find(interface)
        wanted = options.get("change")
        if change is None or (wanted and change.change != wanted):
            report = find_report(interface)
            return Answer(False, [], report if report and wanted in (None, report.change) else None)
        if check_mode:
            return Answer(True, [], None, change)
        rolled = roll_back(change)
        return Answer(True, [], rolled.report, change if rolled.left else None)


def look(options: Mapping[str, Any]) -> Answer:
    """What waits, and what was rolled back last. Raises InputError and OSError."""
    interface = parse_interface_name(options["interface"])
    return Answer(False, [], find_report(interface), find(interface))


def settle(interface: str, check_mode: bool, warnings: list[str]) -> None:
    """Make sure that no change of the interface is unconfirmed. Raises UnconfirmedError while one waits, and InputError
    and OSError.

    A watchdog that somebody has ended, or that cannot restore all, does not keep an interface in suspense: its work is
    then done here.
    """
    change = find(interface)
    if change is None:
        return
    if check_mode or change.seconds_left > -_GRACE_SECONDS:
        raise UnconfirmedError(change)
    with interface_lock(interface):
        change = find(interface)
        if change is None:
            return
        rolled = roll_back(change)
    if rolled.left:
        problem = f"not all of what was before its last change can be restored: {rolled.report.problem}"
        remedy = f"solve this and run again. To keep what runs now instead, remove {record_path(interface)}"
        raise InputError("interface", interface, problem, remedy)
    but = f", but not all of it: {rolled.report.problem}" if rolled.report.problem else ""
    warnings.append(f"{interface}: the last change was not confirmed in time, and was rolled back only now{but}")


def _find(interface: str, name: str | None) -> Unconfirmed:
    """The change that waits, by its name where one is given."""
    change = find(interface)
    report = find_report(interface)
    if change and (not name or change.change == name):
        if report and report.change == change.change:
            raise ConfirmError(f"{interface}: the change is being rolled back, and not all is back: {report.problem}")
        return change
    if report and name == report.change:
        raise ConfirmError(f"{interface}: the change was rolled back at {report.date}, before it was confirmed")
    last = f"; the last one that was not confirmed was rolled back at {report.date}" if report else ""
    raise ConfirmError(f"{interface}: there is no unconfirmed change{f' {name}' if name else ''}{last}")


def _wait_for_proof(change: Unconfirmed) -> list[str]:
    """The peers that have shown that they are there, by name."""
    host = Host(change.netns, change.birth_netns)

    def read() -> RunningState:
        """Without the parts that depend on programs, which may hang, and tell nothing of tunnels."""
        return only(host.read(change.interface, {Part.INTERFACE}), Part.INTERFACE)

    state = read()
    wanted = needs(only(change.before, Part.INTERFACE), state, change.armed_at)
    nudged = 0.0
    while missing := unproved(wanted, state.device.peers):
        if change.seconds_left < _RESERVE_SECONDS:
            raise ConfirmError(_no_proof(change, missing))
        if time.monotonic() - nudged > _NUDGE_SECONDS:
            nudge(change.netns, state, [key for need in missing for key in list(need.peers)[:_MANY_PEERS]])
            nudged = time.monotonic()
        time.sleep(_POLL_SECONDS)
        state = read()
    return sorted({change.names.get(key, str(key)) for need in wanted for key in need.peers})


def _no_proof(change: Unconfirmed, missing: list[Need]) -> str:
    silent = "; ".join(
        " or ".join(change.names.get(key, str(key)) for key in list(need.peers)[:_NAMED]) for need in missing
    )
    left = max(change.seconds_left, 0)
    return (
        f"{change.interface}: nothing came through the tunnel from {silent} since the change, so that it is not "
        f"confirmed. It is rolled back in {left:.0f} s"
    )
