# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory facts, plain as Ansible templates them, to networks. Raises FleetError with all that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.options import parse_netns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from . import variables as v
from .checks import check_network
from .errors import Problems
from .facts import DEFAULT_PORT, SPLIT, Host, Network
from .topology import TOPOLOGIES

_T = TypeVar("_T")
_D = TypeVar("_D")
Groups = Mapping[str, Sequence[str]]
HostVariables = Callable[[str], Mapping[str, Any]]


def read_networks(networks: object, groups: Groups, host_variables: HostVariables) -> tuple[Network, ...]:
    """The networks of an inventory.

    ``networks`` is the value of ``wireguard_networks``; ``groups`` maps each group to its hosts, over the whole
    inventory; ``host_variables`` gives a host's ``wireguard_*`` variables and is asked once for each member.
    """
    problems = Problems()
    options = networks if isinstance(networks, Mapping) else {}
    if not options:
        remedy = "define it for all hosts: a dictionary from each network's name to its options, such as prefixes"
        problems.add("", v.NETWORKS, networks or None, "there is no network", remedy)
    reader = _Reader(groups, host_variables, problems)
    found = tuple(reader.network(name, value) for name, value in options.items())
    problems.refuse()
    # How members relate is looked at only when each of them is right by itself.
    for network in found:
        check_network(network, problems)
    problems.refuse()
    return found


class _Values:
    """The values that one host or network gives, each parsed when it is asked for; refusals are collected."""

    def __init__(self, host: str, values: Mapping[str, Any], path: str, problems: Problems) -> None:
        self.host = host
        self._values = values
        self._path = path
        self._problems = problems

    def check_names(self, valid: Sequence[str]) -> None:
        names = map(str, self._values)
        self._problems.catch(self.host, lambda: v.check_names(names, valid, self._path), None)

    def get(self, option: str, parse: Callable[[object, str], _T], default: _D) -> _T | _D:
        value = self._values.get(option)
        if value is None:
            return default
        return self._problems.catch(self.host, lambda: parse(value, self._path + option), default)

    def require(self, option: str, parse: Callable[[object, str], _T], remedy: str) -> _T | None:
        if self._values.get(option) in (None, "", []):
            self._problems.add(self.host, self._path + option, None, "there is none", remedy)
            return None
        return self.get(option, parse, None)


class _Reader:
    """Reads networks one after the other; remembers who is a member where, as a host has one place."""

    def __init__(self, groups: Groups, host_variables: HostVariables, problems: Problems) -> None:
        self._groups = groups
        self._host_variables = host_variables
        self._problems = problems
        self._places: dict[str, str] = {}

    def network(self, name: object, options: object) -> Network:
        path = f"{v.NETWORKS}.{name}"
        self._problems.catch("", lambda: v.check_network_name(name, v.NETWORKS), None)
        if not isinstance(options, Mapping):
            self._problems.add("", path, options, "not a dictionary", "give the network's options, prefixes at least")
            return Network(str(name), "hub_and_spoke", "wg0", ())
        values = _Values("", options, f"{path}.", self._problems)
        values.check_names(v.NETWORK_OPTIONS)
        remedy = "list the networks that the hosts' addresses are from, such as 10.8.0.0/24"
        prefixes = values.require("prefixes", v.parse_prefixes, remedy) or ()
        return Network(
            name=str(name),
            topology=values.get("topology", _parse_topology, "hub_and_spoke"),
            interface=values.get("interface", v.parse_interface, "wg0"),
            prefixes=prefixes,
            hubs=self._members(f"{path}.hubs", values.get("hubs", v.parse_text, "wg_hub"), prefixes),
            spokes=self._members(f"{path}.spokes", values.get("spokes", v.parse_text, "wg_spoke"), prefixes),
        )

    def _members(self, option: str, group: str, prefixes: tuple[Prefix, ...]) -> tuple[Host, ...]:
        names = self._groups.get(group)
        if not names:
            problem = "the inventory has no such group" if names is None else "the group has no hosts"
            self._problems.add("", option, group, problem, "put the hosts into it, or name another group here")
        # Plain text, whatever kind of it the inventory has.
        return tuple(self._member(name, option, prefixes) for name in sorted(set(map(str, names or ()))))

    def _member(self, name: str, option: str, prefixes: tuple[Prefix, ...]) -> Host:
        place = self._places.setdefault(name, option)
        if place == option:
            return _read_host(_Values(name, self._host_variables(name), "", self._problems), prefixes)
        problem = f"the host has its place in {place} already"
        self._problems.add(name, option, None, problem, "a host is in one network, once: take it out of one group")
        return Host(name)


def _parse_topology(value: object, option: str) -> str:
    return v.parse_choice(value, option, TOPOLOGIES)


def _read_host(values: _Values, prefixes: tuple[Prefix, ...]) -> Host:
    values.check_names(v.HOST_VARIABLES + v.FLEET_VARIABLES)
    remedy = f"give the host an address out of {', '.join(map(str, prefixes)) or 'the network'}"
    addresses = values.require("wireguard_addresses", v.parse_addresses(prefixes), remedy) or ()
    listen_port = values.get("wireguard_listen_port", v.number(1, 65535), None)
    endpoint = values.get("wireguard_endpoint", v.parse_host_endpoint(listen_port or DEFAULT_PORT), None)
    return Host(
        name=values.host,
        addresses=addresses,
        subnets=values.get("wireguard_subnets", v.parse_prefixes, ()),
        endpoint=endpoint,
        # Who is called must be where the others expect it; who only calls takes any port.
        listen_port=DEFAULT_PORT if endpoint and listen_port is None else listen_port,
        persistent_keepalive=values.get("wireguard_persistent_keepalive", v.number(0, 65535, off=True), None),
        tunnel=values.get("wireguard_tunnel", v.parse_tunnel, SPLIT),
        mtu=values.get("wireguard_mtu", v.number(576, 65535), None),
        fwmark=values.get("wireguard_fwmark", v.number(0, 2**32 - 1, off=True), None),
        table=values.get("wireguard_table", v.parse_table, None),
        dns=values.get("wireguard_dns", v.parse_dns, None),
        dns_search=values.get("wireguard_dns_search", v.parse_search, None),
        alias=values.get("wireguard_alias", v.parse_alias, None),
        endpoint_policy=values.get("wireguard_endpoint_policy", v.parse_endpoint_policy, None),
        reresolve=values.get("wireguard_reresolve", v.parse_reresolve, 0),
        netns=values.get("wireguard_netns", parse_netns, None),
        birth_netns=values.get("wireguard_birth_netns", parse_netns, None),
    )
