# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run finds out about each network of the inventory, and what it would record. Only ``recorded`` writes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from .._hosts.public_keys import Found, reject_claims
from .._inventory.errors import FleetError, Problems, list_names
from .._inventory.inventory import Inventory
from .._inventory.left_members import forget_in_policies
from .._inventory.nouns import Network
from .._inventory.option_parsers import option_of
from .._registry.member_record import Records
from .._registry.store import Store, Update
from .former import FormerKey, list_former
from .planner import Plan, plan_network
from .reader import Aside, read_networks
from .reconcile import ChangedKey, Reconciled, changed_warning, is_old, reconcile
from .renames import interface_hint, member_hints
from .way_in import way_in_warnings

# From the networks of the inventory: the keys that were found, by network, and the hosts whose report is refused.
FindKeys = Callable[[tuple[Network, ...]], tuple[dict[str, Found], dict[str, str]]]


@dataclass(frozen=True)
class Request:
    """What a task asks for.

    ``records``: whether what is found may be recorded. ``rotating``: whether next keys are. ``spare_clients``: whether
    the problems of single clients are reported instead of raised. ``accept_changed_keys``: network to the members whose
    key may differ from the recorded one. ``secrets``: whether the networks' secret options are read.
    """

    records: bool = False
    rotating: bool = False
    spare_clients: bool = False
    secrets: bool = True
    accept_changed_keys: Mapping[str, Iterable[str]] = field(default_factory=dict)


class Findings(NamedTuple):
    """The outcome of each network. ``refused``: hosts whose reports are ignored, each with the reason."""

    outcomes: list[Outcome]
    refused: dict[str, str]
    aside: Aside

    def recorded(self) -> Findings:
        """The same after it has been recorded."""
        return self._replace(outcomes=[outcome.recorded() for outcome in self.outcomes])

    def assuming_keys(self) -> Findings:
        """The same as if the keys of all members were known."""
        return self._replace(outcomes=[outcome.assuming_keys() for outcome in self.outcomes])

    @property
    def changed(self) -> list[Update]:
        """The records that change, or have changed."""
        return [outcome.update for outcome in self.outcomes if outcome.request.records and outcome.is_changed]

    @property
    def diff(self) -> list[dict[str, str]]:
        return [update.diff() for update in self.changed]

    @property
    def unknown_keys(self) -> list[str]:
        """The members without a known public key."""
        return sorted({name for outcome in self.outcomes for name in outcome.plan.unknown_keys})

    @property
    def former_keys(self) -> list[FormerKey]:
        """The keys that have left and that hosts may still have as peers."""
        return [key for each in self.outcomes for key in list_former(each.reconciled.network, each.reconciled.records)]

    @property
    def outdated(self) -> bool:
        """Whether the inventory has changed in ways that are not recorded yet."""
        return any(outcome.is_changed for outcome in self.outcomes)

    def has_old_dates(self, hosts: Collection[str]) -> bool:
        """Whether the days on which these hosts were seen should be recorded again."""
        today = datetime.date.today().isoformat()
        return any(
            is_old(each.update.records.members[host].last_seen, today)
            for each in self.outcomes
            if not each.read_only and each.store.is_writable(each.network.name)
            for host in each.plan.hosts.keys() & set(hosts) & each.update.records.members.keys()
            if each.update.records.members[host].last_seen
        )

    @property
    def all_refused(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for outcome in self.outcomes:
            found |= outcome.refused
        return {**found, **self.refused}


class Outcome(NamedTuple):
    """What is found out about one network, and how to record it."""

    network: Network
    found: Found
    store: Store
    read_only: bool
    refresh: bool
    request: Request
    update: Update
    reconciled: Reconciled
    plan: Plan
    refused: Mapping[str, str]

    @property
    def is_changed(self) -> bool:
        return self.update.changed and not self.read_only

    def recorded(self) -> Outcome:
        """The same after it has been recorded, with what another run may have recorded in the meantime."""
        if not self.is_changed:
            return self
        update, reconciled, plan, refused = _reconcile_and_plan(
            self.network, self.store, self.found, self.refresh, self.request, write=True
        )
        return self._replace(update=update, reconciled=reconciled, plan=plan, refused=refused)

    def assuming_keys(self) -> Outcome:
        """The same as if all keys were known: a text that is no key stands in for each unknown one."""
        known, spare = self.reconciled, self.request.spare_clients
        today = datetime.date.today()
        plan = plan_network(known.network, known.keys, today, known.next_keys, assume_keys=True, spare_clients=spare)
        return self._replace(plan=plan)

    @property
    def renewed(self) -> list[ChangedKey]:
        """The changed keys of hosts that made them in this run."""
        made = self.found.made & self.plan.hosts.keys()
        return [changed for changed in self.reconciled.changed_keys if changed.host in made and not changed.left]

    @property
    def warnings(self) -> Iterator[str]:
        explained = set(map(changed_warning, self.renewed))
        yield from (text for text in self.reconciled.warnings if text not in explained)
        yield from self.plan.warnings
        for changed in self.renewed:
            yield interface_hint(changed, self.plan.hosts[changed.host]["options"]["interface"])
        known = self.reconciled.keys
        if self.read_only and self.update.changed:
            for name, key in self.found.keys.items():
                if known.get(name) == key and key not in self.update.before:
                    yield (
                        f"The registry is read-only here and has no public key of {name} in the network "
                        f"{self.network.name}. Its peers get it once it is recorded: {key}"
                    )


def find_outcomes(inventory: Inventory, defined: Any, request: Request, find_keys: FindKeys) -> Findings:
    """Read the inventory, whose networks are ``defined``, and plan each network. Nothing is written.

    Raises FleetError with all that is wrong in any network, and RegistryError.
    """
    aside = Aside(spare_clients=request.spare_clients)
    networks = _read_networks(defined, inventory, aside)
    inventory.check_members(networks, request.secrets)
    networks = _accepting(networks, request.accept_changed_keys)
    found, refused = find_keys(networks)
    problems = Problems()
    outcomes = [
        problems.gather(partial(_outcome, network, inventory, found[network.name], request), None)
        for network in networks
    ]
    problems.refuse()
    planned = [outcome for outcome in outcomes if outcome]
    complete = [outcome.reconciled.network for outcome in planned]
    aside.warnings += way_in_warnings(complete, datetime.date.today(), inventory.get)
    return Findings(planned, refused, aside)


def _read_networks(defined: Any, inventory: Inventory, aside: Aside) -> tuple[Network, ...]:
    """Raises FleetError, which names the hosts that the inventory is read without, as they may be the reason."""
    defined, warnings = forget_in_policies(defined, inventory.without, inventory.groups)
    aside.warnings += warnings
    try:
        return read_networks(defined, inventory.groups, inventory.variables, aside)
    except FleetError as error:
        if not inventory.without:
            raise
        context = f"Without {list_names(inventory.without)}, the inventory is invalid: "
        raise FleetError(error.problems, context) from None


def _accepting(networks: Iterable[Network], names: Mapping[str, Iterable[str]]) -> tuple[Network, ...]:
    """The networks as if these members of each had ``wireguard_accept_changed_keys``."""
    return tuple(
        network.with_members(
            {
                member.name: replace(member, accept_changed_key=True)
                for member in network.members
                if member.name in names.get(network.name, ())
            }
        )
        for network in networks
    )


def _outcome(network: Network, inventory: Inventory, found: Found, request: Request) -> Outcome:
    """Raises FleetError where something must be recorded and cannot be."""
    store, read_only = inventory.store(network.name), inventory.is_read_only
    refresh = request.records and not read_only and store.is_writable(network.name)
    planned = _reconcile_and_plan(network, store, found, refresh, request, write=False)
    outcome = Outcome(network, found, store, read_only, refresh, request, *planned)
    if request.records and read_only:
        clients = {client.name for client in network.clients} & found.keys.keys()
        _check_given(outcome.reconciled, found, {*inventory.play_hosts, *clients})
    return outcome


def _reconcile_and_plan(
    network: Network, store: Store, found: Found, refresh: bool, request: Request, write: bool
) -> tuple[Update, Reconciled, Plan, Mapping[str, str]]:
    """Reconcile and plan a network under one lock of its records, which are written only when both succeed."""
    done: list[tuple[Reconciled, Plan, Mapping[str, str]]] = []

    def change(records: Records) -> Records:
        today = datetime.date.today()
        refused = reject_claims(network, records, found)
        honest = found.without(refused) if refused else found
        next_keys = _with_kept_next_keys(honest, records)
        reconciled = reconcile(network, records, honest.keys, today.isoformat(), refresh, next_keys, request.rotating)
        former, spare = reconciled.records.former, request.spare_clients
        plan = plan_network(
            reconciled.network, reconciled.keys, today, reconciled.next_keys, former, spare_clients=spare
        )
        renamed = member_hints(reconciled.network, records, honest.keys)
        reconciled = reconciled._replace(warnings=(*reconciled.warnings, *renamed))
        done.append((reconciled, plan, refused))
        return reconciled.records

    return (store.update(network.name, change, write), *done[-1])


def _with_kept_next_keys(found: Found, records: Records) -> dict[str, str]:
    """The next keys that were found, and the recorded ones of hosts whose present key the operator gives.

    The operator says nothing of a next key, and the host may not have been asked.
    """
    recorded = {name: records.members[name].next_public_key for name in found.given & records.members.keys()}
    kept = {name: key for name, key in recorded.items() if key and key != found.keys.get(name)}
    return {**kept, **found.next_keys}


def _check_given(reconciled: Reconciled, found: Found, names: Collection[str]) -> None:
    """Refuse to give addresses that cannot be recorded, as another run would give others."""
    problems = Problems()
    network = reconciled.network
    for member in network.members:
        if member.name in names and member.name in reconciled.given:
            key = f", with its public key {found.keys[member.name]}" if member.name in found.keys else ""
            problem = f"the registry of the network {network.name} has none and is read-only here"
            remedy = f"record one in a run that can write{key}, or set one in the inventory"
            problems.add(*option_of(network.name, member, "addresses"), None, problem, remedy)
    problems.refuse()
