# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate inventory from existing interfaces, on the controller. The logic is in ``plugin_utils/_adopt``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import atomic_write
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.adoption import (
    Adoption,
    Sources,
    find_adoption,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.documents import Document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.report import report
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.inventory import Inventory
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.run_once import RunOnce
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.text import RegistryError

from .plan import open_inventory

_MODE = 0o644
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
        adoption = find_adoption(_sources(inventory, hosts, arguments, inventory.networks(self._templar)))
        changed = [document for document in adoption.documents if document.is_changed and adoption.proposals]
        updates = [update for update in adoption.record(write=False) if update.changed]
        writes = bool(arguments["keys"])
        if writes and not self._task.check_mode and adoption.proposals:
            _write(adoption)
        paths = [*(str(document.path) for document in changed), *(update.place for update in updates)]
        text = report(adoption.proposals, adoption.found, adoption.notes, paths, adoption.problems)
        if not writes:
            self._display.display(f"\n{text}\n")
        problems = str(FleetError(adoption.problems))
        return {
            "changed": writes and bool(paths),
            "report": text,
            "networks": adoption.networks,
            "hosts": adoption.hosts,
            "interfaces": adoption.interfaces,
            "notes": adoption.notes,
            "problems": problems.splitlines(),
            "kept": [{"host": each.host, "path": each.path, "lines": list(each.kept)} for each in adoption.found],
            "diff": [*map(_document_diff, changed), *(update.diff() for update in updates)] if writes else [],
            # The other networks are already written.
            **({"failed": True, "msg": f"Not adopted: {problems}"} if writes and problems else {}),
        }


def _sources(inventory: Inventory, hosts: Collection[str], arguments: Mapping[str, Any], defined: object) -> Sources:
    """Collect what the hosts have registered."""
    found = {
        host: tuple(inventory.registered(host, arguments[option]) for option in ("files", "running")) for host in hosts
    }
    reports = {
        host: (
            files if isinstance(files, Mapping) else {},
            running if isinstance(running, Mapping) else {},
        )
        for host, (files, running) in found.items()
    }
    taken = {host: _taken(inventory, host, arguments["keys"]) for host in hosts} if arguments["keys"] else None
    return Sources(
        inventory,
        reports,
        taken,
        interfaces=arguments["interfaces"],
        network=arguments["network"],
        directory=arguments["directory"],
        overwrite=arguments["overwrite"],
        defined=defined,
    )


def _taken(inventory: Inventory, host: str, variable: str) -> list[str]:
    """List the public keys that the host has written to their files."""
    registered = inventory.registered(host, variable)
    results = registered.get("results", ()) if isinstance(registered, Mapping) else ()
    return [str(result.get("public_key")) for result in results if not result.get("failed")]


def _write(adoption: Adoption) -> None:
    for document in adoption.documents:
        if document.is_changed:
            document.path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(str(document.path.absolute()), document.text.encode(), _MODE)
    adoption.record(write=True)


def _document_diff(document: Document) -> dict[str, str]:
    path = str(document.path)
    return {"before_header": path, "before": document.before or "", "after_header": path, "after": document.text}
