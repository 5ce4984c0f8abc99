# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settles what the inventory leaves open, with what earlier runs have recorded, and says what there is to record now.

Pure: the same network, records and keys give the same settlement, in whatever order they come.
"""

from __future__ import annotations

import datetime
import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip, parse_prefix

from .._inventory.nouns import Member, Network
from .._registry.member_record import MemberRecord, Records
from .allocate import allocate
from .former import accept_for_clients, former_keys, refuse_former

_NONE: Mapping[str, str] = MappingProxyType({})
HUB_AND_SPOKE = "hub_and_spoke"
# A member that is there every day is written about once a week.
LAST_SEEN_DAYS = 7
# Another controller may be further east.
_ZONES_DAYS = 1


class ChangedKey(NamedTuple):
    """A public key that is another than the recorded one, or one that has left, and was not accepted.

    ``recorded`` is empty where there is none. ``left`` is the day on which the key left, empty where it never did.
    """

    host: str
    network: str
    recorded: str
    found: str
    left: str = ""
    owner: str = ""


class Reconciled(NamedTuple):
    """The network with addresses and home hubs, its records, and the public key of each member where one is known.

    ``next_keys`` are those to which members are about to change. ``given`` are the addresses that members have from now
    on, by name, and that no run has recorded yet.
    """

    network: Network
    records: Records
    keys: dict[str, str]
    next_keys: dict[str, str]
    given: dict[str, tuple[str, ...]]
    changed_keys: tuple[ChangedKey, ...]
    warnings: tuple[str, ...]


def reconcile(
    network: Network,
    records: Records,
    found: Mapping[str, str],
    today: str,
    refresh: bool = True,
    found_next: Mapping[str, str] = _NONE,
    rotating: bool = False,
) -> Reconciled:
    """``found``: member to the public key that it reported in this run; ``today``: an ISO 8601 date.

    Without ``refresh``, the days on which members were last seen are no reason to record anything. ``found_next``: the
    same for the keys that are to take their place; they are recorded only when ``rotating``, as they are taken for the
    members' own from then on. Raises FleetError.
    """
    network = accept_for_clients(network)
    refuse_former(network, records)
    resting = _resting(network, records, today)
    allocation = allocate(network, records, resting)
    hubs = _home_hubs(network, records)
    completed = network.with_members(
        {
            member.name: replace(
                member,
                addresses=allocation.addresses.get(member.name, member.addresses),
                hub=hubs.get(member.name, member.hub),
            )
            for member in network.members
            if member.name in allocation.addresses or hubs.get(member.name, member.hub) != member.hub
        }
    )
    changed: list[ChangedKey] = []
    members = {
        member.name: _member_record(
            network.name,
            member,
            records,
            (found.get(member.name), found_next.get(member.name)),
            today,
            changed,
            rotating,
        )
        for member in completed.members
    }
    if refresh:
        _refresh(members, found, today)
    used = {address for recorded in members.values() for address in recorded.addresses}
    return Reconciled(
        completed,
        Records(
            members,
            {address: day for address, day in resting.items() if address not in used},
            former_keys(network, records, members, _expired(network, today), today),
        ),
        {name: recorded.public_key for name, recorded in members.items() if recorded.public_key},
        {name: recorded.next_public_key for name, recorded in members.items() if recorded.next_public_key},
        allocation.given,
        tuple(changed),
        (*allocation.warnings, *map(_warning, changed), *_clock_warnings(network.name, records, today)),
    )


def _days(since: str, today: str) -> int:
    return (datetime.date.fromisoformat(today) - datetime.date.fromisoformat(since)).days


def _resting(network: Network, records: Records, today: str) -> dict[str, str]:
    """The addresses that rest, to the day on which they were freed: of members that are gone or have others now."""
    explicit = {member.name: {format_ip(each.packed) for each in member.addresses} for member in network.members}
    unnumbered = {member.name for member in network.members if member.unnumbered}
    freed = {
        address: today
        for name, recorded in records.members.items()
        for address in recorded.addresses
        if name not in explicit or name in unnumbered or (explicit[name] and address not in explicit[name])
    }
    return {
        address: day
        for address, day in {**records.resting, **freed}.items()
        if _days(day, today) < network.rest_days
        and any(prefix.covers(parse_prefix(address)) for prefix in network.prefixes)
    }


def _home_hubs(network: Network, records: Records) -> dict[str, str]:
    """The hub of each spoke and client: the one asked for, else the one it has, else the one with the fewest."""
    hubs = {hub.name for hub in network.hubs}
    if network.topology != HUB_AND_SPOKE or not hubs:
        return {}
    homes: dict[str, str | None] = {}
    for member in (*network.spokes, *network.clients):
        recorded = records.members.get(member.name, MemberRecord()).hub
        homes[member.name] = member.hub or (recorded if recorded in hubs else None)
    counts = Counter(homes.values())
    fewest = [(counts[hub], hub) for hub in sorted(hubs)]
    heapq.heapify(fewest)
    for name in sorted(name for name, hub in homes.items() if hub is None):
        count, hub = fewest[0]
        homes[name] = hub
        heapq.heapreplace(fewest, (count + 1, hub))
    return {name: hub for name, hub in homes.items() if hub is not None}


def _member_record(
    network: str,
    member: Member,
    records: Records,
    found: tuple[str | None, str | None],
    today: str,
    changed: list[ChangedKey],
    rotating: bool,
) -> MemberRecord:
    """What there is to remember of a member. Its peers keep a key that they know until another one is accepted.

    The recorded next key is accepted already. It is forgotten when its host no longer has it. A key that has left is
    not taken again until it is accepted.
    """
    known = records.members.get(member.name, MemberRecord())
    key, successor = known.public_key, known.next_public_key
    reported, reported_next = found
    since = known.key_since
    if member.public_key:
        key, successor = member.public_key, None
    elif reported and (member.accept_changed_key or reported == successor or not (key or reported in records.former)):
        since = today if key and reported != key else since
        key = reported
    elif reported and reported != key:
        changed.append(_changed_key(member.name, network, key or "", reported, records))
    if reported_next and reported_next in records.former and not member.accept_changed_key:
        changed.append(_changed_key(member.name, network, key or "", reported_next, records))
        reported_next = None
    if reported and reported == key:
        successor = reported_next if rotating or reported_next == successor else None
    facts = MemberRecord(
        key,
        tuple(format_ip(address.packed) for address in member.addresses),
        member.hub,
        known.first_seen,
        known.last_seen,
        since,
        successor,
    )
    if not reported or reported != key:
        return facts
    return facts._replace(
        first_seen=facts.first_seen or today, last_seen=facts.last_seen if facts == known and facts.last_seen else today
    )


def _changed_key(name: str, network: str, recorded: str, found: str, records: Records) -> ChangedKey:
    former = records.former.get(found)
    return ChangedKey(name, network, recorded, found, *((former.left, former.name) if former else ()))


def _expired(network: Network, today: str) -> set[str]:
    return {client.name for client in network.clients if client.valid_until and str(client.valid_until) < today}


def _refresh(members: dict[str, MemberRecord], found: Mapping[str, str], today: str) -> None:
    """When one of those that reported was last seen long ago, all are written about, so that they stay in step."""
    reported = [name for name, key in found.items() if name in members and members[name].public_key == key]
    if any(_days(members[name].last_seen or today, today) > LAST_SEEN_DAYS for name in reported):
        for name in reported:
            members[name] = members[name]._replace(last_seen=today)


def _clock_warnings(network: str, records: Records, today: str) -> tuple[str, ...]:
    """Days are compared as text, being in ISO 8601."""
    days = [day for known in records.members.values() for day in (known.first_seen, known.last_seen) if day]
    latest = max([*days, *records.resting.values()], default=today)
    if latest <= today or _days(today, latest) <= _ZONES_DAYS:
        return ()
    warning = (
        f"The clock of the controller says {today}, but the registry of the network {network} has something of "
        f"{latest}. One of them cannot be right: set the clock, best by NTP, or the day in the registry. By such days "
        "is told how long an address that was freed has to rest."
    )
    return (warning,)


def _warning(changed: ChangedKey) -> str:
    if changed.left:
        return (
            f"{changed.host} has the public key {changed.found}, which left the network {changed.network} on "
            f"{changed.left} as the key of {changed.owner}. Its peers do not take it. Give {changed.host} another key "
            "pair, or run again with -e wireguard_accept_changed_keys=true."
        )
    return (
        f"The public key of {changed.host} in the network {changed.network} is {changed.found}, but the registry has "
        f"{changed.recorded}. Its peers keep the recorded one and cannot talk to it. If it was installed anew, set "
        f"wireguard_accept_changed_keys for it; if not, find out who has made the key."
    )
