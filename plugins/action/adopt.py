# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down networks as they were found, on the controller. The thinking is in ``plugin_utils/_adopt``."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._files import atomic_write
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.components import Component, find_components
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.documents import (
    Document,
    check_defined,
    check_overwriting,
    fill_documents,
    open_documents,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.found import (
    FoundInterface,
    check_keys,
    read_found,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.recognise import (
    Proposal,
    host_variables,
    recognise,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.report import report
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.errors import FleetError, Problems
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.facts import Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.reader import read_networks
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.recorded import Records
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.settle import settle
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.variables import HOST_VARIABLES, NETWORKS
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory import Inventory
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.file import FileStore
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.store import Store, Update
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._run_once import RunOnce

from .plan import open_inventory

_MODE = 0o644
_DEFAULT_GROUPS = {"hubs": "wg_hub", "spokes": "wg_spoke", "members": "wg_member"}
ARGUMENTS = {
    "files": {"type": "str", "required": True},
    "running": {"type": "str", "required": True},
    "keys": {"type": "str"},
    "directory": {"type": "path"},
    "interfaces": {"type": "list", "elements": "str"},
    "network": {"type": "str"},
    "overwrite": {"type": "bool", "default": False},
}


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(ARGUMENTS)
        try:
            result.update(self._run(arguments, self.operators_variables(task_vars)))
        except (FleetError, InputError, RegistryError, OSError) as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _run(self, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        inventory = open_inventory(variables)
        hosts = list(variables["ansible_play_hosts"])
        adoption = _adopt(inventory, hosts, arguments, inventory.networks(self._templar))
        changed = [document for document in adoption.documents if document.is_changed and adoption.proposals]
        updates = [update for update in adoption.record(write=False) if update.changed]
        writes = bool(arguments["keys"])
        if writes and not self._task.check_mode and adoption.proposals:
            _check_taken(adoption.interfaces, inventory, arguments["keys"])
            adoption.write()
        paths = [*(str(document.path) for document in changed), *(update.place for update in updates)]
        text = report(adoption.proposals, adoption.found, adoption.notes, paths)
        if not writes:
            self._display.display(f"\n{text}\n")
        return {
            "changed": writes and bool(paths),
            "report": text,
            "networks": adoption.networks,
            "hosts": adoption.hosts,
            "interfaces": adoption.interfaces,
            "notes": adoption.notes,
            "kept": [{"host": each.host, "path": each.path, "lines": list(each.kept)} for each in adoption.found],
            "diff": [*map(_document_diff, changed), *map(_registry_diff, updates)] if writes else [],
        }


def _document_diff(document: Document) -> dict[str, str]:
    path = str(document.path)
    return {"before_header": path, "before": document.before or "", "after_header": path, "after": document.text}


def _registry_diff(update: Update) -> dict[str, str]:
    return {
        "before_header": update.place,
        "before": update.before,
        "after_header": update.place,
        "after": update.after,
    }


class _Adoption(NamedTuple):
    """What was found, and the inventory that says so. Nothing is written before all has been found right."""

    found: list[FoundInterface]
    notes: list[str]
    proposals: list[Proposal]
    read: tuple[Network, ...]
    documents: list[Document]
    store: Store

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
            settlement = settle(network, records, keys, today.isoformat())
            problems = Problems()
            for each in settlement.changed_keys:
                problem = f"the registry of the network {each.network} has {each.recorded}"
                remedy = "remove the host there if it was another one, or call the network otherwise"
                problems.add(each.host, "public_key", each.found, problem, f"{remedy}, with -e wireguard_adopt_network")
            problems.refuse()
            plan_network(settlement.network, settlement.keys, today)
            return settlement.records

        return self.store.update(network.name, change, write)

    def write(self) -> None:
        for document in self.documents:
            if document.is_changed:
                document.path.parent.mkdir(parents=True, exist_ok=True)
                atomic_write(str(document.path.absolute()), document.text.encode(), _MODE)
        self.record(write=True)


def _adopt(inventory: Inventory, hosts: list[str], arguments: Mapping[str, Any], defined: object) -> _Adoption:
    """Looks only. Raises FleetError with all that is wrong."""
    problems = Problems()
    found, notes = _read(inventory, hosts, arguments, problems)
    taken = frozenset(name for names in (*inventory.groups.values(), hosts) for name in names)
    components, more = find_components(found, taken, problems)
    base = _base(inventory, hosts[0], arguments["directory"])
    opened = open_documents(base, {host for each in components for host in each.members}, problems)
    problems.refuse()
    given = {host: _given(inventory, document) for host, document in opened.items() if host}
    components = _called(components, arguments["network"])
    outcomes = [recognise(component, given, datetime.date.today()) for component in components]
    proposals = [proposal for proposal, _notes in outcomes]
    networks = {each.component.name: _grouped(each.options, inventory.groups) for each in proposals}
    documents = fill_documents(opened, networks, host_variables(proposals))
    if not arguments["directory"]:
        check_defined(documents, given, defined, problems)
    if not arguments["overwrite"]:
        check_overwriting(documents, problems)
    problems.refuse()
    said = {each.host: {**each.variables, **given[each.host]} for each in documents[1:]}
    read = read_networks(networks, inventory.groups, lambda host: said.get(host, {})) if networks else ()
    chosen = arguments["directory"]
    store = FileStore(str(base / "wireguard_registry")) if chosen else inventory.store(hosts[0])
    return _Adoption(
        found, [*notes, *more, *(n for _p, said in outcomes for n in said)], proposals, read, documents, store
    )


def _read(
    inventory: Inventory, hosts: Iterable[str], arguments: Mapping[str, Any], problems: Problems
) -> tuple[list[FoundInterface], list[str]]:
    found: list[FoundInterface] = []
    notes: list[str] = []
    for host in hosts:
        files, running = (inventory.registered(host, arguments[option]) for option in ("files", "running"))
        if not isinstance(files, Mapping) or not isinstance(running, Mapping):
            continue
        states = running.get("interfaces", ())
        interfaces, said = read_found(host, files.get("files", ()), states, problems, arguments["interfaces"])
        found += interfaces
        notes += said
    check_keys(found, problems)
    return found, notes


def _base(inventory: Inventory, host: str, directory: str | None) -> Path:
    """Where the inventory is, or the directory of the operator's choice."""
    if directory:
        return Path(directory).absolute()
    base = inventory.get(host, "inventory_dir")
    if not base:
        raise InputError("directory", None, "the inventory is no file, so that there is no place beside it", "give one")
    return Path(base)


def _given(inventory: Inventory, document: Document) -> dict[str, Any]:
    """What the inventory has said of a host before, elsewhere than in the file that is to be written."""
    found = {name: inventory.get(document.host, name) for name in HOST_VARIABLES}
    return {name: value for name, value in found.items() if value is not None and document.old.get(name) != value}


def _called(components: list[Component], name: str | None) -> list[Component]:
    """A name of the operator's choice is for one network."""
    if name is None:
        return components
    if len(components) != 1:
        names = ", ".join(component.name for component in components) or "none"
        raise InputError("network", name, f"several networks, or none, were found: {names}", "adopt one at a time")
    return [replace(component, name=name) for component in components]


def _grouped(options: Mapping[str, Any], groups: Mapping[str, list[str]]) -> dict[str, Any]:
    """The options without lists of hosts where the usual group has just these."""
    return {
        option: value
        for option, value in options.items()
        if option not in _DEFAULT_GROUPS or sorted(groups.get(_DEFAULT_GROUPS[option], ())) != sorted(value)
    }


def _check_taken(interfaces: Mapping[str, list[dict[str, str]]], inventory: Inventory, variable: str) -> None:
    """Nothing is written unless every host has put its key where the role looks for it."""
    problems = Problems()
    for host, entries in interfaces.items():
        registered = inventory.registered(host, variable)
        results = registered.get("results", ()) if isinstance(registered, Mapping) else ()
        taken = {result.get("public_key") for result in results}
        for entry in entries:
            if entry["public_key"] not in taken:
                remedy = "see what adopt_key said there, and run again; nothing has been written"
                problems.add(
                    host, entry["interface"], entry["public_key"], "this key was not put into its file", remedy
                )
    problems.refuse()
