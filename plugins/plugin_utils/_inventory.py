# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a run: what the planner asks of it, and where its registry is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from ._fleet.errors import FleetError, HostError, Problems
from ._fleet.given import normalise, parse_name, parse_text
from ._fleet.preshared import SECRETS
from ._fleet.variables import (
    FLEET_VARIABLES,
    NETWORKS,
    PREFIX,
    REGISTRY,
    REGISTRY_CACHE,
    REGISTRY_READ_ONLY,
    parse_boolean,
)
from ._registry.cache import Cache, CacheStore
from ._registry.file import FileStore
from ._registry.store import Store


class Inventory:
    """What the planner wants to know of an inventory, read from hostvars once a host.

    ``hostvars[host]`` costs most: it merges the host's variables anew each time. ``open_cache`` opens one of Ansible's
    cache plugins by name. ``template_error`` is what Ansible raises for a value that it cannot template, and
    ``omitted_error`` one of its kind for a value that is omitted, from ansible-core 2.19 on.
    """

    def __init__(
        self,
        task_vars: Mapping[str, Any],
        without: Collection[str],
        open_cache: Callable[[str], Cache],
        template_error: type[Exception],
        omitted_error: type[Exception] | None = None,
    ) -> None:
        self._open_cache = open_cache
        self._template_error = template_error
        self._omitted_error = omitted_error
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
        """The templated value, None where it is not given. Raises FleetError, which names the variable."""
        return self._read(lambda: self._host(host)[variable], host, variable)

    def _read(self, template: Callable[[], Any], host: str, option: str) -> Any:
        problems = Problems()
        try:
            value = normalise(template(), option, problems, host)
        except self._template_error as error:
            if self._omitted_error and isinstance(error, self._omitted_error):
                return None
            raise _not_templated(host, option, str(error)) from None
        if isinstance(value, str) and "{{" in value:  # how ansible-core before 2.19 tells it
            raise _not_templated(host, option, f"{value} uses a variable that is not defined")
        problems.refuse()
        return value

    def get(self, host: str, variable: str) -> Any:
        return self._get(host, variable) if variable in self._host(host) else None

    def registered(self, host: str, variable: str) -> Any:
        """What a task has registered, which is never templated. To look for templates in it all would cost more."""
        return self._hostvars.raw_get(host).get(variable)

    def networks(self, templar: Any, secrets: bool = True) -> Any:
        """The definition at the play or the task's host, else any host's: it is the same for all.

        Without ``secrets``, those of the networks are not looked at, so that no vault password is needed.
        """
        if NETWORKS in self._task_vars:
            return self._networks(self._task_vars[NETWORKS], templar.template, secrets)
        host = next((name for name in self.groups["all"] if NETWORKS in self._host(name)), None)
        if host is None:
            return None
        try:
            return self._networks(self._host(host)[NETWORKS], lambda value: value, secrets)
        except self._template_error as error:
            raise _not_templated(host, NETWORKS, str(error)) from None

    def _networks(self, defined: Any, template: Callable[[Any], Any], secrets: bool) -> Any:
        """Each option is templated by itself, so that a problem has its path."""
        if not isinstance(defined, Mapping):
            return self._read(partial(template, defined), "", NETWORKS)
        problems = Problems()
        found: dict[str, Any] = {}
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
    remedy = "define it so that it holds for this host by itself" if host else "define what it uses for all hosts"
    if "decrypt" in reason:
        remedy = "give the password that it was encrypted with, as with --ask-vault-pass or --vault-id"
    elif re.search(r"\bansible_host\b", reason):
        remedy = "write {{ ansible_host | default(inventory_hostname) }}"
    return FleetError([HostError(host, variable, None, f"cannot be templated: {reason}", remedy)])


def _without(groups: Mapping[str, list[str]], names: Collection[str]) -> Mapping[str, list[str]]:
    """The groups as if the inventory did not name these hosts."""
    for name in names:
        if name not in groups["all"]:
            remedy = "name a host as the inventory does; one that it does not name has left already"
            raise FleetError([HostError("", "without", name, "not in the inventory", remedy)])
    gone = frozenset(names)
    return {group: [host for host in hosts if host not in gone] for group, hosts in groups.items()} if gone else groups
