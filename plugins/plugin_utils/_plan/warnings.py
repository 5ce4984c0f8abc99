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


def recording_warnings(findings: Findings, rotating: bool) -> Iterator[str]:
    """Those of a task that records keys."""
    today = datetime.date.today()
    if not rotating:
        for each in findings.outcomes:
            yield from old_key_warnings(each.reconciled, today)
    yield from _unknown_keys(findings.outcomes)


def _network_hints(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Networks are looked for in each registry once, where it has files."""
    stores: dict[str, dict[str, bool]] = {}
    for each in outcomes:
        if isinstance(each.store, FileStore):
            directory = str(each.store.path(each.network.name).parent)
            stores.setdefault(directory, {})[each.network.name] = bool(each.update.before)
    for directory, defined in stores.items():
        yield from network_hints(FileStore(directory).networks(), defined, directory)


def _unknown_keys(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Who makes the missing keys: the role those of hosts, and ``clients`` those of clients."""
    hosts, clients = set[str](), set[str]()
    for outcome in outcomes:
        unknown = set(outcome.plan.unknown_keys)
        hosts |= unknown & outcome.plan.hosts.keys()
        clients |= {
            f"{NETWORKS}.{outcome.network.name}.clients.{name}" for name in unknown & outcome.plan.clients.keys()
        }
    left_out = "Their peers do not have them yet, and keep all other peers except former ones."
    if hosts:
        yield (
            f"No public key is known yet of {', '.join(sorted(hosts))}. {left_out} The role makes a host's keys when "
            "it runs there."
        )
    if clients:
        yield (
            f"No public key is known yet of the clients {', '.join(sorted(clients))}. {left_out} Run "
            "cryptokey.wireguard.clients, which makes their keys, or give each the public_key of its device."
        )
