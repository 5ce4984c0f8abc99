# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory facts, plain as Ansible templates them, to networks. Raises FleetError with all that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import variables as v
from .checks import check_networks
from .errors import FleetError, Problems
from .facts import Network
from .members import read_client, read_host
from .outline import Inventory, Outline, read_outline

Groups = Mapping[str, Sequence[str]]
HostVariables = Callable[[str], Mapping[str, Any]]


def read_networks(networks: object, groups: Groups, host_variables: HostVariables) -> tuple[Network, ...]:
    """The networks of an inventory.

    ``networks`` is the value of ``wireguard_networks``; ``groups`` maps each group to its hosts, over the whole
    inventory; ``host_variables`` gives a host's ``wireguard_*`` variables and is asked once for each host.
    """
    problems = Problems()
    options = networks if isinstance(networks, Mapping) else {}
    if not options:
        remedy = "define it for all hosts: a dictionary from each network's name to its options, such as prefixes"
        problems.add("", v.NETWORKS, None, "there is no network", remedy)
    inventory = Inventory(groups)
    outlines = [read_outline(str(name), value, inventory, problems) for name, value in options.items()]
    found = _with_members(outlines, options, host_variables, problems)
    problems.refuse()
    # How members relate is looked at only when each of them is right by itself.
    check_networks(found, problems)
    _check_outsiders(groups, found, host_variables, problems)
    problems.refuse()
    return found


def _with_members(
    outlines: Sequence[Outline], options: Mapping[str, Any], host_variables: HostVariables, problems: Problems
) -> tuple[Network, ...]:
    """The networks with what their members say."""
    places: dict[str, list[Network]] = {}
    for outline in outlines:
        for name in outline.names.hosts:
            places.setdefault(name, []).append(outline.network)
    known = [network.name for network, _names in outlines]
    hosts = {
        name: read_host(name, host_variables(name), networks, known, problems) for name, networks in places.items()
    }
    return tuple(
        replace(
            network,
            hubs=tuple(hosts[name][network.name] for name in names.hubs),
            spokes=tuple(hosts[name][network.name] for name in names.spokes),
            nodes=tuple(hosts[name][network.name] for name in names.nodes),
            clients=tuple(read_client(name, values["clients"][name], network, problems) for name in names.clients),
        )
        for (network, names), values in zip(outlines, options.values())
    )


def _check_outsiders(
    groups: Groups, networks: Sequence[Network], host_variables: HostVariables, problems: Problems
) -> None:
    """Whoever has an address of a network and is in none of its groups was probably forgotten."""
    inside = {host.name for network in networks for host in network.hosts}
    for name in groups.get("all", ()):
        if name in inside:
            continue
        try:
            addresses = host_variables(name).get("wireguard_addresses")
        except FleetError:  # a variable that does not concern it cannot be templated for it
            continue
        if addresses:
            problem = "the host is in no group of a network"
            remedy = "put it into the group of a network, such as the spokes', or remove its addresses"
            problems.add(str(name), "wireguard_addresses", addresses, problem, remedy)
