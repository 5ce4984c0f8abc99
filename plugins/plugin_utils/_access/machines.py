# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of planned networks: what each owns, where it sends a packet, and what it makes of one that arrives.

A host of several networks is one machine with several interfaces. A client is a machine of one network. Tables are
built when a packet first comes by.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from .._inventory.nouns import GLOBAL_IPV6, INTERNET, SUBNETS, Member, Network
from .._inventory.prefixes import UNIQUE_LOCAL
from .._plan.planner import Plan
from .._policy.masquerade import exits, masqueraded
from .grants import AddressBook, GrantTable
from .lookup import PrefixTable, parse

_FAMILIES = {"ipv4": 4, "ipv6": 16}


class Planned(NamedTuple):
    """A network with final addresses, and its plan, with the keys of all members known or assumed."""

    network: Network
    plan: Plan


# What a host of a network masquerades: of ``internet``, ``subnets`` and ``global_ipv6``.
Masquerades = Callable[[Network, Member], Collection[str]]


class AsPlanned:
    """What the hosts' own rules masquerade."""

    def __init__(self) -> None:
        self._ends: dict[str, frozenset[str]] = {}

    def __call__(self, network: Network, host: Member) -> Collection[str]:
        if network.name not in self._ends:
            self._ends[network.name] = exits(network)
        return masqueraded(host, self._ends[network.name])


class Interface:
    """One member's interface in one network. ``grants`` is None where everything passes."""

    def __init__(self, machine: Machine, network: Network, member: Member, entry: Mapping[str, Any]) -> None:
        self.machine = machine
        self.network = network
        self.member = member
        self.peers: list[dict[str, Any]] = entry["peers"]
        self.name: str = entry["interface"]
        self.grants: GrantTable | None = None
        self.masquerade: Collection[str] = ()

    @cached_property
    def cryptokey(self) -> PrefixTable[str]:
        """The allowed IPs of the peers: where to send what, and from where to accept it."""
        return PrefixTable((parse(text), peer["name"]) for peer in self.peers for text in peer["allowed_ips"])

    @cached_property
    def callable(self) -> frozenset[str]:
        """The peers whose endpoint it knows, so that it can begin a session."""
        return frozenset(peer["name"] for peer in self.peers if peer.get("endpoint"))

    @property
    def routes(self) -> Iterator[Prefix]:
        """Where the host sends into this interface: the networks of its addresses, and all allowed IPs."""
        for member_address in self.member.addresses:
            yield member_address.network
        for peer in self.peers:
            yield from map(parse, peer["allowed_ips"])


class Machine:
    """``own`` are its addresses, ``forwards`` the sizes of the addresses that it forwards: 4, 16."""

    def __init__(self, name: str, is_client: bool) -> None:
        self.name = name
        self.is_client = is_client
        self.has_expired = False
        self.interfaces: list[Interface] = []
        self.own: set[bytes] = set()
        self.forwards: set[int] = set()
        self.subnets: list[Prefix] = []

    @cached_property
    def routes(self) -> PrefixTable[Interface | None]:
        """Where packets go: an interface, or None for a subnet behind the machine."""
        return PrefixTable([*((subnet, None) for subnet in self.subnets), *self._tunnels()])

    def _tunnels(self) -> Iterator[tuple[Prefix, Interface | None]]:
        return ((prefix, interface) for interface in self.interfaces for prefix in interface.routes)

    @cached_property
    def behind(self) -> PrefixTable[None]:
        return PrefixTable((subnet, None) for subnet in self.subnets)

    def masquerades(self, packet_src: bytes, dst: bytes, to_subnet: bool, addresses: AddressBook) -> bool:
        """Whether the machine's own address takes the place of the source, for what leaves all tunnels here."""
        for interface in self.interfaces:
            wanted = SUBNETS if to_subnet else INTERNET
            if wanted not in interface.masquerade or not addresses.is_in(interface.network, packet_src):
                continue
            if self.behind.has(packet_src) or (not to_subnet and addresses.is_inside(dst)):
                continue
            if len(packet_src) == 4 or _is_unique_local(packet_src) or GLOBAL_IPV6 in interface.masquerade:
                return True
        return False


def _is_unique_local(packed: bytes) -> bool:
    return UNIQUE_LOCAL.covers((packed, 128))


def is_routed_globally(packed: bytes) -> bool:
    """Whether the Internet knows a way to the address: IPv6, and not unique local."""
    return len(packed) == 16 and not _is_unique_local(packed)


class Machines:
    """All machines of these networks, by the network and the name of each of their members.

    ``grants``: the tables of the networks that have a policy.
    """

    def __init__(self, planned: Sequence[Planned], masquerades: Masquerades) -> None:
        self.addresses = AddressBook([each.network for each in planned])
        self.grants = {
            network.name: GrantTable(network, network.policy, self.addresses)
            for network, _plan in planned
            if network.policy
        }
        self.all: list[Machine] = []
        self._interfaces: dict[tuple[str, str], Interface] = {}
        self._owners: dict[bytes, list[Machine]] = {}
        shared: dict[tuple[str, str], Machine] = {}
        for network, plan in planned:
            for member in network.members:
                # Interfaces in different network namespaces do not pass packets to each other.
                place = (member.name, str(member.options.get("netns") or ""))
                machine = None if member.is_client else shared.get(place)
                if machine is None:
                    machine = Machine(member.name, member.is_client)
                    self.all.append(machine)
                    if not member.is_client:
                        shared[place] = machine
                interface = self._add(machine, network, member, plan)
                if not member.is_client:
                    interface.grants = self.grants.get(network.name)
                    interface.masquerade = masquerades(network, member)

    def _add(self, machine: Machine, network: Network, member: Member, plan: Plan) -> Interface:
        if member.is_client:
            entry = plan.clients[member.name]
            machine.has_expired = entry["expired"]
        else:
            entry = plan.hosts[member.name]["options"]
            forwarding = plan.hosts[member.name]["forwarding"]
            machine.forwards |= {size for name, size in _FAMILIES.items() if forwarding.get(name)}
        interface = Interface(machine, network, member, entry)
        machine.interfaces.append(interface)
        machine.subnets += [subnet for subnet in member.subnets if subnet not in machine.subnets]
        for address in member.addresses:
            machine.own.add(address.packed)
            owners = self._owners.setdefault(address.packed, [])
            if machine not in owners:
                owners.append(machine)
        self._interfaces[network.name, member.name] = interface
        return interface

    def interface(self, network: str, member: str) -> Interface | None:
        return self._interfaces.get((network, member))

    def named(self, network: str, name: str) -> Machine | None:
        """The machine of this name in the network, else in any other one."""
        found = self._interfaces.get((network, name))
        if found is None:
            found = next((each for (_network, member), each in self._interfaces.items() if member == name), None)
        return found.machine if found else None

    def at(self, network: Network, packed: bytes) -> Machine | None:
        """The machine that has the address or is before its subnet; one of ``network`` goes first."""
        owners = self._owners.get(packed, [])
        if not owners:
            owners = [machine for machine in self._gateways if machine.behind.has(packed)]
        here = (each for each in owners if any(one.network.name == network.name for one in each.interfaces))
        return next(here, owners[0] if owners else None)

    @cached_property
    def _gateways(self) -> list[Machine]:
        return [machine for machine in self.all if machine.subnets]
