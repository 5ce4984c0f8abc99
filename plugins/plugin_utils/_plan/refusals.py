# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses on the controller what a host would refuse of its options, by the same checks, for all hosts at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import find_problems, parse_peers

from .._inventory.errors import Owner, Problems
from .._inventory.nouns import Member, Network
from .._inventory.option_parsers import NETWORKS, option_of

# A device calls the interface what its file is called, which is not known to be that of wg-quick.
_ANY_NAME = "wg0"


class _Prefixes(dict[str, Prefix]):
    """Each text is parsed once."""

    def __missing__(self, text: str) -> Prefix:
        prefix = self[text] = parse_prefix(text)
        return prefix


class Refusals:
    """``check`` takes what the modules are given for a member. Peers that several members share are read once."""

    def __init__(self, network: Network, problems: Problems) -> None:
        self._network = network
        self._problems = problems
        self._peers: dict[int, DesiredPeer] = {}
        self._prefixes = _Prefixes()

    def check(self, member: Member, options: Mapping[str, Any]) -> None:
        given = {**options, "interface": _ANY_NAME} if member.is_client else options
        owner, _option = self._place(member, "peers")
        peers = self._problems.catch(owner, lambda: tuple(self._read(options["peers"])), ())
        for error in find_problems(given, peers):
            place = self._place(member, error.option)
            self._problems.add(*place, error.value, error.problem, error.remedy)

    def _read(self, entries: Iterable[Mapping[str, Any]]) -> Iterable[DesiredPeer]:
        for entry in entries:
            peer = self._peers.get(id(entry))
            if peer is None:
                peer = self._peers[id(entry)] = self._parse(entry)
            yield peer

    def _parse(self, entry: Mapping[str, Any]) -> DesiredPeer:
        """Thousands of spokes may send thousands of subnets each to their hubs: the same ones, mostly."""
        texts = entry["allowed_ips"]
        (peer,) = parse_peers([{**entry, "allowed_ips": ()}])
        return peer._replace(allowed_ips=frozenset(map(self._prefixes.__getitem__, texts)))

    def _place(self, member: Member, option: str) -> tuple[Owner, str]:
        owner, path = option_of(self._network.name, member, option)
        if option == "interface" and not member.interface:
            path = f"{NETWORKS}.{self._network.name}.interface"
        return owner, path
