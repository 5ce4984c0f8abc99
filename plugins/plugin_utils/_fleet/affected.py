# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom it concerns that hosts come or leave: those whose plan is another with them than without. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from .facts import Host, Network


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


def affected(
    hosts: Mapping[str, Any], others: Mapping[str, Any], names: Collection[str], unknown_keys: Collection[str]
) -> list[str]:
    """The hosts that differ between two plans, sorted, and ``names`` where they are in the first of them.

    Others of whom no key is known are left out: they have not been set up yet, and hear of it when they are.
    """
    differ = {name for name, plan in hosts.items() if name in names or plan != others.get(name)}
    return sorted(name for name in differ if name in names or name not in unknown_keys)
