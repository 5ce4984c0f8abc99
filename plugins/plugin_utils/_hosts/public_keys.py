# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the public keys that the hosts of a run report. An invalid report is a problem of that host alone.

Pure. ``refused`` maps a host to the reason why its report is ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_peer_key

from .._inventory.errors import HostError, list_names
from .._inventory.nouns import Network
from .._registry.member_record import MemberRecord, Records
from .results import loop_results, read_mappings, read_text, refused


class _Pair(NamedTuple):
    """Of one host in one network: its public key, its next one, and whether this run made the first of them."""

    key: str
    next_key: str | None
    made: bool


class Found(NamedTuple):
    """Public keys of a network's members, by name. ``made``: the members whose key was made in this run.

    ``given``: the members whose key is a value in the task. For a client it is the operator's. For a host it may be
    what the host has reported in the play, so it counts as a report.
    """

    keys: dict[str, str]
    next_keys: dict[str, str]
    given: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()

    def without(self, names: Iterable[str]) -> Found:
        gone = frozenset(names)
        keys, next_keys = (
            {name: key for name, key in each.items() if name not in gone} for each in (self.keys, self.next_keys)
        )
        return Found(keys, next_keys, self.given - gone, self.made - gone)


def read_reports(
    networks: Iterable[Network], variable: str, registered: Callable[[str], object]
) -> tuple[dict[str, Found], dict[str, str]]:
    """Return what was found by network, and the refused hosts.

    ``registered`` gives what a host has in ``variable``: results of the module ``member`` or ``keypair``, or None.
    """
    found = {network.name: Found({}, {}) for network in networks}
    rejected: dict[str, str] = {}
    networks_of: dict[str, list[str]] = {}
    for network in networks:
        for member in network.hosts:
            networks_of.setdefault(member.name, []).append(network.name)
    for host, names in networks_of.items():
        try:
            pairs = dict(_read_pairs(host, names, variable, registered(host)))
        except InputError as error:
            rejected[host] = f"{host}: {error}"
            continue
        for name, pair in pairs.items():
            found[name].keys[host] = pair.key
            if pair.next_key:
                found[name].next_keys[host] = pair.next_key
            if pair.made:
                found[name] = found[name]._replace(made=found[name].made | {host})
    return found, rejected


def _read_pairs(host: str, networks: list[str], variable: str, registered: object) -> Iterator[tuple[str, _Pair]]:
    """The network of each key pair that the host reports, and its keys."""
    for result, network in _results(registered, variable):
        if result.get("public_key") in (None, ""):
            continue
        if network is None and len(networks) > 1:
            problem = f"the host is in {list_names(networks)}, but a result does not say which network its key is for"
            remedy = "loop over the host's interfaces, with the name of the network as network in each item"
            raise HostError(host, variable, None, problem, remedy)
        if network is not None and network not in networks:
            raise refused(f"{variable}.network", network, "the host is not in this network")
        key, next_key = read_key(result["public_key"], "public_key"), None
        if result.get("next_public_key") not in (None, ""):
            next_key = read_key(result["next_public_key"], "next_public_key")
        pair = _Pair(key, next_key, result.get("changed") is True or result.get("created") is True)
        yield networks[0] if network is None else networks[networks.index(network)], pair


def _results(registered: object, variable: str) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Each result with a key, and its network: of ``member``, or of ``keypair``, which may have run in a loop."""
    if isinstance(registered, Mapping) and "interfaces" in registered:
        for result in read_mappings(registered["interfaces"], f"{variable}.interfaces"):
            yield result, result.get("network")
        return
    for result in loop_results(registered, variable):
        item = result.get(read_text(result.get("ansible_loop_var", "item"), "ansible_loop_var"))
        yield result, item.get("network") if isinstance(item, Mapping) else None


def read_key(value: object, option: str) -> str:
    """Read a public key that a host has reported. Raises InputError."""
    return str(parse_peer_key(read_text(value, option), option))


def _key_owners(network: Network, records: Records, found: Found) -> dict[str, str]:
    """Map each known key to its member: by the operator, else by the inventory and the registry."""
    owners: dict[str, str] = {}
    for member in network.members:
        recorded = records.members.get(member.name, MemberRecord())
        known = [member.public_key, recorded.public_key, recorded.next_public_key]
        if member.is_client and member.name in found.given:
            known = [found.keys[member.name]]
        for key in filter(None, known):
            owners.setdefault(key, member.name)
    return owners


def reject_claims(network: Network, records: Records, found: Found) -> dict[str, str]:
    """List the hosts that report a key of another member, or their present key as their next one, with the reason.

    The operator, the inventory or the registry says which member a key belongs to. If none of these knows the key and
    several hosts report it, all of them are rejected.
    """
    owners = _key_owners(network, records, found)
    by_operator = found.given & {client.name for client in network.clients}
    reports = [
        (name, option, key)
        for option, keys in (("public_key", found.keys), ("next_public_key", found.next_keys))
        for name, key in keys.items()
        if name not in by_operator
    ]
    times = Counter(key for _name, _option, key in reports)
    rejected: dict[str, str] = {}
    for name, option, key in reports:
        owner = owners.get(key)
        if owner not in (None, name):
            problem = f"{owner} has this key in the network {network.name}"
        elif owner is None and times[key] > 1:
            others = sorted({other for other, _option, same in reports if same == key} - {name}) or [name]
            problem = f"{list_names(others)} reports this key for the network {network.name} too"
        elif option == "next_public_key" and key == found.keys.get(name):
            problem = f"it is the key that the host uses in the network {network.name} already"
        else:
            continue
        remedy = (
            f"if the host was cloned, remove its /etc/wireguard/private/{network.interface}.key and run again; "
            "if not, check whether it is compromised"
        )
        rejected.setdefault(name, f"{name}: {HostError(name, option, key, problem, remedy)}")
    return rejected
