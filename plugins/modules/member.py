#!/usr/bin/python
# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: member
short_description: Bring a host's part of its networks up to date
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Takes the entries of a host in the plan, and does in one task what M(cryptokey.wireguard.keypair),
    M(cryptokey.wireguard.interface), M(cryptokey.wireguard.forwarding) and M(cryptokey.wireguard.config) do in several.
    If nothing has changed, the host runs one short process.
  - Creates missing key pairs first. If the public key of an interface is not the one in the plan, it changes nothing
    else, because the peers of the host do not have this key. Record it with M(cryptokey.wireguard.registry), and plan
    again.
  - Changes the running interfaces next. A change that can cut the connection is provisional until it is confirmed over
    a new one, as described for M(cryptokey.wireguard.interface). Then it enables IP forwarding and writes the
    configuration for the next boot.
  - Reports missing packages, services and timers, and does not install them. The role C(cryptokey.wireguard.network)
    does.
  - For an interface that forwards, or has an nftables table of its own, warns of rules of other programs that drop what
    it forwards, or its UDP port if peers depend on it. The warning names the chain and the command that allows it.
    These rules are not changed. C(nft) is started for this only if a rule of the host has changed since the last run.
  - Adds the preshared keys that C(wireguard_networks) asks for, encrypted for the host.
extends_documentation_fragment:
  - cryptokey.wireguard.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - There is one difference for each running interface and each file that changes. Secrets are not shown.
options:
  interfaces:
    description:
      - The entries of the host, which are C(hosts[HOST]) in the result of M(cryptokey.wireguard.plan), with their
        firewall rules from P(cryptokey.wireguard.with_rules#filter). With O(state=absent), they need no rules.
    type: list
    elements: dict
    required: true
  keys_only:
    description: Whether to create missing key pairs and nothing else.
    type: bool
    default: false
  check_keys:
    description:
      - Whether to stop if the public key of an interface is not the one in the plan. Set it to V(false) after the
        registry has decided about the key.
    type: bool
    default: true
  running:
    description:
      - Whether to change the running system. If V(false), only key pairs and configurations for the next boot are
        written, as for an image.
    type: bool
    default: true
  state:
    description:
      - Whether the host should have the interfaces. V(absent) stops and disables their services and timers, and removes
        the running interfaces, the configurations, the key pairs and all other files of them.
    type: str
    choices: [present, absent]
    default: present
  converged:
    description: Whether the running interfaces are up to date already. The action plugin sets this option.
    type: bool
    default: false
  metrics:
    description:
      - What the host should have for its metrics, if it has any. The action plugin sets this option.
    type: dict
    default: {}
notes:
  - Requires C(pynacl) and C(pyroute2) on the managed node, and the programs C(wg-quick), C(ip), C(nft) and C(ping). If
    one is missing, only RV(packages) is returned.
  - The options of M(cryptokey.wireguard.interface) and M(cryptokey.wireguard.config) in C(module_defaults) apply.
seealso:
  - module: cryptokey.wireguard.plan
  - module: cryptokey.wireguard.interface
  - module: cryptokey.wireguard.config
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Bring this member up to date
  cryptokey.wireguard.member:
    interfaces: "{{ network_plan.hosts[inventory_hostname] | cryptokey.wireguard.with_rules(network_plan.rules) }}"

- name: Remove this member from its networks
  cryptokey.wireguard.member:
    interfaces: "{{ network_plan.hosts[inventory_hostname] }}"
    state: absent

- name: Create the key pairs of this member
  cryptokey.wireguard.member:
    interfaces: "{{ network_plan.hosts[inventory_hostname] | cryptokey.wireguard.with_rules(network_plan.rules) }}"
    keys_only: true
"""

RETURN = r"""
complete:
  description:
    - Whether everything was done. If not, packages are missing, the plan lacks a key, or O(keys_only) is V(true).
  returned: success
  type: bool
lacks:
  description: All RV(interfaces[].lacks) with the names of their interfaces, such as V(systemd wg0).
  returned: success
  type: list
  elements: str
converged:
  description: The interfaces whose running state was changed.
  returned: success
  type: list
  elements: str
packages:
  description: Whether packages are missing. Nothing else is done then, except in check mode.
  returned: success
  type: bool
interfaces:
  description: What was found and done for each interface, in the order of O(interfaces).
  returned: success
  type: list
  elements: dict
  contains:
    network:
      description: The name of the network.
      type: str
    interface:
      description: The name of the interface.
      type: str
    public_key:
      description: The public key of the host's key pair. In check mode only if the key pair exists.
      type: str
    next_public_key:
      description: The public key of the next key pair, if there is one.
      type: str
    old_public_key:
      description: The public key of the old key pair, if a change of the key is not finished.
      type: str
    created:
      description: Whether this task has created the key pair.
      type: bool
    known:
      description: Whether the plan has these public keys.
      type: bool
    changes:
      description: The changes of the running interface, as M(cryptokey.wireguard.interface) returns them.
      type: list
      elements: str
    operations:
      description: The same as dictionaries, as M(cryptokey.wireguard.interface) returns them.
      type: list
      elements: dict
    lacks:
      description:
        - The parts of the setup that are missing or outdated. V(systemd) and V(openrc) are the service that brings the
          interface up at boot. V(reresolve) is the timer that resolves names. V(metrics) is the program of
          C(wireguard_metrics) with its timer, reported for the first interface of the host. V(rotated) is an old key
          that can be removed.
      type: list
      elements: str
"""

import gc
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.member import (
    MemberPart,
    Steps,
    ensure_member,
    ensure_no_member,
    read_entry,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import MetricsSetup
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.arguments import (
    CONFIRM_ARGUMENTS,
    INTERFACE_ARGUMENTS,
)

ARGUMENTS = {
    "interfaces": {"type": "list", "elements": "dict", "required": True},
    "keys_only": {"type": "bool", "default": False, "no_log": False},
    "check_keys": {"type": "bool", "default": True, "no_log": False},
    "running": {"type": "bool", "default": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "converged": {"type": "bool", "default": False},
    "metrics": {"type": "dict", "default": {}},
}
# Those of interface and config.
OPTIONS = {**INTERFACE_ARGUMENTS, **CONFIRM_ARGUMENTS, "path": {"type": "path"}}


def check_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options as the modules take them. Raises InputError."""
    checked = ArgumentSpecValidator(OPTIONS).validate(options)
    if checked.error_messages:
        raise InputError("interfaces", options.get("interface"), "; ".join(checked.error_messages), "plan again")
    return dict(checked.validated_parameters)


def describe(part: MemberPart) -> dict[str, Any]:
    keys = {name: getattr(part.keys, name) for name in ("public_key", "next_public_key", "old_public_key")}
    return {
        "network": part.entry.network,
        "interface": part.entry.interface,
        **{name: str(key) for name, key in keys.items() if key},
        "created": part.created,
        "differs": part.differs,
        "lacks": part.lacks,
    }


def main() -> None:
    # As in the module interface.
    gc.disable()
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    parameters = dict(module.params)
    warnings: list[str] = []
    failure = ""
    try:
        entries = [read_entry(entry, check_options) for entry in parameters.pop("interfaces")]
        metrics = MetricsSetup.read(parameters.pop("metrics"))
        steps = Steps(**{name: value for name, value in parameters.items() if name != "state"}, metrics=metrics)
        if parameters["state"] == "present":
            outcome = ensure_member(entries, steps, module.check_mode, warnings)
        else:
            outcome = ensure_no_member(entries, steps, module.check_mode)
    except (InputError, MissingLibrary, OSError) as error:
        failure = str(error)
    for warning in warnings:
        module.warn(warning)
    # Without the peers: they may be many, and those of the plan are known.
    shown: dict[str, Any] = {"invocation": {"module_args": parameters}}
    if failure:
        module.fail_json(msg=failure, **shown)
    result: dict[str, Any] = {"interfaces": [describe(part) for part in outcome.parts]}
    if module._diff:
        result["diff"] = [
            {"before_header": name, "after_header": name, "before": before, "after": after}
            for name, before, after in outcome.diffs
        ]
    flags = {name: getattr(outcome, name) for name in ("changed", "complete", "packages")}
    module.exit_json(**flags, **result, **shown)


if __name__ == "__main__":
    main()
