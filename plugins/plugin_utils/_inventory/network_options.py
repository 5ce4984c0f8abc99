# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the options of a network and the names of its members. ``members`` reads the members' own options."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain, product
from typing import Any, NamedTuple, TypeVar

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.values import choice

from . import option_parsers
from .close import nearest
from .errors import Problems
from .given import parse_name
from .nouns import DEFAULT_PORT, DEFAULT_REST_DAYS, Network
from .preshared import read_preshared

_T = TypeVar("_T")
_D = TypeVar("_D")

DEFAULT_TOPOLOGY = "hub_and_spoke"
# Each topology's name, to the options of a network that only it has.
Topologies = Mapping[str, Collection[str]]


class HostGroups:
    """The groups of the whole inventory, each with its hosts."""

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self.groups = groups

    @cached_property
    def hosts(self) -> frozenset[str]:
        return frozenset(str(host) for hosts in self.groups.values() for host in hosts)

    def named(self, name: str) -> tuple[str, ...]:
        """The hosts of the group of this name, or else the host itself; none if there is neither. Sorted, each once."""
        # Plain text, whatever kind of it the inventory has.
        return tuple(sorted({str(host) for host in self.groups.get(name, [name] if name in self.hosts else [])}))


class MemberNames(NamedTuple):
    """The members of each kind, sorted."""

    hubs: tuple[str, ...] = ()
    spokes: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.hubs + self.spokes + self.nodes


class NetworkOptions(NamedTuple):
    """A network without its members, and the names of those."""

    network: Network
    names: MemberNames


def list_options(topologies: Topologies) -> list[str]:
    """List the options of networks of all topologies."""
    return sorted({*option_parsers.COMMON_OPTIONS, *chain.from_iterable(topologies.values())})


def read_network_options(
    name: str, options: object, inventory: HostGroups, topologies: Topologies, problems: Problems
) -> NetworkOptions:
    problems.catch("", partial(option_parsers.check_file_name, name, option_parsers.NETWORKS, "a network's name"), None)
    return _OptionReader(name, options, inventory, topologies, problems).read()


class _OptionReader:
    """Reads the options of one network, each when it is asked for."""

    def __init__(
        self, name: str, options: object, inventory: HostGroups, topologies: Topologies, problems: Problems
    ) -> None:
        self._name = name
        self._topologies = topologies
        self._path = f"{option_parsers.NETWORKS}.{name}"
        self._inventory = inventory
        self._problems = problems
        self._values: Mapping[str, Any] = self._catch(partial(option_parsers.parse_mapping, options, self._path), {})

    def _catch(self, parse: Callable[[], _T], default: _D) -> _T | _D:
        return self._problems.catch("", parse, default)

    def _get(self, option: str, parse: Callable[[object, str], _T], default: _D) -> _T | _D:
        value = self._values.get(option)
        return default if value is None else self._catch(partial(parse, value, f"{self._path}.{option}"), default)

    def _complain(self, option: str, value: object, problem: str, remedy: str) -> None:
        self._problems.add("", f"{self._path}.{option}", value, problem, remedy)

    def read(self) -> NetworkOptions:
        topology = self._get("topology", choice(self._topologies), DEFAULT_TOPOLOGY)
        self._check_options(topology)
        prefixes = self._get("prefixes", option_parsers.parse_prefixes, ())
        if self._values.get("prefixes") in (None, ""):
            self._complain("prefixes", None, *option_parsers.NO_PREFIXES)
        links = self._links() if "links" in self._topologies[topology] else ()
        names = self._names(topology, links)
        # Checked only: the secret itself is used elsewhere.
        self._catch(partial(read_preshared, self._values, f"{self._path}.", {*names.hosts, *names.clients}), None)
        network = Network(
            name=self._name,
            topology=topology,
            interface=self._get("interface", option_parsers.parse_interface, "wg0"),
            prefixes=prefixes,
            links=links,
            pools=self._get("pools", option_parsers.parse_prefixes, prefixes),
            rest_days=self._get("rest_days", option_parsers.given_number(0, 36500), DEFAULT_REST_DAYS),
            port=self._get("port", option_parsers.given_number(1, 65535), DEFAULT_PORT),
        )
        return NetworkOptions(network, names)

    def _check_options(self, topology: str) -> None:
        known = list_options(self._topologies)
        self._problems.keep("", option_parsers.unknown_names(self._values, known, f"{self._path}."))
        own = self._topologies[topology]
        for option in self._values:
            if option in known and option not in (*option_parsers.COMMON_OPTIONS, *own):
                problem = f"not an option of the topology {topology}"
                remedy = f"remove it; {topology} has {' and '.join(own)}"
                if option == "clients":
                    remedy = "clients need a hub: use hub_and_spoke, whose hubs are meshed and can have subnets"
                self._complain(option, None, problem, remedy)

    def _names(self, topology: str, links: Iterable[tuple[str, str]]) -> MemberNames:
        options = self._topologies[topology]
        if "links" in options:
            clients = self._clients()
            linked = {name for link in links for name in link}
            return MemberNames(nodes=self._checked(sorted(linked | self._homes(clients))), clients=clients)
        if "members" in options:
            return MemberNames(nodes=self._group("members", "wg_member"))
        hubs = self._group("hubs", "wg_hub")
        clients = self._clients()
        # Hubs alone make a mesh, and one hub with clients a network.
        needless = len(hubs) > 1 or bool(clients)
        spokes = self._group("spokes", "wg_spoke", required=not needless or "spokes" in self._values)
        for name in sorted(set(hubs).intersection(spokes)):
            problem = f"the host is already in {self._path}.hubs"
            remedy = "a host can be in a network only once: remove it from one group"
            self._problems.add(name, f"{self._path}.spokes", None, problem, remedy)
        taken = set(hubs)
        return MemberNames(hubs, tuple(name for name in spokes if name not in taken), clients=clients)

    def _group(self, option: str, default: str, required: bool = True) -> tuple[str, ...]:
        value = self._values.get(option)
        if isinstance(value, (list, tuple)) and value:
            ends = [self._end(f"{option}[{number}]", name) for number, name in enumerate(value)]
            return self._checked(sorted({name for end in ends for name in end}))
        group = self._get(option, parse_name, default)
        names = self._inventory.named(group) if group in self._inventory.groups else None
        if not names and required:
            problem = "the inventory has no such group" if names is None else "the group has no hosts"
            self._complain(option, group, problem, "add hosts to it, or use another group")
        return self._checked(names or ())

    def _checked(self, names: Iterable[str]) -> tuple[str, ...]:
        for name in names:
            self._problems.catch(name, partial(option_parsers.check_file_name, name, self._path, "a host's name"), None)
        return tuple(names)

    def _clients(self) -> tuple[str, ...]:
        names = tuple(sorted(self._get("clients", option_parsers.parse_mapping, {})))
        for name in names:
            self._catch(partial(option_parsers.check_file_name, name, f"{self._path}.clients", "a client's name"), None)
            if name in self._inventory.hosts:
                problem, remedy = "the inventory has a host of this name", "give the client another name"
                self._complain("clients", name, problem, remedy)
        return names

    def _homes(self, clients: Iterable[str]) -> set[str]:
        """The hosts that the clients of custom links name as theirs."""
        homes = set()
        for name in clients:
            options = self._values["clients"][name]
            hub = options.get("hub") if isinstance(options, Mapping) else None
            if hub is not None and str(hub) in self._inventory.hosts:
                homes.add(str(hub))
            else:
                known = sorted(self._inventory.hosts)
                self._complain(
                    f"clients.{name}.hub",
                    hub,
                    "not a host of the inventory",
                    f"name the host that it links to; {nearest(str(hub), known)}",
                )
        return homes

    def _links(self) -> tuple[tuple[str, str], ...]:
        entries = self._get("links", option_parsers.parse_entries, [])
        if not entries and not self._values.get("clients"):
            remedy = "list them, such as {from: offices, to: datacentre}"
            self._complain("links", None, "missing; custom has only the links that are listed", remedy)
        pairs: set[tuple[str, str]] = set()
        for number, entry in enumerate(entries):
            path = f"links[{number}]"
            link = self._catch(partial(option_parsers.parse_fields, entry, f"{self._path}.{path}", ("from", "to")), {})
            ends = [self._end(f"{path}.{end}", link[end]) for end in link]
            found = {(min(pair), max(pair)) for pair in product(*ends) if len({*pair}) == 2}
            if link and all(ends) and not found:
                remedy = "name two hosts, or a group of several"
                self._complain(path, link["from"], "it links a host to itself", remedy)
            pairs |= found
        return tuple(sorted(pairs))

    def _end(self, path: str, name: object) -> tuple[str, ...]:
        """The hosts at one end of a link."""
        text = self._catch(partial(parse_name, name, f"{self._path}.{path}"), None)
        hosts = self._inventory.named(text) if text else ()
        if text and not hosts:
            problem = "neither a group with hosts nor a host"
            known = [*self._inventory.groups, *self._inventory.hosts]
            self._complain(path, name, problem, nearest(text, known))
        return hosts
