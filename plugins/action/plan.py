# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans the whole fleet once: hostvars in, one desired interface per host out. The thinking is in ``_fleet``."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.errors import (
    FleetError,
    HostError,
    list_names,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.facts import Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.reader import read_networks
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.variables import NETWORKS, PREFIX, REGISTRY
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry import (
    RegistryError,
    Update,
    registry_path,
    update_registry,
)


class ActionModule(ActionBase):
    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _options, arguments = self.validate_argument_spec({"keypairs": {"type": "str"}})
        try:
            inventory = _Inventory(task_vars or {})
            networks = read_networks(inventory.networks(self._templar), inventory.groups, inventory.variables)
            updates = [self._update(network, inventory, arguments["keypairs"], write=False) for network in networks]
            today = datetime.date.today()
            plans = [plan_network(network, update.keys, today) for network, update in zip(networks, updates)]
            # Nothing is written before every key has been found right, nor where nothing changed.
            for network, update in zip(networks, updates):
                if update.changed and arguments["keypairs"] and not self._task.check_mode:
                    self._update(network, inventory, arguments["keypairs"], write=True)
        except (FleetError, RegistryError) as error:
            raise AnsibleActionFail(str(error)) from None
        hosts = {name: plan for each in plans for name, plan in each.hosts.items()}
        unknown = [name for plan in plans for name in plan.unknown_keys]
        # Asked without this run's keys, it only looks.
        changed = [update for update in updates if update.changed and arguments["keypairs"]]
        result.update(
            changed=bool(changed),
            hosts=hosts,
            unknown_keys=unknown,
            outside=[name for name in inventory.play_hosts if name not in hosts],
            diff=[
                {"before_header": str(u.path), "before": u.before, "after_header": str(u.path), "after": u.after}
                for u in changed
            ],
            warnings=[*_replaced(updates), *(_unknown(unknown) if arguments["keypairs"] else ())],
        )
        if result["outside"] and not arguments["keypairs"]:
            self._display.display(f"In no WireGuard network, left alone: {list_names(result['outside'])}")
        return result

    def _update(self, network: Network, inventory: _Inventory, keypairs: str | None, write: bool) -> Update:
        """The network's registry, with the keys that this run made when their variable is named."""
        names = [member.name for member in network.members]
        path = registry_path(inventory.registry_directory(names[0]), network.name)
        return update_registry(path, names, inventory.public_keys(names, keypairs) if keypairs else {}, write)


class _Inventory:
    """What the planner wants to know of an inventory, read from hostvars once a host.

    ``hostvars[host]`` costs most: it merges the host's variables anew each time.
    """

    def __init__(self, task_vars: Mapping[str, Any]) -> None:
        self._task_vars = task_vars
        self._hostvars = task_vars["hostvars"]
        self._hosts: dict[str, Any] = {}
        self.groups: Mapping[str, list[str]] = task_vars["groups"]
        self.play_hosts: list[str] = task_vars["ansible_play_hosts_all"]

    def _host(self, name: str) -> Any:
        if name not in self._hosts:
            self._hosts[name] = self._hostvars[name]
        return self._hosts[name]

    def _get(self, host: str, variable: str) -> Any:
        """The templated value. In place of Ansible's error, one that says whose variable it is."""
        try:
            return self._host(host)[variable]
        except AnsibleError as error:
            problem, remedy = f"cannot be templated: {error}", "define it so that it holds for this host by itself"
            raise FleetError([HostError(host, variable, None, problem, remedy)]) from None

    def networks(self, templar: Any) -> Any:
        """The definition at the play or the task's host, else any host's: it is the same for all."""
        if NETWORKS in self._task_vars:
            return templar.template(self._task_vars[NETWORKS])
        return next((self._get(name, NETWORKS) for name in self.groups["all"] if NETWORKS in self._host(name)), None)

    def variables(self, host: str) -> dict[str, Any]:
        return {
            name: None if name in (NETWORKS, REGISTRY) else self._get(host, name)
            for name in self._host(host)
            if name.startswith(PREFIX)
        }

    def registry_directory(self, host: str) -> str:
        """``wireguard_registry``, relative to the inventory, as this host's variables have it."""
        variables = self._host(host)
        chosen = self._get(host, REGISTRY) if REGISTRY in variables else PREFIX + "registry"
        base = variables.get("inventory_dir")
        if not base and not Path(chosen).is_absolute():
            problem, remedy = "the inventory is no file, so that there is no place beside it", "give an absolute path"
            raise FleetError([HostError(host, REGISTRY, chosen, problem, remedy)])
        return str(Path(base or "/", chosen))

    def public_keys(self, hosts: Iterable[str], variable: str) -> dict[str, str]:
        """The keys that this run's ``keypair`` tasks returned."""
        keys = {}
        for host in hosts:
            keypair = self._host(host).get(variable)
            key = keypair.get("public_key") if isinstance(keypair, Mapping) else None
            if key:
                keys[host] = _checked(host, key)
        return keys


def _checked(host: str, key: str) -> str:
    try:
        return str(parse_public_key(key))
    except InputError as error:
        raise FleetError([HostError(host, error.option, error.value, error.problem, error.remedy)]) from None


def _replaced(updates: Iterable[Update]) -> list[str]:
    names = [name for update in updates for name in update.replaced]
    return [f"The public key is another than the registry had: {', '.join(names)}."] if names else []


def _unknown(names: list[str]) -> list[str]:
    text = (
        "No public key is known yet of {0}. They are left out of their peers' plans, which then remove no peer; "
        "their keys are made when the role runs on them."
    )
    return [text.format(", ".join(names))] if names else []
