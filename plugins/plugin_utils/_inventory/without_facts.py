# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a task as the operator wrote them.

Any module can return ``ansible_facts``. Ansible makes them variables of the host, which rank above the inventory's:
``wireguard_networks``, and even ``inventory_hostname`` and ``inventory_dir``. So a compromised host could plan the
network. The names of Ansible's own facts begin with ``ansible_``; it removes those that control connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import FleetError, HostError, list_names

FACT = "ansible_"
# What Ansible keeps with a host's variables, though it is not the host's to say.
IDENTITY = frozenset(
    ("group_names", "inventory_dir", "inventory_file", "inventory_hostname", "inventory_hostname_short")
)
REMEDY = (
    "if your own play set them with set_fact and cacheable, leave cacheable out, and run once with --flush-cache; "
    "if not, check whether the host is compromised"
)
# Those that this collection reads, and those that it registers.
_PREFIXES = ("wireguard_", "network_", "adopt_")
# These always are Ansible's own, whatever a host returns.
_MAGIC = ("ansible_play_batch", "ansible_play_hosts", "ansible_play_hosts_all", "groups", "play_hosts")


class _NamedAsFacts:
    """A cache of facts that renames all to ``ansible_*``, so that none hides a variable of the inventory.

    ``ansible_facts`` stays the same, as Ansible removes that prefix there.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def get(self, host: str, *default: Any) -> dict[str, Any]:
        facts = self._cache.get(host, *default)
        if not isinstance(facts, Mapping):
            return {}
        return {str(name) if str(name).startswith(FACT) else f"{FACT}{name}": value for name, value in facts.items()}


def without_facts(task_vars: Mapping[str, Any], task: Any, literal: frozenset[str]) -> dict[str, Any]:
    """The variables of ``task``, and the ``hostvars`` among them, without facts in the place of the operator's.

    Variables that tasks have registered or set stay, and so does ``ansible_facts``. Raises FleetError where the options
    of ``task`` may themselves come from facts, which those in ``literal`` do not.
    """
    hostvars = task_vars["hostvars"]
    if task.args.keys() - literal:
        _check_options(hostvars, task_vars)
    manager = _manager_without_facts(hostvars)
    trusted = type(hostvars)(hostvars._inventory, manager, hostvars._loader)
    host = hostvars._inventory.get_host(task_vars["inventory_hostname"])
    variables: dict[str, Any] = manager.get_vars(play=task.get_play(), host=host, task=task)
    kept = {name: task_vars[name] for name in _MAGIC if name in task_vars}
    return {**variables, **kept, "hostvars": trusted}


def _check_options(hostvars: Any, task_vars: Mapping[str, Any]) -> None:
    """Ansible has templated the options of a task that runs once with the variables of one host, its facts included."""
    name = task_vars["inventory_hostname"]
    for host, facts in intruders(hostvars, task_vars["groups"]["all"]).items():
        if name in (host, facts.get("inventory_hostname")):
            problem = f"the host returned variables that only the operator sets: {list_names(sorted(facts))}"
            remedy = f"{REMEDY}; to continue without it, add --limit 'all:!{host}'"
            raise FleetError([HostError(host, "ansible_facts", None, problem, remedy)])


def _manager_without_facts(hostvars: Any) -> Any:
    """A manager of variables that shares all but the facts with Ansible's own."""
    original = hostvars._variable_manager
    manager = object.__new__(type(original))
    manager.__dict__.update(original.__dict__)
    manager._fact_cache = _NamedAsFacts(original._fact_cache)
    return manager


def intruders(hostvars: Any, hosts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The hosts that have returned facts named as variables of this collection, or as what identifies a host."""
    cache = hostvars._variable_manager._fact_cache
    found = {host: {name: value for name, value in _facts(cache, host) if _intrudes(name)} for host in hosts}
    return {host: facts for host, facts in found.items() if facts}


def _facts(cache: Any, host: str) -> Iterable[tuple[str, Any]]:
    try:
        facts = cache.get(host)
    except KeyError:
        return ()
    return facts.items() if isinstance(facts, Mapping) else ()


def _intrudes(name: object) -> bool:
    return isinstance(name, str) and (name in IDENTITY or name.startswith(_PREFIXES))
