# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory facts, plain as Ansible templates them, to networks. Raises FleetError with all that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from .._inventory import option_parsers
from .._inventory.errors import FleetError, Problems, list_names
from .._inventory.members import read_client, read_host
from .._inventory.network_options import HostGroups, NetworkOptions, read_network_options
from .._inventory.nouns import Network
from .._inventory.read_policy import read_policies
from .checks import check_networks
from .planner import check_alone
from .topology import TOPOLOGY_OPTIONS

Groups = Mapping[str, Sequence[str]]
HostVariables = Callable[[str], Mapping[str, Any]]


@dataclass
class Aside:
    """What does not stop a run: ``warnings``, and with ``spare_clients`` the problems of single ``clients``."""

    spare_clients: bool = False
    warnings: list[str] = field(default_factory=list)
    clients: Problems = field(default_factory=Problems)

    def refuse(self, problems: Problems) -> None:
        """Raises FleetError if there is a problem that stops the run."""
        if self.spare_clients:
            self.clients += problems.take_clients()
        problems.refuse()


def read_networks(
    networks: object, groups: Groups, host_variables: HostVariables, aside: Aside | None = None
) -> tuple[Network, ...]:
    """The networks of an inventory.

    ``networks`` is the value of ``wireguard_networks``; ``groups`` maps each group to its hosts, over the whole
    inventory; ``host_variables`` gives a host's ``wireguard_*`` variables and is asked once for each host.
    """
    aside = aside or Aside()
    problems = Problems()
    options = networks if isinstance(networks, Mapping) else {}
    if not options:
        remedy = "define it for all hosts, as a dictionary of network names and their options, such as prefixes"
        problems.add("", option_parsers.NETWORKS, None, "no network is defined", remedy)
    inventory = HostGroups(groups)
    all_options = [
        read_network_options(name, value, inventory, TOPOLOGY_OPTIONS, problems) for name, value in options.items()
    ]
    foreign: dict[str, list[str]] = {}
    found = _with_members(all_options, options, host_variables, problems, foreign)
    found = read_policies(found, options, groups, problems)
    aside.warnings += _foreign(foreign)
    aside.refuse(problems)
    # How members relate, and what their options are together, is looked at when each option is right by itself.
    check_networks(found, problems)
    for network in found:
        check_alone(network, problems)
    _check_outsiders(groups, found, host_variables, problems)
    aside.refuse(problems)
    return found


def _foreign(variables: Mapping[str, Sequence[str]]) -> list[str]:
    """A warning about variables of our prefix that are not ours; ``variables`` has the hosts of each."""
    if not variables:
        return []
    text = ", ".join(f"{name} ({list_names(hosts)})" for name, hosts in sorted(variables.items()))
    remedy = f"List those of other roles in {option_parsers.IGNORED} to silence this warning."
    return [f"Unknown variables, which are ignored: {text}. {remedy}"]


def _with_members(
    all_options: Sequence[NetworkOptions],
    options: Mapping[str, Any],
    host_variables: HostVariables,
    problems: Problems,
    foreign: dict[str, list[str]],
) -> tuple[Network, ...]:
    """The networks with what their members say."""
    memberships: dict[str, list[Network]] = {}
    for each in all_options:
        for name in each.names.hosts:
            memberships.setdefault(name, []).append(each.network)
    known = [network.name for network, _names in all_options]
    hosts = {
        name: read_host(name, problems.gather(partial(host_variables, name), {}), networks, known, problems, foreign)
        for name, networks in memberships.items()
    }
    return tuple(
        replace(
            network,
            hubs=tuple(hosts[name][network.name] for name in names.hubs),
            spokes=tuple(hosts[name][network.name] for name in names.spokes),
            nodes=tuple(hosts[name][network.name] for name in names.nodes),
            clients=tuple(read_client(name, values["clients"][name], network, problems) for name in names.clients),
        )
        for (network, names), values in zip(all_options, options.values())
    )


def _check_outsiders(
    groups: Groups, networks: Sequence[Network], host_variables: HostVariables, problems: Problems
) -> None:
    """Refuse hosts that have addresses and are in no group of a network: they were probably forgotten."""
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
            remedy = "add it to a group of a network, such as the spokes, or remove its addresses"
            problems.add(str(name), "wireguard_addresses", addresses, problem, remedy)
