# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply a change of an interface, or remove it: the half of ``interface`` that few runs load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._converge.engine import carry_out, remove
from .._converge.records import list_operations
from .._converge.result import ConvergeError, ConvergeResult
from .._host.dns import FoundNameServers
from .._host.resolve import Resolver
from .._model.interface import PeerNames
from .._model.names import parse_interface_name, parse_netns
from .._model.operations import Operation
from .._model.state import RunningState
from .._netlink.namespace import has_link
from .._provisional.guard import RollbackGuard
from .._provisional.pending import refuse_unconfirmed
from .._store.endpoints import check_recordable, forget_endpoints
from .._store.last_netns import load_last_netns, record_last_netns
from .._store.lock import one_at_a_time
from .._store.table_record import forget_rules
from .running import Examined, open_kernel

if TYPE_CHECKING:
    from .._provisional.record import Unconfirmed


@dataclass(frozen=True)
class InterfaceResult(ConvergeResult):
    """``unconfirmed``: the change, if it is provisional. Its endpoints are recorded only once it is confirmed."""

    unconfirmed: Unconfirmed | None = None


def apply_change(found: Examined, options: Mapping[str, Any], check_mode: bool) -> InterfaceResult:
    """Converge the interface, under its lock.

    Raises NamesMissing before anything is touched if names are to be resolved first, and as ``carry_out`` does.
    """
    desired, resolver = found.desired, found.resolver
    if not check_mode:
        check_recordable(desired, found.recorded)
    guard = RollbackGuard(options, desired, found.with_dns, found.endpoints)
    after_lookup = _GuardAfterLookup(guard, resolver, desired.birth_netns)
    result = carry_out(found.comparison, desired, found.kernel, found.circumstances, check_mode, after_lookup)
    if check_mode or not result.operations:
        resolver.check()
    return InterfaceResult(**vars(result), unconfirmed=guard.unconfirmed)


@one_at_a_time
def ensure_absent(options: Mapping[str, Any], check_mode: bool) -> ConvergeResult:
    """Remove the interface from its namespace, or from its last one. Raises as ``ensure_present``.

    The interface is removed even if its name servers or netfilter table cannot be. Then ConvergeError is raised.
    """
    interface = parse_interface_name(options["interface"])
    refuse_unconfirmed(interface)
    netns = parse_netns(options.get("netns"), "netns")
    if not has_link(netns, interface) and has_link(load_last_netns(interface), interface):
        netns = load_last_netns(interface)
    kernel = open_kernel(interface, check_mode, netns, "", FoundNameServers())
    removal = remove(interface, kernel, check_mode, Unguarded(""))
    if not check_mode:
        forget_endpoints(interface)
        record_last_netns(interface, "")
        forget_rules(interface)
    if removal.problem:
        known = "would be removed anyway" if check_mode else "is removed anyway"
        raise ConvergeError(
            f"{interface}: some of its parts cannot be removed: {removal.problem}. The interface itself {known}. "
            "Fix this and run again"
        )
    return removal


def describe_change(result: ConvergeResult) -> dict[str, Any]:
    """What the module returns about a change besides its description for people."""
    described: dict[str, Any] = {"operations": list_operations(result.operations, result.before)}
    if isinstance(result, InterfaceResult) and result.unconfirmed:
        change = result.unconfirmed
        described.update(provisional=True, change=change.change, deadline=change.date)
    return described


class Unguarded:
    """Guards nothing, but starts sessions with the peers that the engine restores."""

    def __init__(self, birth_netns: str) -> None:
        self._birth_netns = birth_netns

    def arm(self, before: RunningState, after: RunningState, names: PeerNames) -> None:
        """Nothing to guard."""

    def disarm(self) -> None:
        """Nothing was armed."""

    def revive(self, before: RunningState, operations: Sequence[Operation]) -> None:
        from .._host.trigger_handshake import start_new_sessions

        start_new_sessions(before, operations, self._birth_netns)


class _GuardAfterLookup(Unguarded):
    """Stops a change until all names are resolved, then calls the guard of the rollback."""

    def __init__(self, guard: RollbackGuard, resolver: Resolver, birth_netns: str) -> None:
        super().__init__(birth_netns)
        self._guard = guard
        self._resolver = resolver

    def arm(self, before: RunningState, after: RunningState, names: PeerNames) -> None:
        self._resolver.check()
        self._guard.arm(before, after, names)

    def disarm(self) -> None:
        self._guard.disarm()
