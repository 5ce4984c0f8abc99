# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long hosts have had their keys, and who hears of it. Pure. Clients see to theirs themselves."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from .._inventory.errors import list_names
from .reconcile import Settlement


def key_ages(settlement: Settlement, today: datetime.date) -> Iterator[tuple[str, int]]:
    """Host and days, of those of whom it is known."""
    for host in settlement.network.hosts:
        age = settlement.records.members[host.name].key_age(today)
        if age is not None:
            yield host.name, age


def old_key_warnings(settlement: Settlement, today: datetime.date) -> Iterator[str]:
    """One for all whose key is older than they allow, and one for all that are in the middle of a change."""
    name = settlement.network.name
    limits = {host.name: host.key_max_age for host in settlement.network.hosts if host.key_max_age is not None}
    ages = key_ages(settlement, today) if limits else ()
    old = [f"{host} ({age} days)" for host, age in ages if host in limits and age > limits[host]]
    if old:
        yield (
            f"Network {name}: keys that are older than wireguard_key_max_age: {list_names(old)}. Change them with "
            f"ansible-playbook cryptokey.wireguard.rotate -e wireguard_hosts=NAME."
        )
    if settlement.next_keys:
        yield (
            f"Network {name}: a change of keys was begun and not ended, of {list_names(sorted(settlement.next_keys))}. "
            f"All tunnels go on with the present keys until cryptokey.wireguard.rotate is run again for them."
        )
