# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirm a provisional change of a host, or roll it back: ``confirm``, without Ansible."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from .._host.kernel import HostKernel
from .._host.trigger_handshake import trigger_handshakes
from .._model.errors import InputError
from .._model.names import parse_interface_name
from .._model.parts import Part, only
from .._model.state import RunningState
from .._provisional import watchdog
from .._provisional.proof import RequiredProof, missing_proofs, required_proofs
from .._provisional.record import Report, Unconfirmed, find_change, find_report, forget_change
from .._provisional.rollback import roll_back
from .._store.endpoints import load_endpoints, record_endpoints
from .._store.last_netns import record_last_netns
from .._store.lock import interface_lock

_POLL_SECONDS = 0.5
# Seconds reserved at the end to report a failure.
_RESERVE_SECONDS = 5.0
_TRIGGER_SECONDS = 2.0
_MANY_PEERS = 50
_NAMED = 5


class ConfirmError(Exception):
    """The change is not confirmed; the message says why, and what happens to it."""


class ConfirmResult(NamedTuple):
    """``tunnels``: the peers that answered. ``report``: what was rolled back, now or earlier. ``pending``: the change
    that is neither confirmed nor fully rolled back. ``warnings``: what failed after the confirmation."""

    changed: bool
    tunnels: list[str]
    report: Report | None = None
    pending: Unconfirmed | None = None
    warnings: tuple[str, ...] = ()


def confirm(options: Mapping[str, Any], check_mode: bool = False) -> ConfirmResult:
    """Keep the change once the tunnels that it affects carry traffic. Raises ConfirmError, InputError and OSError."""
    interface = parse_interface_name(options["interface"])
    change = _find(interface, options.get("change"))
    proved = _wait_for_proof(change)
    if check_mode:
        return ConfirmResult(True, proved)
    with interface_lock(interface):
        _find(interface, change.change)
        forget_change(interface)
        warnings = _remember(change)
        with suppress(InputError, OSError, watchdog.WatchdogError):  # without a record it does nothing
            watchdog.stop(change)
    return ConfirmResult(True, proved, warnings=warnings)


def _remember(change: Unconfirmed) -> tuple[str, ...]:
    """Record what was applied, after the change is confirmed. Return warnings for what could not be recorded.

    After a crash or a failure here the change stays, and the next run applies these parts once more.
    """
    interface = change.interface
    steps: tuple[tuple[str, Callable[[], None]], ...] = (
        ("endpoints", lambda: record_endpoints(interface, change.endpoints, load_endpoints(interface))),
        ("network namespace", lambda: record_last_netns(interface, change.netns)),
    )
    return tuple(warning for what, step in steps for warning in _warnings(interface, what, step))


def _warnings(interface: str, what: str, step: Callable[[], None]) -> Iterator[str]:
    try:
        step()
    except (InputError, OSError) as error:
        yield f"{interface}: the change is confirmed, but its {what} could not be recorded: {error}"


def ensure_rolled_back(options: Mapping[str, Any], check_mode: bool = False) -> ConfirmResult:
    """Roll the change back now, or report an earlier rollback. Raises InputError and OSError."""
    interface = parse_interface_name(options["interface"])
    with interface_lock(interface):
        change = find_change(interface)
        wanted = options.get("change")
        if change is None or (wanted and change.change != wanted):
            report = find_report(interface)
            return ConfirmResult(False, [], report if report and wanted in (None, report.change) else None)
        if check_mode:
            return ConfirmResult(True, [], None, change)
        rolled = roll_back(change)
        return ConfirmResult(True, [], rolled.report, change if rolled.left else None)


def read_unconfirmed(options: Mapping[str, Any]) -> ConfirmResult:
    """Read the unconfirmed change and the last rollback. Raises InputError and OSError."""
    interface = parse_interface_name(options["interface"])
    return ConfirmResult(False, [], find_report(interface), find_change(interface))


def _find(interface: str, name: str | None) -> Unconfirmed:
    """Find the unconfirmed change, by its name if one is given."""
    change = find_change(interface)
    report = find_report(interface)
    if change and (not name or change.change == name):
        if report and report.change == change.change:
            raise ConfirmError(
                f"{interface}: the change is being rolled back, but not everything is restored yet: {report.problem}"
            )
        return change
    if report and name == report.change:
        raise ConfirmError(f"{interface}: the change was rolled back at {report.date}, before it was confirmed")
    last = f"; the last one that was not confirmed was rolled back at {report.date}" if report else ""
    raise ConfirmError(f"{interface}: there is no unconfirmed change{f' {name}' if name else ''}{last}")


def _wait_for_proof(change: Unconfirmed) -> list[str]:
    """Wait until the peers have answered, and return their names."""
    host = HostKernel(change.netns, change.birth_netns)

    def read() -> RunningState:
        """Read only the interface. The other parts depend on programs that may hang, and do not matter here."""
        return only(host.read(change.interface, {Part.INTERFACE}), Part.INTERFACE)

    state = read()
    wanted = required_proofs(only(change.before, Part.INTERFACE), state, change.armed_at)
    triggered = 0.0
    while missing := missing_proofs(wanted, state.device.peers):
        if change.seconds_left < _RESERVE_SECONDS:
            raise ConfirmError(_no_proof(change, missing))
        if time.monotonic() - triggered > _TRIGGER_SECONDS:
            trigger_handshakes(change.netns, state, [key for need in missing for key in list(need.peers)[:_MANY_PEERS]])
            triggered = time.monotonic()
        time.sleep(_POLL_SECONDS)
        state = read()
    return sorted({change.names.get(key, str(key)) for need in wanted for key in need.peers})


def _no_proof(change: Unconfirmed, missing: list[RequiredProof]) -> str:
    silent = "; ".join(
        " or ".join(change.names.get(key, str(key)) for key in list(need.peers)[:_NAMED]) for need in missing
    )
    left = max(change.seconds_left, 0)
    return (
        f"{change.interface}: nothing was received through the tunnel from {silent} since the change. "
        f"The change is not confirmed, and is rolled back in {left:.0f} s"
    )
