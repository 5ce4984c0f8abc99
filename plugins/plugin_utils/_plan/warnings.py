# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task warns of when it has planned the networks. Pure, but for a look at the names of the registry's files."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from .._inventory.option_parsers import NETWORKS
from .._registry.file import FileStore
from .former import former_warnings
from .key_age import old_key_warnings
from .outcome import Findings, Outcome
from .renames import network_hints


def warnings_of(findings: Findings) -> Iterator[str]:
    """Those of every task that plans."""
    outcomes = findings.outcomes
    yield from findings.aside.warnings
    for outcome in outcomes:
        yield from outcome.warnings
    if not any(outcome.read_only for outcome in outcomes):  # else nothing says which hosts have removed them
        yield from former_warnings(findings.former_keys)
    for reason in findings.all_refused.values():
        yield f"{reason}. The keys that it reports are ignored in this run."
    yield from _network_hints(outcomes)


def key_warnings(findings: Findings) -> Iterator[str]:
    """Those of keys that should be replaced, and of clients without one."""
    today = datetime.date.today()
    for each in findings.outcomes:
        yield from old_key_warnings(each.reconciled, today)
    yield from _unknown_keys_of_clients(findings.outcomes)


def recording_warnings(findings: Findings, rotating: bool) -> Iterator[str]:
    """Those of a task that records keys."""
    if rotating:
        yield from _unknown_keys_of_clients(findings.outcomes)
    else:
        yield from key_warnings(findings)
    yield from _unknown_keys_of_hosts(findings.outcomes)


def _network_hints(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Networks are looked for in each registry once, where it has files."""
    stores: dict[str, dict[str, bool]] = {}
    for each in outcomes:
        if isinstance(each.store, FileStore):
            directory = str(each.store.path(each.network.name).parent)
            stores.setdefault(directory, {})[each.network.name] = bool(each.update.before)
    for directory, defined in stores.items():
        yield from network_hints(FileStore(directory).networks(), defined, directory)


_LEFT_OUT = "Their peers do not have them yet, and keep all other peers except former ones."


def _unknown_keys_of_hosts(outcomes: Iterable[Outcome]) -> Iterator[str]:
    hosts = {name for each in outcomes for name in each.plan.unknown_keys if name in each.plan.hosts}
    if hosts:
        yield (
            f"No public key is known yet of {', '.join(sorted(hosts))}. {_LEFT_OUT} The role makes a host's keys when "
            "it runs there."
        )


def _unknown_keys_of_clients(outcomes: Iterable[Outcome]) -> Iterator[str]:
    clients = {
        f"{NETWORKS}.{each.network.name}.clients.{name}"
        for each in outcomes
        for name in each.plan.unknown_keys
        if name in each.plan.clients
    }
    if clients:
        yield (
            f"No public key is known yet of the clients {', '.join(sorted(clients))}. {_LEFT_OUT} Run "
            "cryptokey.wireguard.clients, which makes their keys, or give each the public_key of its device."
        )
