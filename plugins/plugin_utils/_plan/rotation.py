# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the hosts that are affected by a key rotation. Pure.

``plans`` are the hosts of a plan: ``{HOST: [{"network": ..., "options": {"peers": [...], ...}, ...}]}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .._inventory.errors import Problems, list_names

Plans = Mapping[str, Sequence[Mapping[str, Any]]]


class Rotation(NamedTuple):
    """``hosts`` change their keys; ``involved`` are these and the hosts that are their peers. Both are sorted."""

    hosts: tuple[str, ...]
    involved: tuple[str, ...]


def plan_rotation(plans: Plans, names: Iterable[str], with_clients: bool) -> Rotation:
    """Hosts that are in no network are left out. Clients have their hub's key in a file that Ansible cannot update,
    so hubs with clients are refused unless ``with_clients``. Raises FleetError."""
    hosts = sorted(set(names) & plans.keys())
    problems = Problems()
    involved = set(hosts)
    for host in hosts:
        peers = {str(peer["name"]) for interface in plans[host] for peer in interface["options"]["peers"]}
        involved |= peers & plans.keys()
        clients = sorted(peers - plans.keys())
        if clients and not with_clients:
            problem = f"it is the hub of clients that have its key in their files: {list_names(clients)}"
            remedy = "leave the host out, or set wireguard_rotate_clients and give them new files right afterwards"
            problems.add(host, "wireguard_hosts", None, problem, remedy)
    problems.refuse()
    return Rotation(tuple(hosts), tuple(sorted(involved)))
