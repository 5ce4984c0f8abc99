# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a run: what the planner asks of it, and where its registry is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from ._fleet.errors import FleetError, HostError
from ._fleet.variables import NETWORKS, PREFIX, REGISTRY, REGISTRY_CACHE, REGISTRY_READ_ONLY, parse_boolean
from ._registry.cache import Cache, CacheStore
from ._registry.file import FileStore
from ._registry.store import Store


class Inventory:
    """What the planner wants to know of an inventory, read from hostvars once a host.

    ``hostvars[host]`` costs most: it merges the host's variables anew each time. ``open_cache`` opens one of Ansible's
    cache plugins by name, and ``template_error`` is what Ansible raises for a value that it cannot template.
    """

    def __init__(
        self,
        task_vars: Mapping[str, Any],
        without: Collection[str],
        open_cache: Callable[[str], Cache],
        template_error: type[Exception],
    ) -> None:
        self._open_cache = open_cache
        self._template_error = template_error
        self._task_vars = task_vars
        self._hostvars = task_vars["hostvars"]
        self._hosts: dict[str, Any] = {}
        self.groups: Mapping[str, list[str]] = _without(task_vars["groups"], without)
        self.play_hosts: list[str] = task_vars["ansible_play_hosts_all"]

    def _host(self, name: str) -> Any:
        if name not in self._hosts:
            self._hosts[name] = self._hostvars[name]
        return self._hosts[name]

    def _get(self, host: str, variable: str) -> Any:
        """The templated value. In place of Ansible's error, one that says whose variable it is."""
        try:
            value = self._host(host)[variable]
        except self._template_error as error:
            raise _not_templated(host, variable, str(error)) from None
        if isinstance(value, str) and "{{" in value:  # how ansible-core before 2.19 tells it
            raise _not_templated(host, variable, f"{value} uses a variable that is not defined")
        return value

    def get(self, host: str, variable: str) -> Any:
        return self._get(host, variable) if variable in self._host(host) else None

    def registered(self, host: str, variable: str) -> Any:
        """What a task has registered, which is never templated. To look for templates in it all would cost more."""
        return self._hostvars.raw_get(host).get(variable)

    def networks(self, templar: Any) -> Any:
        """The definition at the play or the task's host, else any host's: it is the same for all."""
        if NETWORKS in self._task_vars:
            return templar.template(self._task_vars[NETWORKS])
        return next((self._get(name, NETWORKS) for name in self.groups["all"] if NETWORKS in self._host(name)), None)

    def variables(self, host: str) -> dict[str, Any]:
        """The values for the whole fleet are not templated for every host."""
        fleet = (NETWORKS, REGISTRY, REGISTRY_CACHE, REGISTRY_READ_ONLY)
        return {
            name: None if name in fleet else self._get(host, name)
            for name in self._host(host)
            if name.startswith(PREFIX)
        }

    def store(self, host: str) -> Store:
        """Where this host's variables have the registry be."""
        cache = self.get(host, REGISTRY_CACHE)
        return CacheStore(self._open_cache(str(cache))) if cache else FileStore(self._directory(host))

    def _directory(self, host: str) -> str:
        """``wireguard_registry``, relative to the inventory."""
        variables = self._host(host)
        chosen = self.get(host, REGISTRY) or PREFIX + "registry"
        base = variables.get("inventory_dir")
        if not base and not Path(chosen).is_absolute():
            problem, remedy = "the inventory is no file, so that there is no place beside it", "give an absolute path"
            raise FleetError([HostError(host, REGISTRY, chosen, problem, remedy)])
        return str(Path(base or "/", chosen))

    def is_read_only(self, host: str) -> bool:
        value = self.get(host, REGISTRY_READ_ONLY)
        try:
            return value is not None and parse_boolean(value, REGISTRY_READ_ONLY)
        except InputError as error:
            raise FleetError([HostError(host, error.option, error.value, error.problem, error.remedy)]) from None


def _not_templated(host: str, variable: str, reason: str) -> FleetError:
    remedy = "define it so that it holds for this host by itself"
    return FleetError([HostError(host, variable, None, f"cannot be templated: {reason}", remedy)])


def _without(groups: Mapping[str, list[str]], names: Collection[str]) -> Mapping[str, list[str]]:
    """The groups as if the inventory did not name these hosts."""
    for name in names:
        if name not in groups["all"]:
            remedy = "name a host as the inventory does; one that it does not name has left already"
            raise FleetError([HostError("", "without", name, "not in the inventory", remedy)])
    gone = frozenset(names)
    return {group: [host for host in hosts if host not in gone] for group, hosts in groups.items()} if gone else groups
