# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random policies for random inventories."""

from __future__ import annotations

from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import (
    ICMP,
    TCP,
    UDP,
    Policy,
    Service,
)
from ansible_collections.cryptokey.wireguard.tests.unit.access.worlds import grant
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory

SERVICES = (
    Service(),
    Service(TCP),
    Service(TCP, 80, 80),
    Service(TCP, 79, 443),
    Service(UDP, 53, 53),
    Service(ICMP),
)


@st.composite
def policies(draw: st.DrawFn, inventory: Inventory) -> Policy | None:
    if draw(st.integers(0, 3)) == 0:
        return None
    (options,) = inventory.networks.values()
    members = [*inventory.groups["all"], *options.get("clients", {})]
    subnets = [each for host in inventory.hosts.values() for each in host.get("wireguard_subnets", ())]
    parts = [each.replace(".0/24", ".128/25") for each in subnets if each.endswith(".0/24")]
    texts = st.sampled_from([*members, *members, *subnets, *parts, "*", "10.8.0.0/25", "fd00:8::/64"])
    sides = st.lists(texts, min_size=1, max_size=3, unique=True)
    targets = st.lists(st.one_of(texts, st.just("internet")), min_size=1, max_size=3, unique=True)
    services = st.lists(st.sampled_from(SERVICES), min_size=1, max_size=2, unique=True)
    count = draw(st.integers(0, 6))
    return Policy(tuple(grant(n, draw(sides), draw(targets), *draw(services)) for n in range(count)))
