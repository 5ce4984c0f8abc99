# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the tunnels to examine, and what to ask the hosts at both ends. Pure.

``plans`` are the hosts of a plan: ``{HOST: [{"network": ..., "options": {"peers": [...], ...}, ...}]}``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

Entry = Mapping[str, Any]
Plans = Mapping[str, Sequence[Entry]]
# The targets of the module ``ping`` for the peers of an entry among these hosts; the last argument has the entry.
ListTargets = Callable[[Entry, Collection[str], str], Iterable[Mapping[str, str]]]


class PlannedEnd(NamedTuple):
    """One end of a tunnel: what is planned for the host's interface, and the other end's entry among its peers."""

    host: str
    entry: Entry
    peer: Mapping[str, Any]

    @property
    def interface(self) -> str:
        return str(self.entry["options"]["interface"])

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the other end that are right here: two while it changes its key."""
        return tuple(self.peer[name] for name in ("public_key", "next_public_key") if self.peer.get(name))


class PlannedTunnel(NamedTuple):
    """Both ends. The first one sends the first packet, if only one of them can: it has an endpoint for the other."""

    network: str
    one: PlannedEnd
    other: PlannedEnd


def choose_tunnels(plans: Plans, chosen: Iterable[str]) -> list[PlannedTunnel]:
    """The tunnels between hosts of which one is chosen, sorted.

    Clients are not managed, so they cannot be asked. A tunnel without a known key is not planned at one end.
    """
    ends = {
        (host, entry["network"]): {peer["name"]: PlannedEnd(host, entry, peer) for peer in entry["options"]["peers"]}
        for host, entries in plans.items()
        for entry in entries
    }
    found: dict[tuple[str, ...], PlannedTunnel] = {}
    for host in chosen:
        for entry in plans.get(host, ()):
            network = entry["network"]
            for name, end in ends[host, network].items():
                other = ends.get((name, network), {}).get(host)
                if other:
                    names = (network, *sorted((host, name)))
                    found[names] = found.get(names) or PlannedTunnel(network, *_in_order(end, other))
    return [tunnel for _names, tunnel in sorted(found.items(), key=itemgetter(0))]


def _in_order(end: PlannedEnd, other: PlannedEnd) -> list[PlannedEnd]:
    return sorted((end, other), key=lambda each: (not each.peer.get("endpoint"), each.host))


def list_questions(
    tunnels: Iterable[PlannedTunnel], list_targets: ListTargets, nonce: str
) -> dict[str, list[dict[str, Any]]]:
    """Host to what ``_examine`` should examine there, one entry for each interface."""
    ends: dict[str, dict[str, list[tuple[PlannedEnd, PlannedEnd]]]] = {}
    for tunnel in tunnels:
        for end, other in ((tunnel.one, tunnel.other), (tunnel.other, tunnel.one)):
            ends.setdefault(end.host, {}).setdefault(end.interface, []).append((end, other))
    return {
        host: [_question(found, list_targets, nonce) for _name, found in sorted(interfaces.items())]
        for host, interfaces in sorted(ends.items())
    }


def _question(pairs: Sequence[tuple[PlannedEnd, PlannedEnd]], list_targets: ListTargets, nonce: str) -> dict[str, Any]:
    """``pairs``: the ends of tunnels at one interface, each with the other end."""
    ends = [end for end, _other in pairs]
    others = {other.host: _own_addresses(other) for _end, other in pairs}
    entry, options = ends[0].entry, ends[0].entry["options"]
    addresses: dict[str, list[str]] = {}
    for target in list_targets(entry, {end.peer["name"] for end in ends}, ends[0].host):
        if target.get("address"):
            addresses.setdefault(target["name"], []).append(target["address"])
    return {
        "interface": options["interface"],
        **{name: options[name] for name in ("netns", "birth_netns", "listen_port") if options.get(name)},
        "forwards": bool(entry.get("forwarding")),
        "nonce": nonce,
        "peers": [
            {
                "name": end.peer["name"],
                "public_keys": list(end.keys),
                **({"endpoint": end.peer["endpoint"]} if end.peer.get("endpoint") else {}),
                "addresses": addresses.get(end.peer["name"], []),
                "prefixes": list(dict.fromkeys([*others[end.peer["name"]], *end.peer["allowed_ips"]])),
            }
            for end in ends
        ],
    }


def _own_addresses(end: PlannedEnd) -> list[str]:
    """The addresses of an end, each by itself."""
    bare = (address.partition("/")[0] for address in end.entry["options"]["addresses"])
    return [f"{address}/{128 if ':' in address else 32}" for address in bare]
