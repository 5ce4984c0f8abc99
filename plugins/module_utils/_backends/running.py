# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a running interface with its options: the half of ``interface`` that changes nothing.

Most runs end here, so nothing that applies or restores a change is loaded for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .._converge.circumstances import Circumstances, assume_printed
from .._converge.compare import Comparison, compare
from .._host.clock import clock_warning, is_plausible
from .._host.kernel import HostKernel
from .._host.resolve import NamesMissing, Resolver
from .._host.tables import resolve_table
from .._model.errors import InputError
from .._model.interface import DesiredInterface
from .._model.keys import PublicKey
from .._model.names import parse_interface_name, parse_netns
from .._model.own_table import OwnTable
from .._model.packages import MissingLibrary, package_hint
from .._model.state import RunningState
from .._netlink.namespace import bind_to_netns, has_link, netns_exists
from .._options.arguments import parse_confirm_timeout
from .._provisional.marker import is_recorded
from .._store.endpoints import load_endpoints, remember
from .._store.last_netns import load_last_netns
from .._wireguard.compare import find_proven
from .desired import public_key_if_known, read_desired
from .reader import check_pyroute2

if TYPE_CHECKING:
    from .._host.dns import NameServers
    from .._host.reader import SharedSockets

_Result = TypeVar("_Result")


class Examined(NamedTuple):
    """An interface next to its options.

    ``recorded``: the endpoint, as configured, that was last applied to each peer. ``resolver`` has the names that the
    target depends on. ``with_dns``: whether name servers were looked at.
    """

    desired: DesiredInterface
    kernel: HostKernel
    circumstances: Circumstances
    comparison: Comparison
    recorded: Mapping[PublicKey, str]
    resolver: Resolver
    with_dns: bool

    def endpoints(self, after: RunningState) -> Mapping[PublicKey, str]:
        """The endpoints to record once the interface is in this state."""
        return remember(self.desired, self.recorded, after.device.peers, self.resolver.unresolved)

    def remember_table(self) -> None:
        """Spare the next run to start nft, if the interface's own table is as it should be."""
        self.kernel.remember_table(self.desired.interface, self.comparison.after.own_table)

    @property
    def is_recorded(self) -> bool:
        """Whether the host's own files are as they should be after a run that changes nothing."""
        interface, netns = self.desired.interface, self.desired.netns
        return self.endpoints(self.comparison.after) == self.recorded and load_last_netns(interface) == netns


def is_up_to_date(
    options: Mapping[str, Any], check_mode: bool, warnings: list[str], shared: SharedSockets | None = None
) -> bool:
    """Whether ``ensure_present`` would change nothing and write nothing. Takes no lock, as it only reads.

    Calls for several interfaces in a row can share their sockets and what is read once, until something is changed.

    Where an unconfirmed change is recorded, the answer is no. Raises as ``ensure_present`` does before it applies
    anything, and adds the same warnings if the answer is yes.
    """
    if is_recorded(parse_interface_name(options["interface"])):
        return False

    def attempt(said: list[str], resolver: Resolver) -> bool:
        found = examine(options, check_mode, said, resolver, shared)
        if not found.comparison.is_equal:
            said.clear()
            return False
        resolver.check()
        said += resolver.warnings
        if check_mode:
            return True
        found.remember_table()
        return found.is_recorded

    return with_names(options, warnings, attempt)


def with_names(
    options: Mapping[str, Any], warnings: list[str], attempt: Callable[[list[str], Resolver], _Result]
) -> _Result:
    """Call ``attempt`` again with the names that it needed, until it needs no more. It gets a list for its warnings.

    Names are resolved only if the running state depends on them, and without a lock: other runs need not wait for name
    servers. Each name is resolved once, so this ends.
    """
    resolver = Resolver()
    look_up = bind_to_netns(parse_netns(options.get("birth_netns"), "birth_netns"), resolver.look_up)
    while True:
        said: list[str] = []
        try:
            return attempt(said, resolver)
        except NamesMissing:
            said.clear()
            look_up()
        finally:
            warnings += said


def examine(
    options: Mapping[str, Any],
    check_mode: bool,
    warnings: list[str],
    resolver: Resolver,
    shared: SharedSockets | None = None,
) -> Examined:
    """Read the options and the running state, and derive the target. Changes nothing.

    Raises InputError, MissingLibrary and KernelError, and NamesMissing if the options can be judged only once names are
    resolved.
    """
    desired = read_desired(options, check_mode)
    parse_confirm_timeout(options)
    desired = replace(desired, table=resolve_table(desired.table))
    warnings += missing_namespaces(desired, check_mode)
    recorded = load_endpoints(desired.interface)
    name_servers = _name_servers_for(desired)
    kernel = open_kernel(desired.interface, check_mode, desired.netns, desired.birth_netns, name_servers, shared)
    resolve = bind_to_netns(desired.birth_netns, resolver)
    now = _plausible_time(warnings)
    circumstances = Circumstances(
        now,
        recorded,
        resolve,
        kernel.path_mtu,
        kernel.has_routes,
        public_key_of=public_key_if_known,
        find_proven=find_proven,
        list_table=_list_table_with(kernel, desired, check_mode),
    )
    try:
        comparison = compare(desired, kernel, circumstances, _find_elsewhere(desired))
    except InputError:
        resolver.check()  # with the names known it may be right, such as the MTU towards an endpoint
        raise
    return Examined(desired, kernel, circumstances, comparison, recorded, resolver, name_servers is not None)


def _list_table_with(kernel: HostKernel, desired: DesiredInterface, check_mode: bool) -> Callable[[str, str], OwnTable]:
    """How to find what the option nftables makes. In check mode on a fresh host nft is not installed yet."""
    if check_mode and desired.nftables:
        from .._host.programs import find_program

        if find_program("nft") is None:
            return assume_printed
    return lru_cache(maxsize=1)(kernel.list_table)


def _plausible_time(warnings: list[str]) -> float:
    """Return the time in seconds since 1970, or 0 and a warning if the clock is wrong: then no peer counts as dead."""
    now = time.time()
    if is_plausible(now):
        return now
    warnings.append(clock_warning(now))
    return 0.0


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
            host = HostKernel(netns, desired.birth_netns)
            if name in host.interfaces():
                return host
    return None


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
    netns: str,
    birth: str,
    name_servers: NameServers | None = None,
    shared: SharedSockets | None = None,
) -> HostKernel:
    """Open the host's kernel. Raises MissingLibrary if pyroute2 is not installed.

    In check mode on a fresh host nothing is installed yet. Reading takes nothing but Python.
    """
    try:
        check_pyroute2()
    except MissingLibrary:
        if not check_mode or has_link(netns, interface):
            raise
    return HostKernel(netns, birth, None if netns else name_servers, shared)
