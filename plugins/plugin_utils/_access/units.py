# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture of access consists of: members, parts of the subnets behind them, and the Internet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, format_ip, sort_prefixes

from .lookup import parse
from .machines import Interface, Machine
from .places import Places

INTERNET = "internet"


class Unit(NamedTuple):
    """A place with one address of each family, all of whose other addresses have the same access.

    ``machine`` is None for the Internet. ``interface`` is that of a member whose own addresses these are.
    """

    label: str
    machine: Machine | None
    addresses: tuple[bytes, ...]
    interface: Interface | None = None


def list_units(places: Places) -> list[Unit]:
    """All units, members first."""
    machines = places.reach.machines
    homes: dict[str, int] = {}
    for machine in machines.all:
        homes[machine.name] = homes.get(machine.name, 0) + len(machine.interfaces)
    members = [
        unit
        for machine in machines.all
        for interface in machine.interfaces
        if not machine.has_expired
        for unit in _of_member(interface, homes[machine.name] > 1)
    ]
    mentioned = sort_prefixes(set(_mentioned(places)))
    behind = [
        unit
        for machine in machines.all
        for subnet in machine.subnets
        for unit in _of_subnet(machine, subnet, mentioned)
    ]
    internet = Unit(INTERNET, None, (places.internet(4), places.internet(16)))
    return [*members, *behind, internet]


def _of_member(interface: Interface, is_ambiguous: bool) -> Iterator[Unit]:
    """One for each address, where a member has several of one family."""
    name = interface.machine.name + (f" ({interface.network.name})" if is_ambiguous else "")
    by_size = [[each.packed for each in interface.member.addresses if len(each.packed) == size] for size in (4, 16)]
    pairs = [tuple(filter(None, pair)) for pair in zip_longest(*by_size)]
    for pair in pairs:
        label = name if len(pairs) == 1 else f"{name} {', '.join(map(format_ip, pair))}"
        yield Unit(label, interface.machine, pair, interface)


def _mentioned(places: Places) -> Iterator[Prefix]:
    """The prefixes that may be treated otherwise than what is around them."""
    for network in places.reach.addresses.networks:
        for grant in network.policy.grants if network.policy else ():
            yield from (*grant.src.prefixes, *grant.dst.prefixes)
        for member in network.members:
            yield from (*member.excluded, *member.routes)
    seen: set[int] = set()
    for machine in places.reach.machines.all:
        for interface in machine.interfaces:
            for peer in interface.peers:
                if id(peer["allowed_ips"]) not in seen:
                    seen.add(id(peer["allowed_ips"]))
                    yield from map(parse, peer["allowed_ips"])


def _of_subnet(machine: Machine, subnet: Prefix, mentioned: Sequence[Prefix]) -> Iterator[Unit]:
    inside = [prefix for prefix in mentioned if prefix != subnet and subnet.covers(prefix)]
    for prefix in (subnet, *inside):
        holes = [other for other in inside if other != prefix and prefix.covers(other)]
        address = _free(prefix, holes)
        if address:
            rest = " (rest)" if holes else ""
            yield Unit(f"{prefix}{rest} behind {machine.name}", machine, (address,))


def _free(prefix: Prefix, holes: Iterable[Prefix]) -> bytes | None:
    """An address of the prefix in none of the holes, which are sorted; not the first one, if there is another."""
    size = len(prefix.packed)
    start, last = _bounds(prefix)
    found = start + 1 if last > start + 1 else start
    for low, high in map(_bounds, holes):
        if low <= found <= high:
            found = high + 1
    if found > last and not any(low <= start <= high for low, high in map(_bounds, holes)):
        found = start
    return found.to_bytes(size, "big") if found <= last else None


def _bounds(prefix: Prefix) -> tuple[int, int]:
    start = int.from_bytes(prefix.packed, "big")
    return start, start + (1 << (len(prefix.packed) * 8 - prefix.length)) - 1
