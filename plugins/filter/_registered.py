# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the result that a task with ``run_once`` registered. A step of the playbooks, not public."""

from __future__ import annotations

DOCUMENTATION = r"""
name: _registered
short_description: Find the result that a task registered for all hosts
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A private step of the playbooks, for the C(hosts) and C(serial) of a play, which are templated without a host.
  - Reads the variables of no more hosts than it needs to find the result. Filters such as C(selectattr) would read the
    variables of all hosts at each use.
positional: _input, hostvars, name
options:
  _input:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable of this name.
    type: dict
    required: true
  name:
    description: The name of the result. A fact of this name, which a managed host could return, is ignored.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Update the members
  hosts: "{{ (groups.all | cryptokey.wireguard._registered(hostvars, 'network_plan')).batches | flatten }}"
"""

RETURN = r"""
_value:
  description: The result of the first host that has one, an empty dictionary if no host has.
  type: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def registered(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    """The first host's value of the variable that is no fact."""
    for host in hosts:
        variables = hostvars[host]
        if name in variables and name not in variables.get("ansible_facts", {}):
            return variables[name]
    return {}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"_registered": registered}
