# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add the firewall rules to the entries of a host in a plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: with_rules
short_description: Add firewall rules to the entries of a host in a plan
version_added: 1.0.0
author:
  - the cryptokey.wireguard authors (@cryptokey)
description:
  - Adds the option C(nftables) to the options of each entry. It is the body of the nftables table for access rules,
    masquerading and MSS clamping, which M(cryptokey.wireguard.interface) and M(cryptokey.wireguard.config) take.
  - The option is empty if the interface needs no table.
  - The result of M(cryptokey.wireguard.plan) has the parts that hosts share only once. This filter puts them together.
positional: _input, rules
options:
  _input:
    description: The entries of one host in the result of M(cryptokey.wireguard.plan).
    type: list
    elements: dict
    required: true
  rules:
    description: The shared parts, RV(cryptokey.wireguard.plan#module:rules).
    type: dict
    required: true
seealso:
  - module: cryptokey.wireguard.plan
  - module: cryptokey.wireguard.member
"""

EXAMPLES = r"""
- name: Plan the networks
  cryptokey.wireguard.plan:
  run_once: true
  register: network_plan

- name: Update this member
  cryptokey.wireguard.member:
    interfaces: "{{ network_plan.hosts[inventory_hostname] | cryptokey.wireguard.with_rules(network_plan.rules) }}"
"""

RETURN = r"""
_value:
  description: The entries, with C(nftables) in their options.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.compose import compose_entries


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"with_rules": compose_entries}
