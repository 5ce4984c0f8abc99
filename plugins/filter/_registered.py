# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the plan that an earlier play has registered."""

from __future__ import annotations

DOCUMENTATION = r"""
name: _registered
short_description: Find a result that an earlier play has registered
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - A step of the playbook C(site), and private to this collection.
  - Returns the value of a variable of the first host that has registered it. Hosts that returned a fact of this name
    are passed over, because the value could be theirs. It is empty if no host has registered the variable.
  - It ends with the first host that has it. Filters such as C(map) would look at all hosts.
positional: hostvars, variable, key
options:
  _input:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
  variable:
    description: The name of the variable.
    type: str
    required: true
  key:
    description: A key that the value must have.
    type: str
"""

EXAMPLES = r"""
- name: Show the batches of the plan
  ansible.builtin.debug:
    msg: "{{ (groups.all | cryptokey.wireguard._registered(hostvars, 'network_plan')).batches }}"
"""

RETURN = r"""
_value:
  description: The value, or an empty dictionary.
  type: dict
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


def registered(hosts: Iterable[str], hostvars: Mapping[str, Any], variable: str, key: str = "") -> Any:
    """Return what a task has registered in the variable, and has this key."""
    for host in hosts:
        values = hostvars[host]
        if variable not in values or variable in (values.get("ansible_facts") or {}):
            continue
        found = values[variable]
        if not key or key in found:
            return found
    return {}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"_registered": registered}
