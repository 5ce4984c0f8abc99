# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, change and remove an interface: ``interface``, without Ansible."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._converge.engine import ConvergeError, ConvergeResult, converge, remove
from .._converge.protocols import Kernel
from .._converge.target import Circumstances, assume_ethernet
from .._host.clock import clock_warning, is_plausible
from .._host.kernel import HostKernel
from .._host.reader import find_taken_address
from .._host.resolve import NamesMissing, Resolver
from .._host.tables import resolve_table
from .._model.errors import InputError
from .._model.interface import DesiredInterface, PeerNames
from .._model.keys import PublicKey
from .._model.names import parse_interface_name, parse_netns
from .._model.operations import Operation
from .._model.packages import MissingLibrary, package_hint
from .._model.parts import ALL_PARTS, Part
from .._model.prefix import InterfaceAddress
from .._model.state import RunningState, fresh_state
from .._netlink.namespace import bind_to_netns, has_link, netns_exists
from .._provisional.guard import RollbackGuard
from .._provisional.marker import is_recorded
from .._provisional.pending import refuse_unconfirmed
from .._store.endpoints import check_recordable, forget_endpoints, load_endpoints, record_endpoints, remember
from .._store.last_netns import load_last_netns, record_last_netns
from .._store.lock import one_at_a_time
from .._wireguard.compare import have_settings
from .desired import public_key_if_known, read_desired
from .reader import check_pyroute2

if TYPE_CHECKING:
    from .._host.dns import NameServers
    from .._provisional.record import Unconfirmed


@dataclass(frozen=True)
class InterfaceResult(ConvergeResult):
    """``unconfirmed``: the change, if it is provisional. Its endpoints are recorded only once it is confirmed."""

    unconfirmed: Unconfirmed | None = None


def end_unconfirmed(options: Mapping[str, Any], check_mode: bool, warnings: list[str]) -> None:
    """Roll back an unconfirmed change of the interface after its timeout.

    Raises UnconfirmedError before the timeout, InputError and OSError.
    """
    interface = parse_interface_name(options["interface"])
    if is_recorded(interface):
        from .confirm import roll_back_overdue

        roll_back_overdue(interface, check_mode, warnings)


def ensure_present(options: Mapping[str, Any], check_mode: bool, warnings: list[str]) -> InterfaceResult:
    """Converge the interface to the options. Raises InputError, MissingLibrary, KernelError and ConvergeError.

    Names are resolved only if the running state depends on them, and without the lock: other runs need not wait for
    name servers. The state is then read again. Each name is resolved once, so this ends.
    """
    resolver = Resolver()
    look_up = bind_to_netns(parse_netns(options.get("birth_netns"), "birth_netns"), resolver.look_up)
    while True:
        said: list[str] = []
        try:
            return _ensure_present(options, check_mode, said, resolver)
        except NamesMissing:
            said.clear()
            look_up()
        finally:
            warnings += said


@one_at_a_time
def _ensure_present(
    options: Mapping[str, Any], check_mode: bool, warnings: list[str], resolver: Resolver
) -> InterfaceResult:
    """Converge once under the lock. Raises NamesMissing before anything is touched."""
    desired = read_desired(options, check_mode)
    refuse_unconfirmed(desired.interface)
    desired = replace(desired, table=resolve_table(desired.table))
    warnings += missing_namespaces(desired, check_mode)
    recorded = load_endpoints(desired.interface)
    if not check_mode:
        check_recordable(desired, recorded)
    name_servers = _name_servers_for(desired)
    kernel = open_kernel(desired.interface, check_mode, desired.netns, desired.birth_netns, name_servers)
    resolve = bind_to_netns(desired.birth_netns, resolver)
    now = _plausible_time(warnings)
    circumstances = Circumstances(
        now,
        recorded,
        resolve,
        kernel.path_mtu,
        kernel.has_routes,
        public_key_of=public_key_if_known,
        have_settings=have_settings,
    )

    def endpoints(after: RunningState) -> Mapping[PublicKey, str]:
        return remember(desired, recorded, after.device.peers, resolver.unresolved)

    guard = RollbackGuard(options, desired, name_servers is not None, endpoints)
    elsewhere = _find_elsewhere(desired)
    try:
        after_lookup = _GuardAfterLookup(guard, resolver, desired.birth_netns)
        result = converge(desired, kernel, circumstances, check_mode, elsewhere, after_lookup)
    except InputError:
        resolver.check()  # with the names known it may be right, such as the MTU towards an endpoint
        raise
    if check_mode or not result.operations:
        resolver.check()
    warnings += resolver.warnings
    if result.operations and not check_mode:
        from .._host.trigger_handshake import start_new_sessions

        # First, as it does not depend on what can be written.
        start_new_sessions(result.after, result.operations, desired.birth_netns)
    if not check_mode and not guard.unconfirmed:
        record_endpoints(desired.interface, endpoints(result.after), recorded)
        record_last_netns(desired.interface, desired.netns)
    return InterfaceResult(**vars(result), unconfirmed=guard.unconfirmed)


def _plausible_time(warnings: list[str]) -> float:
    """Return the time in seconds since 1970, or 0 and a warning if the clock is wrong: then no peer counts as dead."""
    now = time.time()
    if is_plausible(now):
        return now
    warnings.append(clock_warning(now))
    return 0.0


class _Unguarded:
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


class _GuardAfterLookup(_Unguarded):
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


def missing_namespaces(desired: DesiredInterface, check_mode: bool) -> list[str]:
    """Raises InputError if a namespace is missing. In check mode return warnings: it may be created later."""
    warnings = []
    for option, name in (("netns", desired.netns), ("birth_netns", desired.birth_netns)):
        if netns_exists(name):
            continue
        error = InputError(
            option, name, "there is no such network namespace", f"create it first with 'ip netns add {name}'"
        )
        if not check_mode:
            raise error
        warnings.append(str(error))
    return warnings


def _find_elsewhere(desired: DesiredInterface) -> HostKernel | None:
    """Find the namespace in which the interface is, if that is not the one where it should be."""
    name = desired.interface
    if has_link(desired.netns, name):
        return None
    for netns in dict.fromkeys((load_last_netns(name), desired.birth_netns, "")):
        if netns != desired.netns and has_link(netns, name):
            host = _open_host_kernel(netns, desired.birth_netns)
            if name in host.interfaces():
                return host
    return None


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
    from .._host.dns import FoundNameServers

    kernel = open_kernel(interface, check_mode, netns, "", FoundNameServers())
    removal = remove(interface, kernel, check_mode, _Unguarded(""))
    if not check_mode:
        forget_endpoints(interface)
        record_last_netns(interface, "")
    if removal.problem:
        known = "would be removed anyway" if check_mode else "is removed anyway"
        raise ConvergeError(
            f"{interface}: some of its parts cannot be removed: {removal.problem}. The interface itself {known}. "
            "Fix this and run again"
        )
    return removal


def _name_servers_for(desired: DesiredInterface) -> NameServers | None:
    """Find the program for name servers, None if the options leave DNS alone: the search starts a few processes.

    An interface that is down has no name servers, whatever is given. Raises InputError if servers are given and no
    program can set them.
    """
    if desired.netns or (desired.up and desired.dns is None and desired.dns_search is None):
        return None
    from .._host.dns import find_name_servers

    found = find_name_servers()
    if desired.up and desired.dns and found is None:
        problem = "this host has neither a running systemd-resolved nor resolvconf"
        remedy = f"{package_hint('resolvconf')}, or start systemd-resolved if it is installed"
        raise InputError("dns", ", ".join(desired.dns), problem, remedy)
    return found


def open_kernel(
    interface: str,
    check_mode: bool,
    netns: str = "",
    birth: str = "",
    name_servers: NameServers | None = None,
) -> Kernel:
    """Open the host's kernel. Raises MissingLibrary if pyroute2 is not installed.

    In check mode on a fresh host nothing is installed yet. ``_FreshKernel`` then has the state that the real run finds.
    """
    try:
        return _open_host_kernel(netns, birth, name_servers)
    except MissingLibrary:
        if check_mode and not has_link(netns, interface):
            return _FreshKernel(netns)
        raise


def _open_host_kernel(netns: str = "", birth: str = "", name_servers: NameServers | None = None) -> HostKernel:
    check_pyroute2()
    return HostKernel(netns, birth, None if netns else name_servers)


class _FreshKernel:
    """A host without the interface, with only the kernel's three rules."""

    def __init__(self, netns: str) -> None:
        self._netns = netns

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        return fresh_state(interface, self._netns)

    def path_mtu(self, hosts: Iterable[str]) -> int:
        return assume_ethernet(hosts)

    def has_routes(self, table: int) -> bool:
        return False

    def taken_address(
        self, interface: str, addresses: Iterable[InterfaceAddress]
    ) -> tuple[InterfaceAddress, str] | None:
        return find_taken_address(self._netns, interface, addresses)

    def apply(self, interface: str, operations: object) -> None:
        raise NotImplementedError("check mode applies nothing")
