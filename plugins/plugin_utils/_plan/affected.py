# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom it concerns that hosts come or leave: those whose plan is another with them than without. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from .._inventory.errors import Problems
from .._inventory.nouns import Host, Network
from .checks import check_networks
from .planner import Plan, plan_network, stand_in
from .reconcile import Settlement, settle


def affected(settlement: Settlement, plan: Plan, names: Collection[str], today: datetime.date) -> list[str]:
    """The hosts of the plan that would have another one without these, and these themselves, sorted.

    ``plan`` is that of ``settlement``. Where the network cannot be without them, all hosts are affected. Others of whom
    no key is known never are: they have not been set up yet, and hear of it when they are.
    """
    unknown = set(plan.unknown_keys)
    if unknown.intersection(names):
        # In check mode their keys are still to be made. Another one in the place of one shows who would have it.
        made = {name: stand_in(name) for name in unknown.intersection(names)}
        plan = plan_network(settlement.network, {**settlement.keys, **made}, today, settlement.next_keys)
    others = _hosts_without(settlement, names, today)
    differ = {name for name, interface in plan.hosts.items() if _compared(interface) != _compared(others.get(name))}
    return sorted(differ.difference(unknown).union(plan.hosts.keys() & set(names)))


def _compared(interface: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Keys that have left make no difference: every host removes all of them."""
    if not interface or "absent_peers" not in interface["options"]:
        return interface
    options = {option: value for option, value in interface["options"].items() if option != "absent_peers"}
    return {**interface, "options": options}


def _hosts_without(settlement: Settlement, names: Collection[str], today: datetime.date) -> Mapping[str, Any]:
    network, problems = without(settlement.network, names), Problems()
    if network is not None:
        check_networks([network], problems)
    if network is None or problems:
        return {}
    rest = settle(network, settlement.records, {}, today.isoformat(), refresh=False)
    return plan_network(rest.network, rest.keys, today, rest.next_keys).hosts


def without(network: Network, names: Collection[str]) -> Network | None:
    """The network as if it had no such members; None where no hub would be left.

    Whoever's home hub was among them has none then.
    """
    gone = frozenset(names)

    def staying(members: tuple[Host, ...]) -> tuple[Host, ...]:
        rest = (member for member in members if member.name not in gone)
        return tuple(replace(member, hub=None) if member.hub in gone else member for member in rest)

    hubs = staying(network.hubs)
    if network.hubs and not hubs:
        return None
    return replace(
        network,
        hubs=hubs,
        spokes=staying(network.spokes),
        nodes=staying(network.nodes),
        clients=staying(network.clients),
        links=tuple(link for link in network.links if gone.isdisjoint(link)),
    )
