# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as the reader makes them, in short."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Member, Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord, Records

PREFIXES = ("10.8.0.0/24", "fd00:8::/64")


def addresses(texts: Iterable[str]) -> tuple[InterfaceAddress, ...]:
    """IPv4 in a /24 and IPv6 in a /64."""
    return tuple(parse_interface_address(f"{text}/{64 if ':' in text else 24}") for text in texts)


def host(name: str, *texts: str, **facts: Any) -> Member:
    return Member(name, addresses(texts), **facts)


def network(
    hosts: Collection[Member],
    prefixes: Iterable[str] = PREFIXES,
    pools: Iterable[str] = (),
    **facts: Any,
) -> Network:
    """A mesh of hosts, unless ``hubs`` or ``spokes`` are given."""
    facts.setdefault("topology", "mesh")
    return Network(
        name="home",
        interface="wg0",
        prefixes=tuple(map(parse_prefix, prefixes)),
        pools=tuple(map(parse_prefix, pools)),
        nodes=tuple(sorted(hosts, key=lambda each: each.name)),
        **facts,
    )


def recorded(**given: Iterable[str]) -> Records:
    return Records({name: MemberRecord(addresses=tuple(texts)) for name, texts in given.items()})
