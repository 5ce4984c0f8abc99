# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every spoke and client has one tunnel, to its home hub. Hubs relay, and are meshed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import DEFAULT_ROUTE
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix

from ..._inventory import option_parsers
from ..._inventory.close import nearest
from ..._inventory.errors import Problems
from ..._inventory.nouns import FULL, SPLIT, Link, Member, Network
from ..._inventory.prefixes import as_text, collapse, literal_prefix, subtract, without


class HubAndSpoke:
    options: tuple[str, ...] = ("clients", "hubs", "spokes")

    def check(self, network: Network, problems: Problems) -> None:
        hubs = [hub.name for hub in network.hubs]
        for hub in network.hubs:
            if hub.endpoint is None:
                problems.add(
                    hub.name,
                    "wireguard_endpoint",
                    None,
                    "the hub has none, so spokes cannot connect to it",
                    "set the public address or name of the hub, such as vpn.example.org",
                )
        known = set(hubs)
        for leaf in network.spokes + network.clients:
            if leaf.hub is not None and leaf.hub not in known:
                problem, remedy = f"not a hub of the network {network.name}", nearest(leaf.hub, hubs)
                problems.add(*option_parsers.option_of(network.name, leaf, "hub"), leaf.hub, problem, remedy)

    def links(self, network: Network) -> Iterator[Link]:
        hubs = {hub.name: hub for hub in network.hubs}
        routes = _Routes(network)
        behind = {hub.name: list(hub.own) for hub in network.hubs}
        for leaf in network.spokes + network.clients:
            hub = _home(leaf, hubs)
            own = leaf.own
            behind[hub.name].extend(own)
            yield Link(hub, leaf, as_text(own))
            yield Link(leaf, hub, routes.through(leaf, hub))
        if len(hubs) > 1:
            texts = {name: as_text(collapse(prefixes)) for name, prefixes in behind.items()}
            for hub, other in permutations(network.hubs, 2):
                yield Link(hub, other, texts[other.name])

    def apart(self, network: Network) -> Iterator[tuple[Member, Member]]:
        return iter(())

    def relays(self, network: Network) -> Iterable[Member]:
        return network.hubs


def _home(leaf: Member, hubs: dict[str, Member]) -> Member:
    if leaf.hub is None:
        (only,) = hubs.values()
        return only
    return hubs[leaf.hub]


class _Routes:
    """What spokes and clients send to their hubs, as text; those that send the same share one list."""

    def __init__(self, network: Network) -> None:
        self._families = {prefix.family for prefix in network.prefixes}
        self._wanted = network.inside
        others = [prefix for prefix in self._wanted if prefix.family not in self._families]
        self._defaults = [DEFAULT_ROUTE[family] for family in sorted(self._families)]
        self._plain = {SPLIT: as_text(self._wanted), FULL: as_text(self._defaults + others)}
        self._places = {
            tunnel: {text: place for place, text in enumerate(texts)} for tunnel, texts in self._plain.items()
        }
        self._found: dict[tuple[object, ...], list[str]] = {}

    def through(self, leaf: Member, hub: Member) -> list[str]:
        special = leaf.excluded or leaf.routes
        if not special and not leaf.subnets:
            return self._plain[leaf.tunnel]
        endpoint = hub.endpoint_for(leaf) if special else None
        key = (leaf.tunnel, leaf.subnets, leaf.excluded, leaf.routes, endpoint)
        if key not in self._found:
            self._found[key] = as_text(self._special(leaf, endpoint)) if special else self._less_own(leaf)
        return self._found[key]

    def _less_own(self, leaf: Member) -> list[str]:
        texts, places = self._plain[leaf.tunnel].copy(), self._places[leaf.tunnel]
        for place in sorted((places[text] for text in map(str, leaf.subnets) if text in places), reverse=True):
            del texts[place]
        return texts

    def _special(self, leaf: Member, endpoint: Endpoint | None) -> list[Prefix]:
        """A full tunnel with holes is no default route to wg-quick, so that the hub's own address has to be one."""
        own = set(leaf.subnets)
        wanted = [*leaf.routes, *(prefix for prefix in self._wanted if prefix not in own)]
        everything = self._defaults if leaf.tunnel == FULL else []
        if leaf.excluded:
            outside = literal_prefix(endpoint) if endpoint else None
            everything = subtract(everything, [*leaf.excluded, *own, *([outside] if outside else ())])
        return collapse([*everything, *without(wanted, [*leaf.excluded, *own])])
