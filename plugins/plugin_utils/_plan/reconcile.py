# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconcile the inventory with the registry: addresses, home hubs and public keys, and what to record of them.

Pure: the same network, records and keys give the same result, in whatever order they come.
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
from .allocate import Allocation, allocate
from .former import accept_for_clients, former_hubs, former_keys, refuse_former
from .key_acceptance import KeyPolicy, Verdict, judge_key, judge_next_key

_NONE: Mapping[str, str] = MappingProxyType({})
HUB_AND_SPOKE = "hub_and_spoke"
# For a member that reports every day, last_seen is written once a week.
LAST_SEEN_DAYS = 7
# Another controller may be further east.
_ZONES_DAYS = 1


class ChangedKey(NamedTuple):
    """A reported public key that was not accepted: it differs from the recorded key, or it is a former key.

    ``recorded`` is empty where there is none. ``left``: the day on which the key left, empty if it never did.
    """

    host: str
    network: str
    recorded: str
    found: str
    left: str = ""
    owner: str = ""


class Reconciled(NamedTuple):
    """The network with all addresses and home hubs, its records, and the known public keys of its members.

    ``next_keys``: the keys to which members are about to change. ``given``: by member, the addresses that no run has
    recorded yet.
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
    """Reconcile a network with its records. Raises FleetError.

    ``found``: member to the public key that it reports in this run. ``today``: an ISO 8601 date. Without ``refresh``, a
    new day on which members were seen is no reason to record anything. ``found_next``: member to the key that is to
    take the place of its present one. Only a run that is ``rotating`` accepts new ones.
    """
    network = accept_for_clients(network)
    refuse_former(network, records)
    resting = _resting(network, records, today)
    allocation = allocate(network, records, resting)
    completed = _with_given(network, allocation, _home_hubs(network, records))
    run = _Run(network.name, records, today, rotating)
    members: dict[str, MemberRecord] = {}
    changed: list[ChangedKey] = []
    for member in completed.members:
        members[member.name], rejected = _member_record(
            run, member, found.get(member.name), found_next.get(member.name)
        )
        changed += rejected
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
        (*allocation.warnings, *map(changed_warning, changed), *_clock_warnings(network.name, records, today)),
    )


def _with_given(network: Network, allocation: Allocation, hubs: Mapping[str, str]) -> Network:
    """Return the network whose members have the addresses and home hubs that they are given."""
    changed = {
        member.name: replace(
            member,
            addresses=allocation.addresses.get(member.name, member.addresses),
            hub=hubs.get(member.name, member.hub),
        )
        for member in network.members
        if member.name in allocation.addresses or hubs.get(member.name, member.hub) != member.hub
    }
    return network.with_members(changed)


def _days(since: str, today: str) -> int:
    return (datetime.date.fromisoformat(today) - datetime.date.fromisoformat(since)).days


def _resting(network: Network, records: Records, today: str) -> dict[str, str]:
    """List the addresses of members that have left or have others now, each with the day on which it was freed."""
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
    """Choose the hub of each spoke and client: by its option, else the recorded one, else the one with the fewest."""
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


class _Run(NamedTuple):
    """What is the same for all members of a network in this run."""

    network: str
    records: Records
    today: str
    rotating: bool


def _member_record(
    run: _Run, member: Member, reported: str | None, reported_next: str | None
) -> tuple[MemberRecord, list[ChangedKey]]:
    """Derive the record of a member from what is known and reported, and list the keys that were not accepted.

    The peers of a member keep its recorded key until another one is accepted. A key in the inventory needs no report.
    """
    known = recorded = run.records.members.get(member.name, MemberRecord())
    policy = KeyPolicy(run.records.former, member.accept_changed_key, run.rotating)
    if member.public_key:
        known, verdict = known._replace(public_key=member.public_key, next_public_key=None), Verdict.KEEP
    else:
        verdict = judge_key(reported, known, policy)
    rejected = [reported] if reported and verdict is Verdict.REJECT else []
    key = reported if verdict is Verdict.ACCEPT else known.public_key
    next_verdict = judge_next_key(reported_next, known, policy)
    if reported_next and next_verdict is Verdict.REJECT:
        rejected.append(reported_next)
    next_key = known.next_public_key
    if reported and reported == key:
        next_key = reported_next if next_verdict in (Verdict.KEEP, Verdict.ACCEPT) else None
    facts = known._replace(
        public_key=key,
        addresses=tuple(format_ip(address.packed) for address in member.addresses),
        hub=member.hub,
        key_since=run.today if verdict is Verdict.ACCEPT and known.public_key else known.key_since,
        next_public_key=next_key,
        former_hubs=former_hubs(recorded, key, member.hub),
    )
    changed = [_changed_key(member.name, run.network, key or "", each, run.records) for each in rejected]
    if not reported or reported != key:
        return facts, changed
    is_unchanged = facts == run.records.members.get(member.name)
    last_seen = facts.last_seen if is_unchanged and facts.last_seen else run.today
    return facts._replace(first_seen=facts.first_seen or run.today, last_seen=last_seen), changed


def _changed_key(name: str, network: str, recorded: str, found: str, records: Records) -> ChangedKey:
    former = records.former.get(found)
    return ChangedKey(name, network, recorded, found, *((former.left, former.name) if former else ()))


def _expired(network: Network, today: str) -> set[str]:
    day = datetime.date.fromisoformat(today)
    return {client.name for client in network.clients if client.is_expired(day)}


def _refresh(members: dict[str, MemberRecord], found: Mapping[str, str], today: str) -> None:
    """If one member that reported was last seen long ago, set ``last_seen`` of all of them: one commit, not many."""
    reported = [name for name, key in found.items() if name in members and members[name].public_key == key]
    if any(is_old(members[name].last_seen, today) for name in reported):
        for name in reported:
            members[name] = members[name]._replace(last_seen=today)


def is_old(last_seen: str | None, today: str) -> bool:
    """Whether a member that reports now was seen so long ago that this should be recorded."""
    return _days(last_seen or today, today) > LAST_SEEN_DAYS


def _clock_warnings(network: str, records: Records, today: str) -> tuple[str, ...]:
    """Days are compared as text, being in ISO 8601."""
    days = [day for known in records.members.values() for day in (known.first_seen, known.last_seen) if day]
    latest = max([*days, *records.resting.values()], default=today)
    if latest <= today or _days(today, latest) <= _ZONES_DAYS:
        return ()
    warning = (
        f"The clock of the controller shows {today}, but the registry of the network {network} has the later date "
        f"{latest}. Correct the clock, for example with NTP, or the date in the registry. These dates decide how long "
        "a freed address rests."
    )
    return (warning,)


def changed_warning(changed: ChangedKey) -> str:
    if changed.left:
        return (
            f"{changed.host} has the public key {changed.found}, which left the network {changed.network} on "
            f"{changed.left} as the key of {changed.owner}. Its peers do not get it. Give {changed.host} a new key "
            "pair, or run again with -e wireguard_accept_changed_keys=true."
        )
    return (
        f"The public key of {changed.host} in the network {changed.network} is {changed.found}, but the registry has "
        f"{changed.recorded}. Its peers keep the recorded one and cannot talk to it. If it was reinstalled, set "
        f"wireguard_accept_changed_keys for it; if not, find out who made the key."
    )
