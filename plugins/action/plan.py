# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the whole fleet once: hostvars in, the desired interfaces of each host out. The thinking is in ``_fleet``."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from ansible import errors
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import cache_loader

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_peer_key
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.public_keys import (
    Found,
    read_reports,
    reject_claims,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.results import one_line
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import (
    FleetError,
    HostError,
    Problems,
    list_names,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.inventory import Inventory
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.option_parsers import (
    NETWORKS,
    REGISTRY_CACHE,
    option_of,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.without_facts import REMEDY, intruders
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.affected import affected
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.batches import batches
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.former import former_warnings, list_former
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.key_age import key_ages, old_key_warnings
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import Plan, plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reader import Aside, read_networks
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reconcile import (
    ChangedKey,
    Reconciled,
    changed_warning,
    reconcile,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.renames import (
    interface_hint,
    later_hint,
    member_hints,
    network_hints,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.file import FileStore
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import Records
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.store import Store, Update
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError

# Options that the role and the playbooks give as literals.
_HARMLESS = frozenset(("keypairs", "rotating", "assume_keys", "spare_clients"))


class ActionModule(RunOnce, ActionBase):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec(
            {
                "keypairs": {"type": "str"},
                "public_keys": {"type": "dict"},
                "without": {"type": "list", "elements": "str", "default": []},
                "affected_by": {"type": "list", "elements": "str", "default": []},
                "accept_changed_keys": {"type": "dict", "default": {}},
                "assume_keys": {"type": "bool", "default": False},
                "rotating": {"type": "bool", "default": False},
                "older_than": {"type": "int"},
                "spare_clients": {"type": "bool", "default": False},
            }
        )
        # Asked without this run's keys, it only looks.
        records = bool(arguments["keypairs"] or arguments["public_keys"])
        try:
            variables = self.operators_variables(task_vars, _HARMLESS)
            for option in ("without", "affected_by"):
                arguments[option] = _named(option, arguments[option])
            inventory = open_inventory(variables, arguments["without"])
            aside = Aside(spare_clients=arguments["spare_clients"])
            secrets = not arguments["assume_keys"]
            defined = inventory.networks(self._templar, secrets)
            networks = _read_networks(defined, inventory, aside, arguments["without"])
            inventory.check_members(networks, secrets)
            networks = _accepting(networks, arguments["accept_changed_keys"])
            found, refused = _found_keys(networks, inventory, arguments["keypairs"], arguments["public_keys"])
            intruding = _intruding(task_vars, inventory.groups["all"])
            refused |= intruding
            found = {name: each.without(intruding) for name, each in found.items()} if intruding else found
            rotating = arguments["rotating"]
            outcomes = _outcomes(networks, inventory, found, records, rotating, aside)
            # Nothing is written before all has been found right, nor where nothing changed.
            if records and not self._task.check_mode:
                outcomes = [outcome.recorded() for outcome in outcomes]
            if arguments["assume_keys"]:
                outcomes = [outcome.assuming_keys() for outcome in outcomes]
            hosts = _by_host(outcomes)
            if arguments["affected_by"]:
                result["affected"] = _affected(outcomes, hosts, arguments["affected_by"])
        except (FleetError, RegistryError) as error:
            raise AnsibleActionFail(str(error)) from None
        for outcome in outcomes:
            refused = {**outcome.refused, **refused}
        unknown = sorted({name for outcome in outcomes for name in outcome.plan.unknown_keys})
        former = [key for each in outcomes for key in list_former(each.settlement.network, each.settlement.records)]
        changed = [outcome.update for outcome in outcomes if records and outcome.is_changed]
        warnings = [*aside.warnings, *(text for outcome in outcomes for text in outcome.warnings)]
        if not any(outcome.read_only for outcome in outcomes):  # else nothing says where they are gone
            warnings += former_warnings(former)
        if arguments["older_than"] is not None:
            result["old_keys"] = _old_keys(outcomes, arguments["older_than"])
        if records and not rotating:
            warnings += _age_warnings(outcomes)
        # Without batches, what the play's batch lacks are hosts that failed.
        in_batches = bool(self._task.get_play().serial)
        batch = variables["ansible_play_batch"] if in_batches else inventory.play_hosts
        later = later_hint(set(unknown), inventory.play_hosts, batch) if arguments["keypairs"] else ""
        result.update(
            changed=bool(changed),
            hosts=hosts,
            interfaces=_interfaces(outcomes, hosts),
            clients={outcome.network.name: outcome.plan.clients for outcome in outcomes},
            refused_clients=_refused(aside.clients, outcomes),
            unknown_keys=unknown,
            refused=refused,
            batches=batches(
                [outcome.settlement.network for outcome in outcomes], filter(hosts.__contains__, inventory.play_hosts)
            ),
            hubs=sorted({hub.name for outcome in outcomes for hub in outcome.network.hubs}),
            changed_keys=[key._asdict() for outcome in outcomes for key in outcome.settlement.changed_keys],
            former_keys=[key._asdict() for key in former],
            outside=[name for name in inventory.play_hosts if name not in hosts],
            diff=[
                {"before_header": each.place, "before": each.before, "after_header": each.place, "after": each.after}
                for each in changed
            ],
            warnings=[
                *warnings,
                *map(_refusal, refused.items()),
                *(_unknown_keys(outcomes) if records else ()),
                *_network_hints(outcomes),
                *filter(None, [later]),
            ],
        )
        if result["outside"] and not (records or arguments["without"] or arguments["affected_by"]):
            self._display.display(f"In no WireGuard network, left alone: {list_names(result['outside'])}")
        return result


def _named(option: str, names: Collection[str]) -> list[str]:
    """The names of hosts, without the empty one after a comma at the end."""
    found = [name for name in names if name]
    if names and not found:
        raise FleetError([HostError("", option, None, "it names no host", "name a host of the inventory")])
    return found


def _read_networks(defined: Any, inventory: Inventory, aside: Aside, without: Collection[str]) -> tuple[Network, ...]:
    """Says what is wrong without these hosts. Raises FleetError where they need not leave for that."""
    try:
        return read_networks(defined, inventory.groups, inventory.variables, aside)
    except FleetError as error:
        if not without:
            raise
        text = f"Without {list_names(list(without))}, the inventory would be refused: {error}"
        raise AnsibleActionFail(text) from None


class _Outcome(NamedTuple):
    """What has become of one network, and how to have that recorded."""

    network: Network
    found: Found
    store: Store
    read_only: bool
    refresh: bool
    rotating: bool
    aside: Aside
    update: Update
    settlement: Reconciled
    plan: Plan
    refused: Mapping[str, str]

    @classmethod
    def of(
        cls, network: Network, inventory: Inventory, found: Found, records: bool, rotating: bool, aside: Aside
    ) -> _Outcome:
        """Looks only. Raises FleetError where that would have to be recorded and cannot be."""
        store, read_only = inventory.store(network.name), inventory.is_read_only
        refresh = records and not read_only and store.is_writable(network.name)
        settled = _settle(network, store, found, refresh, rotating, aside, write=False)
        outcome = cls(network, found, store, read_only, refresh, rotating, aside, *settled)
        if records and read_only:
            clients = {client.name for client in network.clients} & found.keys.keys()
            _check_given(outcome.settlement, found, {*inventory.play_hosts, *clients})
        return outcome

    def recorded(self) -> _Outcome:
        """The same as it is when another run has recorded something meanwhile."""
        if not self.is_changed:
            return self
        update, settlement, plan, refused = _settle(
            self.network, self.store, self.found, self.refresh, self.rotating, self.aside, write=True
        )
        return self._replace(update=update, settlement=settlement, plan=plan, refused=refused)

    def assuming_keys(self) -> _Outcome:
        """The same as if the keys of all were known: in the place of one that is not stands a text that is no key."""
        settled, spare = self.settlement, self.aside.spare_clients
        today = datetime.date.today()
        plan = plan_network(
            settled.network, settled.keys, today, settled.next_keys, assume_keys=True, spare_clients=spare
        )
        return self._replace(plan=plan)

    @property
    def is_changed(self) -> bool:
        return self.update.changed and not self.read_only

    @property
    def renewed(self) -> list[ChangedKey]:
        """The changed keys of hosts that made them in this run."""
        made = self.found.made & self.plan.hosts.keys()
        return [changed for changed in self.settlement.changed_keys if changed.host in made and not changed.left]

    @property
    def warnings(self) -> Iterator[str]:
        explained = set(map(changed_warning, self.renewed))
        yield from (text for text in self.settlement.warnings if text not in explained)
        yield from self.plan.warnings
        yield from (interface_hint(each, self.plan.hosts[each.host]["interface"]) for each in self.renewed)
        known = self.settlement.keys
        if self.read_only and self.update.changed:
            for name, key in self.found.keys.items():
                if known.get(name) == key and key not in self.update.before:
                    yield (
                        f"The registry is read only here and has no public key of {name} in the network "
                        f"{self.network.name}. Its peers learn it once it is there: {key}"
                    )


def _outcomes(
    networks: Iterable[Network],
    inventory: Inventory,
    found: Mapping[str, Found],
    records: bool,
    rotating: bool,
    aside: Aside,
) -> list[_Outcome]:
    """Of all networks. Raises FleetError with what is wrong in any of them."""
    problems = Problems()
    outcomes = [
        problems.gather(partial(_Outcome.of, network, inventory, found[network.name], records, rotating, aside), None)
        for network in networks
    ]
    problems.refuse()
    return [outcome for outcome in outcomes if outcome]


def _refused(clients: Iterable[HostError], outcomes: Iterable[_Outcome]) -> dict[str, dict[str, list[str]]]:
    """Network to client to what is wrong with it."""
    refused: dict[str, dict[str, list[str]]] = {}
    for problem in (*clients, *(each for outcome in outcomes for each in outcome.plan.refused_clients)):
        if problem.client:
            texts = refused.setdefault(problem.client.network, {}).setdefault(problem.client.name, [])
            texts += [str(problem)] if str(problem) not in texts else []
    return refused


def _settle(
    network: Network, store: Store, found: Found, refresh: bool, rotating: bool, aside: Aside, write: bool
) -> tuple[Update, Reconciled, Plan, Mapping[str, str]]:
    """Settles and plans a network in one turn at its records, which are written only when both have gone well."""
    done: list[tuple[Reconciled, Plan, Mapping[str, str]]] = []

    def change(records: Records) -> Records:
        today = datetime.date.today()
        refused = reject_claims(network, records, found)
        honest = found.without(refused) if refused else found
        settlement = reconcile(network, records, honest.keys, today.isoformat(), refresh, honest.next_keys, rotating)
        former, spare = settlement.records.former, aside.spare_clients
        plan = plan_network(
            settlement.network, settlement.keys, today, settlement.next_keys, former, spare_clients=spare
        )
        renamed = member_hints(settlement.network, records, honest.keys)
        settlement = settlement._replace(warnings=(*settlement.warnings, *renamed))
        done.append((settlement, plan, refused))
        return settlement.records

    return (store.update(network.name, change, write), *done[-1])


def _check_given(settlement: Reconciled, found: Found, names: Collection[str]) -> None:
    """Nobody gets an address before that is recorded, as another run would give another one."""
    problems = Problems()
    network = settlement.network
    for member in network.members:
        if member.name in names and member.name in settlement.given:
            key = f", with its public key {found.keys[member.name]}" if member.name in found.keys else ""
            problem = f"the registry of the network {network.name} has none and is read only here"
            remedy = f"record one in a run that may write{key}, or give one in the inventory"
            problems.add(*option_of(network.name, member, "addresses"), None, problem, remedy)
    problems.refuse()


def _by_host(outcomes: Iterable[_Outcome]) -> dict[str, list[dict[str, Any]]]:
    hosts: dict[str, list[dict[str, Any]]] = {}
    for outcome in outcomes:
        for name, plan in outcome.plan.hosts.items():
            hosts.setdefault(name, []).append(plan)
    for plans in hosts.values():
        plans.sort(key=lambda plan: str(plan["interface"]))
    return hosts


def _interfaces(
    outcomes: Iterable[_Outcome], hosts: Mapping[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, str]]]:
    """By host, the name of each interface and its network, with the public keys that its peers know or are to know."""
    known = {each.network.name: (each.settlement.keys, each.settlement.next_keys) for each in outcomes}

    def describe(name: str, plan: Mapping[str, Any]) -> dict[str, str]:
        network = str(plan["network"])
        options = zip(("public_key", "next_public_key"), known[network])
        keys = {option: of_network[name] for option, of_network in options if name in of_network}
        return {"network": network, "interface": str(plan["interface"]), **keys}

    return {name: [describe(name, plan) for plan in plans] for name, plans in hosts.items()}


def _affected(outcomes: Iterable[_Outcome], hosts: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """The hosts whose plan is another without these; all hosts of a network that could not be without them."""
    for name in names:
        if name not in hosts:
            remedy = "name a host of the inventory, and have it in one of the groups of a network"
            raise FleetError([HostError("", "affected_by", name, "in no network", remedy)])
    today = datetime.date.today()
    return sorted({host for each in outcomes for host in affected(each.settlement, each.plan, names, today)})


def _found_keys(
    networks: tuple[Network, ...], inventory: Inventory, keypairs: str | None, given: Mapping[str, Any] | None
) -> tuple[dict[str, Found], dict[str, str]]:
    """By network, the public keys that this run has found, and the hosts whose report is refused, with the reason.

    ``keypairs`` names a variable of the hosts.
    """
    found = {network.name: Found({}, {}) for network in networks}
    refused: dict[str, str] = {}
    if keypairs:
        found, refused = read_reports(networks, keypairs, lambda host: inventory.registered(host, keypairs))
    members = {network.name: {member.name for member in network.members} for network in networks}
    for name, keys in (given or {}).items():
        for member, key in dict(keys).items():
            if member not in members.get(name, ()):
                problem, remedy = "no such member", "name a network and one of its members"
                raise FleetError([HostError("", f"public_keys.{name}.{member}", None, problem, remedy)])
            found[name].keys[member] = _checked(member, key)
        found[name] = found[name]._replace(given=frozenset(keys))
    return found, refused


def _accepting(networks: Iterable[Network], names: Mapping[str, Iterable[str]]) -> tuple[Network, ...]:
    """The networks with what ``wireguard_accept_changed_keys`` does, for these members of each."""
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


def _checked(host: str, key: str) -> str:
    try:
        return str(parse_peer_key(key))
    except InputError as error:
        raise FleetError([HostError(host, error.option, error.value, error.problem, error.remedy)]) from None


def _old_keys(outcomes: Iterable[_Outcome], days: int) -> list[str]:
    """The hosts that have a key which has been in use for more than so many days."""
    today = datetime.date.today()
    return sorted({name for each in outcomes for name, age in key_ages(each.settlement, today) if age > days})


def _age_warnings(outcomes: Iterable[_Outcome]) -> list[str]:
    today = datetime.date.today()
    return [text for each in outcomes for text in old_key_warnings(each.settlement, today)]


def _intruding(task_vars: Mapping[str, Any] | None, hosts: Iterable[str]) -> dict[str, str]:
    """The hosts that have returned what only the operator sets, with the reason to refuse them."""
    found = intruders((task_vars or {})["hostvars"], hosts)
    return {
        host: f"{host}: ansible_facts: the host returned variables that only the operator sets: "
        f"{one_line(', '.join(sorted(facts)))}; {REMEDY}"
        for host, facts in found.items()
    }


def _refusal(refused: tuple[str, str]) -> str:
    _host, reason = refused
    return f"{reason}. The keys that it reports are ignored in this run."


def _network_hints(outcomes: Iterable[_Outcome]) -> list[str]:
    """Networks are looked for in each registry once, where it has files."""
    stores: dict[str, dict[str, bool]] = {}
    for each in outcomes:
        if isinstance(each.store, FileStore):
            directory = str(each.store.path(each.network.name).parent)
            stores.setdefault(directory, {})[each.network.name] = bool(each.update.before)
    found = ((FileStore(directory).networks(), defined, directory) for directory, defined in stores.items())
    return [text for names, defined, directory in found for text in network_hints(names, defined, directory)]


def _unknown_keys(outcomes: Iterable[_Outcome]) -> Iterator[str]:
    """Who makes the missing keys: the role those of hosts, and ``clients`` those of clients."""
    hosts, clients = set[str](), set[str]()
    for outcome in outcomes:
        unknown = set(outcome.plan.unknown_keys)
        hosts |= unknown & outcome.plan.hosts.keys()
        clients |= {
            f"{NETWORKS}.{outcome.network.name}.clients.{name}" for name in unknown & outcome.plan.clients.keys()
        }
    left_out = "Their peers do not have them yet, and keep all other peers but those that have left."
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


def open_inventory(task_vars: Mapping[str, Any], without: Collection[str] = ()) -> Inventory:
    """The inventory of the task, as if it did not name the hosts ``without``. Raises FleetError."""
    omitted_error = getattr(errors, "AnsibleValueOmittedError", None)
    inventory = Inventory(task_vars, without, _AnsibleCache, AnsibleError, omitted_error)
    inventory.check_play()
    return inventory


class _AnsibleCache:
    """A Cache that is one of Ansible's cache plugins, set up as for facts, except that nothing in it expires."""

    def __init__(self, name: str) -> None:
        self.name = name
        if name.rpartition(".")[2] == "memory":
            raise RegistryError(f"{REGISTRY_CACHE} {name!r}: keeps nothing between runs; name another cache plugin")

    def _open(self) -> Any:
        """A new plugin each time, as each goes on giving what it has read once."""
        try:
            plugin = cache_loader.get(self.name, _timeout=0)
        except Exception as error:
            raise self._failed("cannot be used", error) from error
        if not plugin:
            raise self._failed("cannot be used", "there is no such plugin")
        # From ansible-core 2.19 on it is wrapped, with keys that change with the format of facts. This is plain text,
        # and outlives the versions of Ansible.
        plugin = getattr(plugin, "__wrapped__", plugin)
        if plugin.has_option("_timeout") and float(plugin.get_option("_timeout") or 0):
            raise self._failed("cannot be used", "what it keeps expires, whatever it is told")
        return plugin

    def read(self, key: str) -> str | None:
        plugin = self._open()
        try:
            value = plugin.get(key)
        except KeyError:
            return None
        except Exception as error:
            raise self._failed(f"{key} cannot be read", error) from error
        text = value.get("text") if isinstance(value, Mapping) else None
        if not isinstance(text, str):
            raise self._failed(f"{key} cannot be read", "it is not what this collection has written")
        return str(text)  # a plugin may give one of Ansible's own kinds of text, which libyaml does not take

    def write(self, key: str, text: str) -> None:
        plugin = self._open()
        try:
            plugin.set(key, {"text": text})
        except Exception as error:
            raise self._failed(f"{key} cannot be written", error) from error

    def _failed(self, problem: str, error: object) -> RegistryError:
        remedy = "see to the plugin's own settings, such as fact_caching_connection in ansible.cfg"
        return RegistryError(f"{REGISTRY_CACHE} {self.name!r}: {problem}: {error}; {remedy}")
