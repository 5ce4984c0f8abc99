# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a topology is: a set of functions from a network to what it consists of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ..._inventory.errors import Problems
from ..._inventory.nouns import Link, Member, Network


class Topology(Protocol):
    @property
    def options(self) -> tuple[str, ...]:
        """The options of a network that only some topologies have, and this one has."""

    def check(self, network: Network, problems: Problems) -> None:
        """Collects what keeps the network from having this shape."""

    def links(self, network: Network) -> Iterable[Link]:
        """Both directions of every tunnel. Every member has addresses and, with several hubs, its home hub."""

    def apart(self, network: Network) -> Iterator[tuple[Member, Member]]:
        """The pairs that should have a tunnel and cannot, as neither can call the other."""

    def relays(self, network: Network) -> Iterable[Member]:
        """The hosts that pass on what other members send each other."""
