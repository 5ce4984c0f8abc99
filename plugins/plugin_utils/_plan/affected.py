# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the hosts that are affected when hosts join or leave: those whose plan changes. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from .._inventory.errors import Problems
from .._inventory.nouns import Member, Network
from .checks import check_networks
from .planner import Plan, plan_network, stand_in
from .reconcile import Reconciled, reconcile


def affected(reconciled: Reconciled, plan: Plan, names: Collection[str], today: datetime.date) -> list[str]:
    """List the hosts whose plan would differ without the named ones, and the named ones themselves, sorted.

    ``plan`` is that of ``reconciled``. If the network cannot exist without them, all hosts are affected. Other hosts
    without a known key never are: they are not set up yet.
    """
    unknown = set(plan.unknown_keys)
    if unknown.intersection(names):
        # In check mode their keys are still to be made. Another one in the place of one shows who would have it.
        made = {name: stand_in(name) for name in unknown.intersection(names)}
        plan = plan_network(reconciled.network, {**reconciled.keys, **made}, today, reconciled.next_keys)
    others = _hosts_without(reconciled, names, today)
    differ = {name for name, interface in plan.hosts.items() if _compared(interface) != _compared(others.get(name))}
    return sorted(differ.difference(unknown).union(plan.hosts.keys() & set(names)))


def _compared(interface: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Keys that have left make no difference: every host removes all of them."""
    if not interface or "absent_peers" not in interface["options"]:
        return interface
    options = {option: value for option, value in interface["options"].items() if option != "absent_peers"}
    return {**interface, "options": options}


def _hosts_without(reconciled: Reconciled, names: Collection[str], today: datetime.date) -> Mapping[str, Any]:
    network, problems = network_without(reconciled.network, names), Problems()
    if network is not None:
        check_networks([network], problems)
    if network is None or problems:
        return {}
    rest = reconcile(network, reconciled.records, {}, today.isoformat(), refresh=False)
    return plan_network(rest.network, rest.keys, today, rest.next_keys).hosts


def network_without(network: Network, names: Collection[str]) -> Network | None:
    """Return the network without the named members, None if no hub would be left.

    Members whose home hub is among them then have no home hub.
    """
    gone = frozenset(names)

    def staying(members: tuple[Member, ...]) -> tuple[Member, ...]:
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
