# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a run: what the planner asks of it, and where its registry is.

What is for all hosts is read from all hosts, whichever of them run: those that define it must agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.values import parse_boolean

from .._registry.cache import Cache, CacheStore
from .._registry.file import FileStore
from .._registry.store import Store
from .errors import FleetError, HostError, Problems, list_names
from .given import normalise, parse_host_names, parse_name, parse_text
from .nouns import Network
from .option_parsers import (
    CLIENTS_DIRECTORY,
    FLEET_VARIABLES,
    HOST_VARIABLES,
    NETWORKS,
    PREFIX,
    REGISTRY,
    REGISTRY_CACHE,
    REGISTRY_READ_ONLY,
)
from .paths import Directories, expand
from .preshared import SECRETS
from .raw import find_difference, has_templates, is_same, mentioned


class Inventory:
    """The variables of all hosts that the planner needs, read from hostvars once for each host.

    ``hostvars[host]`` costs most: it merges the host's variables each time. ``open_cache`` opens one of Ansible's
    cache plugins by name. ``template_error`` is what Ansible raises for a value that it cannot template, and
    ``omitted_error`` one of its kind for a value that is omitted, from ansible-core 2.19 on.
    """

    def __init__(
        self,
        task_vars: Mapping[str, Any],
        without: Collection[str],
        open_cache: Callable[[str], Cache],
        template_error: type[Exception],
        omitted_error: type[Exception] | tuple[()] = (),
    ) -> None:
        self._open_cache = open_cache
        self._template_error = template_error
        self._omitted_error = omitted_error
        self._task_vars = task_vars
        self._hostvars = task_vars["hostvars"]
        self._hosts: dict[str, Any] = {}
        self._all: list[str] = task_vars["groups"]["all"]
        self.without = parse_host_names(without, "without")
        self.groups: Mapping[str, list[str]] = _without(task_vars["groups"], self.without)
        self.play_hosts: list[str] = task_vars["ansible_play_hosts_all"]

    def _host(self, name: str) -> Any:
        if name not in self._hosts:
            self._hosts[name] = self._hostvars[name]
        return self._hosts[name]

    def _get(self, host: str, variable: str) -> Any:
        """The templated value, None where it is not given. Raises FleetError, which names the variable."""
        return self._read(lambda: self._host(host)[variable], host, variable)

    def _read(self, template: Callable[[], Any], host: str, option: str) -> Any:
        problems = Problems()
        try:
            value = normalise(template(), option, problems, host)
        except self._template_error as error:
            if self._is_omitted(error):
                return None
            raise _not_templated(host, option, str(error)) from None
        if isinstance(value, str) and "{{" in value:  # how ansible-core before 2.19 tells it
            raise _not_templated(host, option, f"{value} uses a variable that is not defined")
        problems.refuse()
        return value

    def _is_omitted(self, error: Exception) -> bool:
        return isinstance(error, self._omitted_error)

    def get(self, host: str, variable: str) -> Any:
        return self._get(host, variable) if variable in self._host(host) else None

    def registered(self, host: str, variable: str) -> Any:
        """What a task has registered, which is never templated. To look for templates in it all would cost more."""
        return self._hostvars.raw_get(host).get(variable)

    def networks(self, templar: Any, secrets: bool = True) -> Any:
        """The play's own definition, else that of the inventory. Raises FleetError where hosts differ.

        Without ``secrets``, those of the networks are not looked at, so that no vault password is needed.
        """
        of_inventory = partial(self.agreed, NETWORKS, lambda host: self._networks_of(host, secrets))
        if NETWORKS not in self._task_vars:
            return of_inventory()
        if not self._is_defined_by_play and len(self._defining(NETWORKS)) > 1:
            of_inventory()
        return self._networks(self._task_vars[NETWORKS], templar.template, secrets)

    @cached_property
    def _is_defined_by_play(self) -> bool:
        """Whether the networks are the play's own, which all of its hosts have."""
        own = self._raw(self._task_vars["inventory_hostname"])
        return NETWORKS in self._task_vars and not (
            NETWORKS in own and is_same(self._task_vars[NETWORKS], own[NETWORKS], self._template_error)
        )

    def check_play(self) -> None:
        """Raises FleetError with the variables of a play, role or task that are read from the inventory alone.

        All hosts must have them, those of other plays too.
        """
        own = self._raw(self._task_vars["inventory_hostname"])
        problems = Problems()
        for name in sorted({*FLEET_VARIABLES, *HOST_VARIABLES}.intersection(self._task_vars) - {NETWORKS}):
            value = self._task_vars[name]
            if value in (None, "") or (name in own and is_same(value, own[name], self._template_error)):
                continue
            place = "group_vars/all" if name in FLEET_VARIABLES else "host_vars or group_vars"
            problem = "set in the variables of a play, a role or a task, where it is ignored"
            problems.add("", name, None, problem, f"set it in the inventory, such as in {place}, or with -e")
        problems.refuse()

    def check_members(self, networks: Iterable[Network], secrets: bool = True) -> None:
        """Raises FleetError with the members that lack the inventory's definition, which the role reads on each host.

        The plan cannot bring it there: there may be secrets in it.
        """
        if self._is_defined_by_play:
            return
        members: dict[str, list[str]] = {}
        for network in networks:
            for host in network.hosts:
                members.setdefault(host.name, []).append(network.name)
        defining = self._defining(NETWORKS)
        # The only one has been read by now.
        others = frozenset(defining if len(defining) > 1 else ())
        problems = Problems()
        for name, names in sorted(members.items()):
            try:
                is_given = self._raw(name).get(NETWORKS) not in (None, "")
                if is_given and (name not in others or self._networks_of(name, secrets) is not None):
                    continue
            except FleetError as error:
                problems.keep(name, error.problems)
                continue
            problem = f"not defined for this host, which is a member of {list_names(names)}"
            problems.add(name, NETWORKS, None, problem, "define it for all hosts, such as in group_vars/all")
        problems.refuse()

    def _networks_of(self, host: str, secrets: bool) -> Any:
        try:
            return self._networks(self._host(host)[NETWORKS], lambda value: value, secrets)
        except self._template_error as error:
            if self._is_omitted(error):
                return None
            raise _not_templated(host, NETWORKS, str(error)) from None

    def _networks(self, defined: Any, template: Callable[[Any], Any], secrets: bool) -> Any:
        """Each option is templated by itself, so that a problem has its path."""
        if not isinstance(defined, Mapping):
            found = self._read(partial(template, defined), "", NETWORKS)
            if found is None or isinstance(found, Mapping):
                return found
            # The value is not shown, as there may be a secret in it.
            remedy = (
                "write NAME: OPTIONS, one network a line; with -e, write JSON, as -e '{\"wireguard_networks\": {...}}'"
            )
            raise FleetError([HostError("", NETWORKS, None, "expected a dictionary", remedy)])
        problems = Problems()
        found = {}
        for key, options in defined.items():
            # The role finds a network by its name, for which a number will not do.
            name = problems.catch("", partial(parse_text, key, NETWORKS), str(key))
            path = f"{NETWORKS}.{name}"
            if isinstance(options, Mapping):
                found[name] = {}
                for option_key, value in options.items():
                    option = problems.catch("", partial(parse_name, option_key, path), str(option_key))
                    if secrets or option not in SECRETS:
                        read = partial(self._read, partial(template, value), "", f"{path}.{option}")
                        found[name][option] = problems.gather(read, None)
            else:
                found[name] = problems.gather(partial(self._read, partial(template, options), "", path), None)
        problems.refuse()
        return found

    def _raw(self, host: str) -> Mapping[str, Any]:
        """The variables of a host without templating."""
        # To merge them a second time would cost as much as all the rest.
        variables: Mapping[str, Any] | None = getattr(self._host(host), "_vars", None)
        return self._hostvars.raw_get(host) if variables is None else variables

    def agreed(self, variable: str, read: Callable[[str], Any] | None = None) -> Any:
        """The value of all hosts that define the variable, None where none does.

        ``read`` gives a host's value, where that is more than the templated one. Raises FleetError with two hosts that
        differ.
        """
        read = read or partial(self._get, variable=variable)
        first, value, failed = "", None, None
        for host in self._defining(variable):
            try:
                found = read(host)
            except FleetError as error:  # a host that it does not concern may lack what it uses
                failed = failed or error
                continue
            if found is None:  # omitted
                continue
            lacks = has_templates(found)
            if not first or (has_templates(value) and not lacks):
                first, value = host, found
            elif found != value and not lacks:
                raise _differ(variable, (first, host), (value, found))
        if failed and not first:
            raise failed
        return value

    def _defining(self, variable: str) -> list[str]:
        """A host that defines the variable, and those whose untemplated definition is another."""
        found: list[str] = []
        used: set[str] = set()
        for host in self._all:
            raw = self._raw(host)
            if raw.get(variable) in (None, ""):
                continue
            if not found:
                used = {variable, *mentioned(raw[variable], raw)}
            if not found or not all(self._is_same(name, found[0], host) for name in used):
                found.append(host)
        return found

    def _is_same(self, variable: str, one: str, other: str) -> bool:
        values = self._raw(one).get(variable), self._raw(other).get(variable)
        return is_same(*values, self._template_error)

    def variables(self, host: str) -> dict[str, Any]:
        """The values for the whole fleet are not templated for every host."""
        problems = Problems()
        found = {
            name: None if name in FLEET_VARIABLES else problems.gather(partial(self._get, host, name), None)
            for name in self._host(host)
            if name.startswith(PREFIX)
        }
        problems.refuse()
        return found

    def store(self, network: str) -> Store:
        """Where the registry of this network is."""
        if self._cache:
            return CacheStore(self._open_cache(str(self._cache)))
        path = self._registry
        return FileStore(str(self._directories.find(REGISTRY, path, lambda base: _has(base / path, [network]))))

    @cached_property
    def _cache(self) -> Any:
        return self.agreed(REGISTRY_CACHE)

    @cached_property
    def _registry(self) -> Path:
        return expand(REGISTRY, str(self.agreed(REGISTRY) or PREFIX + "registry"))

    @cached_property
    def _directories(self) -> Directories:
        hosts = ((name, self._raw(name).get("inventory_dir")) for name in self._all)
        return Directories(hosts, self._task_vars.get("ansible_inventory_sources") or ())

    def base(self, option: str) -> Path:
        """The directory of the inventory. Raises FleetError where there are several."""
        return self._directories.find(option, Path(), lambda _path: False)

    def clients_directory(self, chosen: str | None, networks: Collection[str]) -> Path:
        """``chosen`` or else the variable; relative to the inventory, to that directory which has the registry."""
        agreed = self.agreed(CLIENTS_DIRECTORY)
        path = expand(CLIENTS_DIRECTORY, str(chosen or agreed or PREFIX + "clients"))
        registry = path if self._registry.is_absolute() else self._registry

        def is_there(base: Path) -> bool:
            return (base / path).is_dir() or _has(base / registry, networks)

        return self._directories.find(CLIENTS_DIRECTORY, path, is_there)

    @cached_property
    def is_read_only(self) -> bool:
        return bool(
            self.agreed(REGISTRY_READ_ONLY, lambda host: _read_boolean(host, self._get(host, REGISTRY_READ_ONLY)))
        )


def _has(directory: Path, networks: Collection[str]) -> bool:
    return any(FileStore(str(directory)).path(network).exists() for network in networks)


def _read_boolean(host: str, value: object) -> bool | None:
    try:
        return None if value is None else parse_boolean(value, REGISTRY_READ_ONLY)
    except InputError as error:
        raise FleetError([HostError(host, error.option, error.value, error.problem, error.remedy)]) from None


def _differ(variable: str, hosts: tuple[str, str], values: tuple[object, object]) -> FleetError:
    """Shows no value, as there may be a secret in it."""
    problem = f"{hosts[0]} and {hosts[1]} define it differently"
    remedy = "define it once, for all hosts"
    if variable == NETWORKS:
        remedy += ", and list the hosts of each network in hubs, spokes or members"
    return FleetError([HostError("", find_difference(variable, *values), None, problem, remedy)])


def _not_templated(host: str, variable: str, reason: str) -> FleetError:
    remedy = "define the variables that it uses for this host" if host else "define what it uses for all hosts"
    if "decrypt" in reason:
        remedy = "give the password that it was encrypted with, with --ask-vault-pass or --vault-id"
    elif re.search(r"\bansible_host\b", reason):
        remedy = "write {{ ansible_host | default(inventory_hostname) }}"
    return FleetError([HostError(host, variable, None, f"cannot be templated: {reason}", remedy)])


def _without(groups: Mapping[str, list[str]], names: Collection[str]) -> Mapping[str, list[str]]:
    """The groups as if the inventory did not name these hosts."""
    for name in names:
        if name not in groups["all"]:
            remedy = "use a host name of the inventory; hosts that are not in it have already left"
            raise FleetError([HostError("", "without", name, "not in the inventory", remedy)])
    gone = frozenset(names)
    return {group: [host for host in hosts if host not in gone] for group, hosts in groups.items()} if gone else groups
