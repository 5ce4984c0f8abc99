# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create and change an interface: ``interface``, without Ansible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._converge.result import ConvergeResult
from .._host.resolve import Resolver
from .._model.names import parse_interface_name
from .._provisional.marker import is_recorded
from .._provisional.pending import refuse_unconfirmed
from .._store.endpoints import record_endpoints
from .._store.last_netns import record_last_netns
from .._store.lock import one_at_a_time
from .running import Examined, examine, with_names


def end_unconfirmed(options: Mapping[str, Any], check_mode: bool, warnings: list[str]) -> None:
    """Roll back an unconfirmed change of the interface after its timeout.

    Raises UnconfirmedError before the timeout, InputError and OSError.
    """
    interface = parse_interface_name(options["interface"])
    if is_recorded(interface):
        from .._provisional.rollback import roll_back_overdue

        roll_back_overdue(interface, check_mode, warnings)


def ensure_present(options: Mapping[str, Any], check_mode: bool, warnings: list[str]) -> ConvergeResult:
    """Converge the interface to the options. Raises InputError, MissingLibrary, KernelError and ConvergeError.

    The state is read again after names were resolved.
    """

    def attempt(said: list[str], resolver: Resolver) -> ConvergeResult:
        return _ensure_present(options, check_mode, said, resolver)

    return with_names(options, warnings, attempt)


@one_at_a_time
def _ensure_present(
    options: Mapping[str, Any], check_mode: bool, warnings: list[str], resolver: Resolver
) -> ConvergeResult:
    """Converge once under the lock. Raises NamesMissing before anything is touched, and UnconfirmedError if an
    unconfirmed change is recorded.

    The result is an InterfaceResult if there is something to change.
    """
    refuse_unconfirmed(parse_interface_name(options["interface"]))
    found = examine(options, check_mode, warnings, resolver)
    desired, (before, after, _origin) = found.desired, found.comparison
    if found.comparison.is_equal:
        resolver.check()
        warnings += resolver.warnings
        if not check_mode:
            _record(found)
        return ConvergeResult(before, after, (), desired.peer_names)
    from .._host.trigger_handshake import start_new_sessions
    from .applying import apply_change

    result = apply_change(found, options, check_mode)
    warnings += resolver.warnings
    if result.operations and not check_mode:
        # First, as it does not depend on what can be written.
        start_new_sessions(result.after, result.operations, desired.birth_netns)
    if not check_mode and not result.unconfirmed:
        _record(found)
    return result


def _record(found: Examined) -> None:
    """Remember what is applied. Raises InputError and OSError."""
    desired = found.desired
    record_endpoints(desired.interface, found.endpoints(found.comparison.after), found.recorded)
    record_last_netns(desired.interface, desired.netns)
    found.remember_table()
