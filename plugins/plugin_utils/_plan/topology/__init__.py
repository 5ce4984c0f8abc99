# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies by their names, which nothing else knows."""

from __future__ import annotations

from .direct import Custom, Mesh, SiteToSite
from .hub_and_spoke import HubAndSpoke
from .shape import Topology

TOPOLOGIES: dict[str, Topology] = {
    "hub_and_spoke": HubAndSpoke(),
    "mesh": Mesh(),
    "site_to_site": SiteToSite(),
    "custom": Custom(),
}

# What only some of them have: the options of a network that name its members and links.
TOPOLOGY_OPTIONS = {name: topology.options for name, topology in TOPOLOGIES.items()}
