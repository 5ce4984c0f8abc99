# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that a network, a member or an interface was renamed, and how to keep what it had. Pure.

The registry knows networks and members by their names. Under another name each is a new one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip

from .._inventory.errors import list_names
from .._inventory.nouns import Member, Network
from .._registry.member_record import MemberRecord, Records
from .reconcile import ChangedKey


def member_hints(network: Network, records: Records, found: Mapping[str, str]) -> Iterator[str]:
    """``network`` has its addresses by now, ``records`` are those before, and ``found`` the keys of this run."""
    members = {member.name: member for member in network.members}
    gone = {name: known for name, known in records.members.items() if name not in members}
    new = [name for name in members if name not in records.members]
    if not gone or not new:
        return
    former = {known.public_key: name for name, known in gone.items() if known.public_key}
    for name in list(new):
        old = former.get(found.get(name) or members[name].public_key or "")
        if old in gone:
            yield _renamed(network.name, old, gone.pop(old), members[name])
            new.remove(name)
    if gone and new:
        yield (
            f"Network {network.name}: {list_names(sorted(gone))} left the inventory, and {list_names(sorted(new))} "
            "joined. A renamed member counts as new: it gets new addresses, and a client gets a new key and file. To "
            "keep them, rename it in the network's registry too, before a run records the new name."
        )


def _renamed(network: str, old: str, known: MemberRecord, member: Member) -> str:
    addresses = [format_ip(address.packed) for address in member.addresses]
    text = f"Network {network}: {member.name} has the key of {old}, which left the inventory: it was renamed. Its key"
    if set(known.addresses) <= set(addresses):
        return f"{text} and its addresses stay."
    change = f"from {', '.join(known.addresses)} to {', '.join(addresses) or 'none'}"
    remedy = f"set wireguard_addresses of {member.name} to the old ones, or addresses if it is a client"
    return f"{text} stays, but its addresses change {change}. To keep them, {remedy}."


def network_hints(recorded: Iterable[str], defined: Mapping[str, bool], directory: str) -> Iterator[str]:
    """``recorded``: the networks that have a registry in ``directory``. ``defined``: those of the inventory, and
    whether each of them is in its registry. A directory can be shared with other inventories, so that only a network
    which is new is a reason to ask."""
    lost = sorted(set(recorded) - set(defined))
    new = sorted(name for name, is_recorded in defined.items() if not is_recorded)
    if lost and new:
        yield (
            f"The registry has {list_names(lost)}, which the inventory does not define, but not {list_names(new)}. A "
            "renamed network counts as new: all its members get new addresses, and derived preshared keys "
            f"change. To keep the addresses, rename its file before a run writes a new one: git mv "
            f"{directory}/{lost[0]}.yml {directory}/{new[0]}.yml"
        )


def interface_hint(changed: ChangedKey, interface: str) -> str:
    """For a host that made a new key in this run although the registry has one. It stands for the changed key's own
    warning."""
    path = f"/etc/wireguard/private/{interface}.key"
    return (
        f"{changed.host} made a new key for the network {changed.network} in this run, as it had none for {interface}: "
        f"{changed.found}. The registry has {changed.recorded}, which its peers keep, so they cannot talk to it. "
        f"If its interface was renamed, move the key file of the old name to {path} there to keep the key, take "
        "the old interface down, and run again. If the host was reinstalled, set "
        "wireguard_accept_changed_keys for it."
    )


def later_hint(unknown: Collection[str], play_hosts: list[str], batch: list[str]) -> str:
    """For a play in batches, of which the later ones have members without a key; empty where there are none."""
    last = max((play_hosts.index(name) for name in batch if name in play_hosts), default=len(play_hosts))
    later = sorted(set(play_hosts[last + 1 :]).intersection(unknown))
    if not later:
        return ""
    return (
        f"This play runs in batches (serial), and {list_names(later)} of later batches have no key yet. The hosts of "
        "this batch get them as peers only in another run. Create all keys first, in an earlier play without serial "
        "that runs the role with tasks_from: keys."
    )
