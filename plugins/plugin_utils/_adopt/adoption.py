# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn what was found on the hosts into an inventory. Nothing is written before everything is known.

What cannot be adopted is left out with its problem, and the rest continues. It is a single interface, or its whole
network if that cannot be written without it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .._inventory.errors import FleetError, HostError, Problems
from .._inventory.inventory import Inventory
from .._inventory.nouns import Network
from .._inventory.option_parsers import HOST_VARIABLES, NETWORKS
from .._inventory.paths import expand
from .._plan.planner import plan_network
from .._plan.reader import read_networks
from .._plan.reconcile import reconcile
from .._registry.file import FileStore
from .._registry.member_record import Records
from .._registry.store import Store, Update
from .components import Component, find_components
from .documents import Document, check_defined, check_overwriting, fill_documents, open_documents
from .found import FoundInterface, read_hosts
from .recognise import Proposal, host_variables, recognise

_DEFAULT_GROUPS = {"hubs": "wg_hub", "spokes": "wg_spoke", "members": "wg_member"}


class Adoption(NamedTuple):
    """What was found, and the inventory that says so. ``problems``: of what was left out."""

    found: list[FoundInterface]
    notes: list[str]
    problems: Problems
    proposals: list[Proposal]
    read: tuple[Network, ...]
    documents: list[Document]
    store: Callable[[str], Store]

    @property
    def networks(self) -> dict[str, Any]:
        known = self.documents[0].variables[NETWORKS]
        return {proposal.component.name: known[proposal.component.name] for proposal in self.proposals}

    @property
    def hosts(self) -> dict[str, Mapping[str, Any]]:
        return {document.host: document.variables for document in self.documents[1:]}

    @property
    def interfaces(self) -> dict[str, list[dict[str, str]]]:
        """By host, the interfaces whose keys are to be taken."""
        named: dict[str, list[dict[str, str]]] = {}
        for proposal in self.proposals:
            for host, member in proposal.component.members.items():
                entry = {"network": proposal.component.name, "interface": member.interface}
                named.setdefault(host, []).append({**entry, "public_key": member.public_key})
        return named

    def record(self, write: bool) -> list[Update]:
        """What the registry has to know. Raises FleetError where it knows better."""
        return [self._record(network, proposal, write) for network, proposal in zip(self.read, self.proposals)]

    def _record(self, network: Network, proposal: Proposal, write: bool) -> Update:
        today = datetime.date.today()
        keys = {host: member.public_key for host, member in proposal.component.members.items()}

        def change(records: Records) -> Records:
            reconciled = reconcile(network, records, keys, today.isoformat())
            problems = Problems()
            for each in reconciled.changed_keys:
                problem = f"the registry of the network {each.network} has {each.recorded}"
                remedy = "remove the host there if it was another machine, or use another network name"
                problems.add(each.host, "public_key", each.found, problem, f"{remedy}, with -e wireguard_adopt_network")
            problems.refuse()
            plan_network(reconciled.network, reconciled.keys, today)
            return reconciled.records

        return self.store(network.name).update(network.name, change, write)


class Sources(NamedTuple):
    """Where it is all from. ``reports``: by host, what ``config_info`` and ``interface_info`` returned. ``taken``: by
    host, the public keys that were put into their files, None where that is still to be done. ``defined``: the value
    of ``wireguard_networks``."""

    inventory: Inventory
    reports: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]
    taken: Mapping[str, Collection[str]] | None
    interfaces: Collection[str] | None
    network: str | None
    directory: str | None
    overwrite: bool
    defined: object


def find_adoption(sources: Sources) -> Adoption:
    """Looks only. Raises FleetError where nothing can be adopted, or where what is for all hosts is in the way."""
    problems = Problems()
    found, notes, left = read_hosts(sources.reports, sources.interfaces, problems)
    names = frozenset(name for names in (*sources.inventory.groups.values(), sources.reports) for name in names)
    components, more = find_components(found, names, problems)
    components = _called(components, sources.network)
    remaining = _Candidates(components, problems)
    if sources.taken is not None:
        remaining.run(lambda each, new: _check_taken(each, sources.taken or {}, new))
    adoption = _adopt_remaining(sources, remaining)
    while adoption is None:
        adoption = _adopt_remaining(sources, remaining)
    if problems and not adoption.proposals:
        problems.refuse()
    adopted = {member.public_key for each in remaining.components for member in each.members.values()}
    dropped = {member.public_key for each in components for member in each.members.values()} - adopted
    strangers = [stranger for each in remaining.components for stranger in each.strangers]
    more += [
        f"{each.host}: the peer {left[each.peer.public_key]} is not adopted, so it becomes the client {each.name}. "
        "To make it a host, adopt it later with -e wireguard_adopt_overwrite=true"
        for each in strangers
        if each.peer.public_key in left
    ]
    kept = [each for each in found if each.public_key not in dropped]
    return adoption._replace(found=kept, notes=[*notes, *more, *adoption.notes])


class _Candidates:
    """The networks that can still be adopted. Those with a problem are dropped, and the problem is kept."""

    def __init__(self, components: Iterable[Component], problems: Problems) -> None:
        self.components = list(components)
        self.problems = problems

    def run(self, check: Callable[[Component, Problems], None]) -> bool:
        """Check each network by itself. Return whether all of them stay."""
        staying = []
        for component in self.components:
            new = Problems()
            try:
                check(component, new)
            except FleetError as error:
                new += error.problems
            if new:
                self.problems += [_placed(problem, component) for problem in new]
            else:
                staying.append(component)
        all_stay = len(staying) == len(self.components)
        self.components = staying
        return all_stay

    def drop(self, new: Sequence[HostError]) -> bool:
        """Drop the networks that these problems name, or whose hosts they name. Return whether all networks stay.

        Raises FleetError if there are problems and none of them is a network's.
        """

        def is_named(component: Component) -> bool:
            path = f"{NETWORKS}.{component.name}"
            return any(
                problem.host in component.members or f"{problem.option}.".startswith(f"{path}.") for problem in new
            )

        staying = [component for component in self.components if not is_named(component)]
        self.problems += new
        all_stay = len(staying) == len(self.components)
        if new and all_stay:
            self.problems.refuse()
        self.components = staying
        return all_stay


def _placed(problem: HostError, component: Component) -> HostError:
    """The same, with a host and its file where it names none."""
    if problem.host:
        return problem
    host, member = next(iter(component.members.items()))
    option = f"{member.path}: {problem.option}"
    return HostError(host, option, problem.value, problem.problem, problem.remedy)


def _adopt_remaining(sources: Sources, remaining: _Candidates) -> Adoption | None:
    """Adopt the networks that are left. None if one of them is dropped: the caller then tries again without it."""
    inventory, today = sources.inventory, datetime.date.today()
    base = _base(inventory, sources.directory)
    new = Problems()
    opened = open_documents(base, {host for each in remaining.components for host in each.members}, new)
    given = {host: _given(inventory, document) for host, document in opened.items() if host}
    if not remaining.drop(new):
        return None
    recognised: list[tuple[Proposal, list[str]]] = []
    if not remaining.run(lambda component, _new: recognised.append(recognise(component, given, today))):
        return None
    proposals = [proposal for proposal, _notes in recognised]
    networks = {each.component.name: _grouped(each.options, inventory.groups) for each in proposals}
    documents = fill_documents(opened, networks, host_variables(proposals))
    if not remaining.drop(_document_problems(sources, documents, given)):
        return None
    variables = {each.host: {**each.variables, **given[each.host]} for each in documents[1:]}
    try:
        read = read_networks(networks, inventory.groups, lambda host: variables.get(host, {})) if networks else ()
    except FleetError as error:
        remaining.drop(error.problems)
        return None
    own = FileStore(str(base / "wireguard_registry"))
    store = (lambda _network: own) if sources.directory else inventory.store
    notes = [note for _proposal, notes in recognised for note in notes]
    adoption = Adoption([], notes, remaining.problems, proposals, read, documents, store)
    by_name = {network.name: (network, proposal) for network, proposal in zip(read, proposals)}
    all_stay = remaining.run(lambda component, _new: _check_record(adoption, *by_name[component.name]))
    return adoption if all_stay else None


def _document_problems(
    sources: Sources, documents: Sequence[Document], given: Mapping[str, Mapping[str, Any]]
) -> Problems:
    """Check that the documents neither repeat what the inventory has, nor overwrite it unasked."""
    problems = Problems()
    if not sources.directory:
        check_defined(documents, given, sources.defined, problems)
    if not sources.overwrite:
        check_overwriting(documents, problems)
    return problems


def _check_record(adoption: Adoption, network: Network, proposal: Proposal) -> None:
    adoption._replace(read=(network,), proposals=[proposal]).record(write=False)


def _check_taken(component: Component, taken: Mapping[str, Collection[str]], problems: Problems) -> None:
    """Check that each host has written its key where the role looks for it. If not, its network is not written."""
    for host, member in component.members.items():
        if member.public_key not in taken.get(host, ()):
            remedy = "read the error of that task on the host, and run again; nothing was written for its network"
            problem = "this key was not written to its file"
            problems.add(host, member.interface, member.public_key, problem, remedy)


def _base(inventory: Inventory, directory: str | None) -> Path:
    """Return the directory of the inventory, or the one that the operator chose."""
    return expand("directory", directory).absolute() if directory else inventory.base("wireguard_adopt_directory")


def _given(inventory: Inventory, document: Document) -> dict[str, Any]:
    """What the inventory has said of a host before, elsewhere than in the file that is to be written."""
    found = {name: inventory.get(document.host, name) for name in HOST_VARIABLES}
    return {name: value for name, value in found.items() if value is not None and document.old.get(name) != value}


def _called(components: list[Component], name: str | None) -> list[Component]:
    """Give the network the name that the operator chose, which needs exactly one network."""
    if name is None:
        return components
    if len(components) != 1:
        names = ", ".join(component.name for component in components) or "none"
        raise InputError("network", name, f"must be one network, but found: {names}", "adopt one at a time")
    return [replace(component, name=name) for component in components]


def _grouped(options: Mapping[str, Any], groups: Mapping[str, list[str]]) -> dict[str, Any]:
    """The options without lists of hosts where the usual group has just these."""
    return {
        option: value
        for option, value in options.items()
        if option not in _DEFAULT_GROUPS or sorted(groups.get(_DEFAULT_GROUPS[option], ())) != sorted(value)
    }
