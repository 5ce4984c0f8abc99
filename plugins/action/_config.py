# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``config`` with the options of an entry of the plan. A step of the role, not public.

The preshared keys are derived and sealed here, so that no variable, argument or result of a task has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.executor import module_common
from ansible.plugins.action import ActionBase

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.option_parsers import NETWORKS
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.preshared import secret_options
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import sealed_preshared_keys

from .plan import OMITTED

MODULE = "cryptokey.wireguard.config"


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        options = sealed_options(self._task.args["entry"], task_vars or {}, self._templar)
        arguments = with_module_defaults(MODULE, options, self._task, self._templar)
        result.update(self._execute_module(MODULE, module_args=arguments, task_vars=task_vars))
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return result


def sealed_options(entry: Mapping[str, Any], variables: Mapping[str, Any], templar: Any) -> dict[str, Any]:
    """Return the options of both modules in the entry, with the preshared keys that the inventory asks for.

    They are sealed to the public key that the host's peers know, not to one that the host reports now.
    """
    options, network, host = entry["options"], entry["network"], variables["inventory_hostname"]
    try:
        secrets = secret_options(variables[NETWORKS], network, _given(templar.template))
        peers = sealed_preshared_keys(options["peers"], host, entry.get("public_key"), secrets, network)
    except (FleetError, InputError, MissingLibrary) as error:
        raise AnsibleActionFail(str(error)) from None
    return {**options, "peers": peers}


def with_module_defaults(module: str, arguments: Mapping[str, Any], task: Any, templar: Any) -> dict[str, Any]:
    """The arguments and, of others, what the operator has in ``module_defaults`` for the module that is run."""
    apply = getattr(module_common, "_apply_action_arg_defaults", None)
    if apply is not None:
        return dict(apply(module, task, dict(arguments), templar))
    # Before ansible-core 2.19.
    groups = task._parent._play._action_groups
    merge = module_common.get_action_args_with_defaults
    return dict(merge(module, dict(arguments), task.module_defaults, templar, action_groups=groups))


def _given(template: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``template`` with None for a value that is omitted, which is an error from ansible-core 2.19 on."""

    def given(value: Any) -> Any:
        try:
            return template(value)
        except OMITTED:
            return None

    return given
