# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Group units that have the same access, so that a picture of thousands of members is made from few pairs.

Two members are alike if each table of allowed IPs has the same answer for both, where a member itself is the answer
that is expected of each, if their own tables say the same, and if the same grants concern them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .grants import GrantTable
from .machines import Interface, Machine
from .units import Unit

_ITSELF = "\0itself"


def group_units(units: Sequence[Unit]) -> list[list[Unit]]:
    """The units in groups, in their order. What forwards, is in several networks or has subnets is alone."""
    interfaces = [interface for machine in _machines(units) for interface in machine.interfaces]
    tables = _Tables(interfaces)
    grants = _grant_tables(interfaces)
    found: dict[object, list[Unit]] = {}
    for unit in units:
        key = (*tables.key(unit), _grants_of(unit, grants)) if _may_be_alike(unit) else unit.label
        found.setdefault(key, []).append(unit)
    return list(found.values())


def _machines(units: Iterable[Unit]) -> list[Machine]:
    return list(dict.fromkeys(unit.machine for unit in units if unit.machine))


def _grant_tables(interfaces: Iterable[Interface]) -> list[GrantTable]:
    found = {interface.network.name: interface.grants for interface in interfaces if interface.grants}
    return list(found.values())


def _may_be_alike(unit: Unit) -> bool:
    machine = unit.machine
    if machine is None or unit.interface is None or machine.forwards or machine.subnets or len(machine.interfaces) > 1:
        return False
    return len(unit.addresses) == len(machine.own)


def _grants_of(unit: Unit, tables: Sequence[GrantTable]) -> tuple[int, ...]:
    return tuple(
        found(address)
        for table in tables
        for address in unit.addresses
        for found in (table.sources, table.destinations)
    )


class _Tables:
    """The distinct tables of allowed IPs. Those of many spokes are one."""

    def __init__(self, interfaces: Sequence[Interface]) -> None:
        self._plain = {id(interface): _entries(interface) for interface in interfaces}
        counts = Counter(self._plain.values())
        self._shared = {entries for entries, count in counts.items() if count > 1}
        distinct: dict[object, Interface] = {}
        for interface in interfaces:
            distinct.setdefault(self._plain[id(interface)], interface)
        # With the only member that has the table, if there is one.
        self._distinct = [
            (interface, None if entries in self._shared else interface) for entries, interface in distinct.items()
        ]

    def key(self, unit: Unit) -> tuple[object, ...]:
        own = unit.interface
        return (self._own(own), self._seen(unit, own)) if own else ()

    def _own(self, interface: Interface) -> tuple[object, ...]:
        """What the member is and sends, in a way that does not depend on which of several alike it is."""
        entries = self._plain[id(interface)]
        peers, sizes = entries[3], tuple(len(each.packed) for each in interface.member.addresses)
        if entries in self._shared:
            return (*entries, sizes)
        itself = (interface.member.name, tuple(sorted(str(each.host) for each in interface.member.addresses)))
        return (*entries[:3], frozenset({*peers, itself}), sizes)

    def _seen(self, unit: Unit, own: Interface) -> tuple[str, ...]:
        """The peer that has the unit's addresses in each table."""
        found = []
        for interface, owner in self._distinct:
            for address in unit.addresses:
                if owner is own:
                    found.append(_ITSELF)
                    continue
                entry = interface.cryptokey.find(address)
                is_itself = entry and interface.network.name == own.network.name and entry[1] == own.member.name
                found.append(_ITSELF if is_itself else entry[1] if entry else "")
        return tuple(found)


def _entries(interface: Interface) -> tuple[str, bool, frozenset[str], frozenset[tuple[str, tuple[str, ...]]]]:
    """All of a member on which its paths depend, but for its own addresses."""
    return (
        interface.network.name,
        interface.machine.is_client,
        frozenset(str(each.network) for each in interface.member.addresses),
        frozenset((peer["name"], tuple(sorted(peer["allowed_ips"]))) for peer in interface.peers),
    )
