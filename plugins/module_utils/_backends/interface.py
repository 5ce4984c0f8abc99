# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``interface`` does on a host, without Ansible: options in, outcome out."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .._converge.engine import Outcome, converge, remove
from .._converge.protocols import Kernel
from .._converge.target import Circumstances, assume_ethernet
from .._host.clock import clock_warning, is_plausible
from .._host.kernel import Host
from .._host.reader import find_taken_address
from .._host.resolve import NamesMissing, Resolver
from .._host.tables import resolve_table
from .._model.errors import InputError
from .._model.interface import DesiredInterface, Names
from .._model.keys import PublicKey
from .._model.names import parse_interface_name, parse_netns
from .._model.packages import MissingLibrary, package_hint
from .._model.parts import ALL_PARTS, Part
from .._model.prefix import InterfaceAddress
from .._model.state import RunningState, fresh_state
from .._netlink.namespace import bound, exists, has_link
from .._provisional.guard import Commit
from .._provisional.marker import is_recorded
from .._provisional.pending import refuse_unconfirmed
from .._store.endpoints import check_recordable, forget_endpoints, load_endpoints, record_endpoints, remember
from .._store.last_netns import load_place, record_place
from .._store.lock import one_at_a_time
from .desired import public_key_if_known, read_desired
from .reader import check_pyroute2

if TYPE_CHECKING:
    from .._host.dns import NameServers
    from .._provisional.record import Unconfirmed


@dataclass(frozen=True)
class Presence(Outcome):
    """``unconfirmed`` is the change where it is provisional. It is then not remembered as applied yet."""

    unconfirmed: Unconfirmed | None = None


def settle(options: Mapping[str, Any], check_mode: bool, warnings: list[str]) -> None:
    """Make sure that no change of the interface is unconfirmed. Raises UnconfirmedError while one waits, and InputError
    and OSError."""
    interface = parse_interface_name(options["interface"])
    if is_recorded(interface):
        from .confirm import settle as settle_unconfirmed

        settle_unconfirmed(interface, check_mode, warnings)


def ensure_present(options: Mapping[str, Any], check_mode: bool, warnings: list[str]) -> Presence:
    """Converge the interface to the options. Raises InputError, MissingLibrary, KernelError and ConvergeError.

    Names are looked up only where the running state says that they matter, and then without the lock, so that others
    need not wait for name servers. The state is then read again. Each name is looked up once, so that this ends.
    """
    resolver = Resolver()
    look_up = bound(parse_netns(options.get("birth_netns"), "birth_netns"), resolver.look_up)
    while True:
        said: list[str] = []
        try:
            presence = _ensure_present(options, check_mode, said, resolver)
        except NamesMissing:
            look_up()
        else:
            warnings += said
            return presence


@one_at_a_time
def _ensure_present(options: Mapping[str, Any], check_mode: bool, warnings: list[str], resolver: Resolver) -> Presence:
    """Raises NamesMissing before anything is touched."""
    desired = read_desired(options, check_mode)
    refuse_unconfirmed(desired.interface)
    desired = replace(desired, table=resolve_table(desired.table))
    warnings += missing_namespaces(desired, check_mode)
    recorded = load_endpoints(desired.interface)
    if not check_mode:
        check_recordable(desired, recorded)
    name_servers = _name_servers_for(desired)
    kernel = open_kernel(desired.interface, check_mode, desired.netns, desired.birth_netns, name_servers)
    resolve = bound(desired.birth_netns, resolver)
    now = time.time()
    if not is_plausible(now):
        warnings.append(clock_warning(now))
        now = 0.0  # nobody is dead
    circumstances = Circumstances(
        now, recorded, resolve, kernel.path_mtu, kernel.has_routes, public_key_of=public_key_if_known
    )

    def endpoints(after: RunningState) -> Mapping[PublicKey, str]:
        return remember(desired, recorded, after.device.peers, resolver.unresolved)

    commit = Commit(options, desired, name_servers is not None, endpoints)
    guard = _Guard(commit, resolver)
    try:
        outcome = converge(desired, kernel, circumstances, check_mode, _elsewhere(desired), guard)
    except InputError:
        resolver.check()  # with the names known it may be right, such as the MTU towards an endpoint
        raise
    if check_mode or not outcome.operations:
        resolver.check()
    warnings += resolver.warnings
    if not check_mode and not commit.unconfirmed:
        record_endpoints(desired.interface, endpoints(outcome.after), recorded)
        record_place(desired.interface, desired.netns)
    if outcome.operations and not check_mode:
        from .._host.trigger_handshake import shake_hands

        shake_hands(outcome.after, outcome.operations, desired.birth_netns)
    return Presence(**vars(outcome), unconfirmed=commit.unconfirmed)


class _Guard:
    """Lets nothing be changed before all names that matter have been looked up; then that of ``commit``."""

    def __init__(self, commit: Commit, resolver: Resolver) -> None:
        self._commit = commit
        self._resolver = resolver

    def arm(self, before: RunningState, after: RunningState, names: Names) -> None:
        self._resolver.check()
        self._commit.arm(before, after, names)

    def disarm(self) -> None:
        self._commit.disarm()


def missing_namespaces(desired: DesiredInterface, check_mode: bool) -> list[str]:
    """Raises InputError where there is no such namespace; in check mode, which may come before it is made, warnings."""
    warnings = []
    for option, name in (("netns", desired.netns), ("birth_netns", desired.birth_netns)):
        if exists(name):
            continue
        error = InputError(
            option, name, "there is no such network namespace", f"make it before, with 'ip netns add {name}'"
        )
        if not check_mode:
            raise error
        warnings.append(str(error))
    return warnings


def _elsewhere(desired: DesiredInterface) -> Host | None:
    """The namespace in which the interface is, when that is not the one where it shall be."""
    name = desired.interface
    if has_link(desired.netns, name):
        return None
    for netns in dict.fromkeys((load_place(name), desired.birth_netns, "")):
        if netns != desired.netns and has_link(netns, name):
            host = _open_host(netns, desired.birth_netns)
            if name in host.interfaces():
                return host
    return None


@one_at_a_time
def ensure_absent(options: Mapping[str, Any], check_mode: bool) -> Outcome:
    """Remove the interface from its namespace, or from that in which it was put last. Raises as ``ensure_present``."""
    interface = parse_interface_name(options["interface"])
    refuse_unconfirmed(interface)
    netns = parse_netns(options.get("netns"), "netns")
    if not has_link(netns, interface) and has_link(load_place(interface), interface):
        netns = load_place(interface)
    from .._host.dns import find_name_servers

    outcome = remove(interface, open_kernel(interface, check_mode, netns, "", find_name_servers()), check_mode)
    if not check_mode:
        forget_endpoints(interface)
        record_place(interface, "")
    return outcome


def _name_servers_for(desired: DesiredInterface) -> NameServers | None:
    """What DNS is read and set through, None where the options leave it alone: looking takes a few processes.

    An interface that is held down loses its name servers, whatever is given. Raises InputError where there are
    servers to set and nothing to set them through.
    """
    if desired.netns or (desired.up and desired.dns is None and desired.dns_search is None):
        return None
    from .._host.dns import find_name_servers

    found = find_name_servers()
    if desired.up and desired.dns and found is None:
        problem = "this host runs no systemd-resolved and has no resolvconf"
        remedy = f"{package_hint('resolvconf')}, or start systemd-resolved where it is installed"
        raise InputError("dns", ", ".join(desired.dns), problem, remedy)
    return found


def open_kernel(
    interface: str,
    check_mode: bool,
    netns: str = "",
    birth: str = "",
    name_servers: NameServers | None = None,
) -> Kernel:
    """The host's kernel; raises MissingLibrary where pyroute2 is not installed.

    In check mode on a fresh host nothing is installed yet, and what the real run will find is told without it.
    """
    try:
        return _open_host(netns, birth, name_servers)
    except MissingLibrary:
        if check_mode and not has_link(netns, interface):
            return _FreshHost(netns)
        raise


def _open_host(netns: str = "", birth: str = "", name_servers: NameServers | None = None) -> Host:
    check_pyroute2()
    return Host(netns, birth, None if netns else name_servers)


class _FreshHost:
    """A host without the interface and without any rules but the kernel's three."""

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
