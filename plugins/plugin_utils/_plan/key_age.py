# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The age of hosts' keys, and the warnings about old ones. Pure. Clients' keys are not checked."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from .._inventory.errors import list_names
from .reconcile import Reconciled


def key_ages(reconciled: Reconciled, today: datetime.date) -> Iterator[tuple[str, int]]:
    """List the hosts whose key age is known, each with the days."""
    for host in reconciled.network.hosts:
        age = reconciled.records.members[host.name].key_age(today)
        if age is not None:
            yield host.name, age


def old_key_warnings(reconciled: Reconciled, today: datetime.date) -> Iterator[str]:
    """Warn once of all keys that are older than allowed, and once of all unfinished key rotations."""
    name = reconciled.network.name
    limits = {host.name: host.key_max_age for host in reconciled.network.hosts if host.key_max_age is not None}
    ages = key_ages(reconciled, today) if limits else ()
    old = [f"{host} ({age} days)" for host, age in ages if host in limits and age > limits[host]]
    if old:
        yield (
            f"Network {name}: keys older than wireguard_key_max_age: {list_names(old)}. Change them with "
            f"ansible-playbook cryptokey.wireguard.rotate -e wireguard_hosts=NAME."
        )
    if reconciled.next_keys:
        yield (
            f"Network {name}: a key rotation was started and not finished for "
            f"{list_names(sorted(reconciled.next_keys))}. "
            f"The tunnels use the present keys until cryptokey.wireguard.rotate is run again for these hosts."
        )
