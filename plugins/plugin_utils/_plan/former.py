# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Former keys of a network: which hosts may still have them as peers, and the warnings about them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from .._inventory.errors import Problems, list_names
from .._inventory.nouns import Network
from .._inventory.option_parsers import option_of
from .._registry.member_record import Former, MemberRecord, Records


class FormerKey(NamedTuple):
    """A key that hosts may still have as a peer, as the plan returns it."""

    network: str
    name: str
    public_key: str
    left: str
    hosts: list[str]


def former_keys(
    network: Network, known: Records, members: Mapping[str, MemberRecord], expired: Collection[str], today: str
) -> dict[str, Former]:
    """The former keys once ``members`` are recorded. The keys of ``expired`` members count as former."""
    current = {key for name, recorded in members.items() if name not in expired for key in _keys(recorded)}
    hosts = {host.name for host in network.hosts}
    found = dict(known.former)
    for name, recorded in known.members.items():
        for key in _keys(recorded):
            if key not in current:
                found.setdefault(key, Former(name, today, _holders(name, known.members, hosts)))
    return {
        key: former if hosts.issuperset(former.hosts) else former._replace(hosts=_only(former.hosts, hosts))
        for key, former in found.items()
        if key not in current
    }


def _keys(recorded: MemberRecord) -> Iterator[str]:
    yield from filter(None, (recorded.public_key, recorded.next_public_key))


def _only(names: Iterable[str], hosts: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in hosts)


def _holders(name: str, members: Mapping[str, MemberRecord], hosts: Collection[str]) -> tuple[str, ...]:
    """The hosts that may have the member as a peer: those of its tunnels, by the home hubs that are recorded.

    A home hub from before counts too, at either end: that end may not have been reached since.
    """
    home, before = members[name].hub, members[name].former_hubs
    return tuple(
        sorted(
            other
            for other, recorded in members.items()
            if other != name
            and other in hosts
            and recorded.public_key
            and (
                other in (home, *before)
                or name in (recorded.hub, *recorded.former_hubs)
                or (home is None and recorded.hub is None)
            )
        )
    )


def former_hubs(known: MemberRecord, key: str | None, hub: str | None) -> tuple[str, ...]:
    """Those of a member that was ``known`` and now has ``key`` and ``hub``. The hubs before never had a new key."""
    if not key or key not in (known.public_key, known.next_public_key):
        return ()
    return tuple(sorted({*known.former_hubs, *filter(None, [known.hub])} - {hub}))


def refuse_former(network: Network, records: Records) -> None:
    """Refuse keys of the inventory that have left, unless that is accepted. Raises FleetError."""
    problems = Problems()
    for client in network.clients:
        former = records.former.get(client.public_key or "")
        known = records.members.get(client.name, MemberRecord()).public_key
        if former and client.public_key != known and not client.accept_changed_key:
            problem = f"this key of {former.name} left the network on {former.left}"
            remedy = "make a new key pair on the device, or accept the key with -e wireguard_accept_changed_keys=true"
            problems.add(*option_of(network.name, client, "public_key"), client.public_key, problem, remedy)
    problems.refuse()


def accept_for_clients(network: Network) -> Network:
    """The network whose clients' changed keys are accepted where those of all hosts are: clients have no variables."""
    if not network.clients or not all(host.accept_changed_key for host in network.hosts):
        return network
    return network.with_members({client.name: replace(client, accept_changed_key=True) for client in network.clients})


def list_former(network: Network, records: Records) -> list[FormerKey]:
    """Those that hosts may still have, sorted by the names of their members."""
    found = [
        FormerKey(network.name, former.name, key, former.left, [*former.hosts])
        for key, former in records.former.items()
        if former.hosts
    ]
    return sorted(found, key=lambda former: (former.name, former.left, former.public_key))


def former_warnings(keys: Iterable[FormerKey]) -> Iterator[str]:
    """Warn of former keys before a run removes them, once for each network."""
    networks: dict[str, list[FormerKey]] = {}
    for key in keys:
        networks.setdefault(key.network, []).append(key)
    for network, found in networks.items():
        # A member that leaves during a rotation has two keys.
        names = list(dict.fromkeys(f"{key.name} (left {key.left}; {list_names(key.hosts)})" for key in found))
        yield (
            f"Network {network}: former keys, with the hosts that may still have them until a run updates these hosts: "
            f"{list_names(names)}."
        )


def without_hosts(records: Records, keys: Collection[str], updated: Collection[str]) -> Records:
    """The records once these hosts have removed these keys."""
    gone = frozenset(updated)
    former = {
        key: entry._replace(hosts=tuple(host for host in entry.hosts if host not in gone)) if key in keys else entry
        for key, entry in records.former.items()
    }
    return replace(records, former=former)


def remaining(keys: Iterable[Mapping[str, Any]], updated: Collection[str]) -> list[dict[str, Any]]:
    """The ``former_keys`` of a plan without the hosts that were brought up to date."""
    gone = frozenset(updated)
    left = [{**key, "hosts": [host for host in key["hosts"] if host not in gone]} for key in keys]
    return [key for key in left if key["hosts"]]


def describe_remaining(keys: Iterable[Mapping[str, Any]], hosts: Collection[str]) -> str:
    """Describe which of these hosts still have former keys; empty if none has."""
    wanted = frozenset(hosts)
    found: dict[str, list[str]] = {}
    for key in keys:
        for host in key["hosts"]:
            if host in wanted:
                found.setdefault(host, []).append(f"{key['name']} in {key['network']}")
    if not found:
        return ""
    where = "; ".join(f"{host} has the key of {', '.join(sorted(set(names)))}" for host, names in sorted(found.items()))
    return (
        f"Former keys are still on hosts that were not reached or failed: {where}. These hosts still accept "
        "them. Make the hosts reachable and run cryptokey.wireguard.site, or remove the hosts from the inventory."
    )
