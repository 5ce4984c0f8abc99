# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module ``member``, and ``interface`` for the running interfaces that differ.

The preshared keys are derived and sealed here, so that no variable, argument or result of a task has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.executor import module_common
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import AUTO
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.member_report import (
    MemberReport,
    PartReport,
    read_member,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.unit_files import metrics_of, setup_of
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.option_parsers import NETWORKS
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.preshared import secret_options
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import sealed_preshared_keys

from . import interface
from .plan import OMITTED

MEMBER = "cryptokey.wireguard.member"
INTERFACE = "cryptokey.wireguard.interface"
CONFIG = "cryptokey.wireguard.config"

# The role's handlers, each with the part of the result that it is for.
_HANDLERS = {
    "Install missing packages and update this member": "packages",
    "Set up services and timers, and finish key rotations": "lacks",
    "Check the tunnels of changed interfaces": "converged",
}
# What an answer of a host cannot say.
_OF_THE_CONTROLLER = ("add_group", "add_host", "ansible_facts", "begun", "parent_groups", "unreachable")

Result = dict[str, Any]


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Result | None = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        self._variables = task_vars or {}
        self._warnings: list[Any] = []
        arguments = dict(self._task.args)
        defaults = {**self._defaults_of(INTERFACE), **self._defaults_of(CONFIG)}
        given = _read_entries(arguments.pop("interfaces", None))
        # As the step _metrics has them, without module_defaults.
        arguments["metrics"] = metrics_of(given)
        if arguments.get("state") != "absent":
            _check_rules(given)
        entries = [self._prepare(entry, defaults) for entry in given]
        try:
            result.update(self._run_steps(entries, arguments))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        if self._warnings:
            result["warnings"] = self._warnings
        # A handler that is skipped costs a process.
        if self._task.notify:
            idle = {handler for handler, part in _HANDLERS.items() if not result.get(part)}
            self._task.notify = [handler for handler in self._task.notify if handler not in idle]
        return result

    def _defaults_of(self, module: str) -> Result:
        """What the operator has in ``module_defaults`` for a module that is run here."""
        apply = getattr(module_common, "_apply_action_arg_defaults", None)
        if apply is not None:
            return dict(apply(module, self._task, {}, self._templar))
        # Before ansible-core 2.19.
        groups, merge = self._task._parent._play._action_groups, module_common.get_action_args_with_defaults
        return dict(merge(module, {}, self._task.module_defaults, self._templar, action_groups=groups))

    def _prepare(self, entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Result:
        """The entry with its setup and the options that the modules get."""
        options = sealed_options(entry, self._variables, self._templar)
        confirming = {"confirm": AUTO, **(entry.get("interface_options") or {})}
        return {**entry, "options": {**defaults, **options, **confirming}, "setup": setup_of(entry)}

    def _run_steps(self, entries: Sequence[Result], arguments: Mapping[str, Any]) -> Result:
        """Run the module, the interfaces that differ, and the module again for what comes after them."""
        answer = self._run_member(entries, arguments)
        if answer.get("failed"):
            return answer
        report = self._read(answer, entries)
        try:
            return self._finish(entries, arguments, report)
        except AnsibleConnectionFailure as error:
            # Not the same as a host that does not answer at all.
            return {"unreachable": True, "begun": True, "msg": str(error)}

    def _finish(self, entries: Sequence[Result], arguments: Mapping[str, Any], report: MemberReport) -> Result:
        """Update the running interfaces that differ, and then what comes after them."""
        differing = [part.interface for part in report.parts if part.differs]
        done: dict[str, Result] = {}
        for entry in entries:
            name = entry["options"]["interface"]
            if name in differing:
                absent = arguments.get("state") == "absent"
                done[name] = self._converge(_removal(entry["options"]) if absent else entry["options"])
                if done[name].get("failed"):
                    return {**done[name], **_result_of(report, done)}
        if differing:
            answer = self._run_member(entries, {**arguments, "converged": True})
            if answer.get("failed"):
                return {**answer, **_result_of(report, done)}
            later = self._read(answer, entries)
            report = later._replace(changed=report.changed or later.changed, parts=_created(report.parts, later.parts))
        return _result_of(report, done)

    def _run_member(self, entries: Sequence[Result], arguments: Mapping[str, Any]) -> Result:
        kept_here = ("interface_options", "rules")
        given = [{name: value for name, value in entry.items() if name not in kept_here} for entry in entries]
        module_args = {**arguments, "interfaces": given}
        return self._heard(self._execute_module(MEMBER, module_args=module_args, task_vars=self._variables))

    def _read(self, answer: Result, entries: Sequence[Result]) -> MemberReport:
        try:
            return read_member(answer, entries)
        except InputError as error:
            raise AnsibleActionFail(f"{self._variables['inventory_hostname']}: {error}") from None

    def _converge(self, options: Mapping[str, Any]) -> Result:
        """The result of ``interface``, whose action confirms a provisional change."""
        task = self._task.copy()
        task.action = INTERFACE
        task.args = {name: value for name, value in options.items() if name != "path"}
        parts = ("connection", "play_context", "loader", "templar", "shared_loader_obj")
        action = interface.ActionModule(task=task, **{name: getattr(self, f"_{name}") for name in parts})
        return self._heard(action.run(task_vars=self._variables))

    def _heard(self, answer: Mapping[str, Any]) -> Result:
        """The answer of a module without orders to the controller. Its warnings are kept for the result."""
        self._warnings += answer.get("warnings") or []
        return {name: value for name, value in answer.items() if name not in ("warnings", *_OF_THE_CONTROLLER)}


def _read_entries(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or not all(isinstance(each, Mapping) and "options" in each for each in value):
        raise AnsibleActionFail(
            "interfaces: expected the entries of the host in the plan; pass hosts[inventory_hostname] of its result"
        )
    return list(value)


def _check_rules(entries: Iterable[Mapping[str, Any]]) -> None:
    """Refuse entries whose firewall rules are not composed, as an interface would come up without its policy."""
    bare = [str(entry.get("network")) for entry in entries if "rules" in entry]
    if bare:
        raise AnsibleActionFail(
            f"interfaces: the entry of the network {bare[0]} lacks its firewall rules; pass "
            "plan.hosts[inventory_hostname] | cryptokey.wireguard.with_rules(plan.rules), with plan the plan's result"
        )


def _removal(options: Mapping[str, Any]) -> Result:
    """What ``interface`` takes to remove the interface of these options."""
    return {"state": "absent", **{name: options[name] for name in ("interface", "netns") if name in options}}


def _created(first: Iterable[PartReport], second: Iterable[PartReport]) -> tuple[PartReport, ...]:
    """The later reports. Which keys were created is what the first ones say."""
    return tuple(
        later._replace(created=earlier.created or later.created) for earlier, later in zip(first, second, strict=True)
    )


def _result_of(report: MemberReport, done: Mapping[str, Result]) -> Result:
    """What the task returns. ``done``: for each interface that was changed, the result of its change."""
    changed = report.changed or any(each.get("changed") for each in done.values())
    diffs = [{**_headers(f"{name} (running)"), **each["diff"]} for name, each in done.items() if each.get("diff")]
    return {
        "changed": changed,
        "complete": report.complete,
        "packages": report.packages,
        "interfaces": [_part_of(part, done.get(part.interface, {})) for part in report.parts],
        "lacks": [f"{lack} {part.interface}" for part in report.parts for lack in part.lacks],
        "converged": sorted(done),
        "diff": [*diffs, *report.diff],
    }


def _headers(name: str) -> dict[str, str]:
    return {"before_header": name, "after_header": name}


def _part_of(part: PartReport, done: Result) -> Result:
    return {
        "network": part.network,
        "interface": part.interface,
        **part.keys,
        "created": part.created,
        "known": part.known,
        "lacks": list(part.lacks),
        "changes": done.get("changes", []),
        # Those that answered when a provisional change was confirmed.
        **({"tunnels": done["tunnels"]} if "tunnels" in done else {}),
        "operations": done.get("operations", []),
    }


def sealed_options(entry: Mapping[str, Any], variables: Mapping[str, Any], templar: Any) -> Result:
    """Return the options of both modules in the entry, with the preshared keys that the inventory asks for.

    They are sealed to the public key that the host's peers know, not to one that the host reports now.
    """
    options, network, host = entry["options"], entry.get("network"), variables["inventory_hostname"]
    if network is None or NETWORKS not in variables:
        return dict(options)
    try:
        secrets = secret_options(variables[NETWORKS], network, _given(templar.template))
        peers = sealed_preshared_keys(options["peers"], host, entry.get("public_key"), secrets, network)
    except (FleetError, InputError, MissingLibrary) as error:
        raise AnsibleActionFail(str(error)) from None
    return {**options, "peers": peers}


def _given(template: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``template`` with None for a value that is omitted, which is an error from ansible-core 2.19 on."""

    def given(value: Any) -> Any:
        try:
            return template(value)
        except OMITTED:
            return None

    return given
