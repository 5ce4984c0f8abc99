# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public keys that a run has found: what hosts reported, and what the operator gives. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .._hosts.public_keys import Found, read_key, read_reports
from .._hosts.results import one_line
from .._inventory.errors import FleetError, HostError, Problems
from .._inventory.nouns import Network
from .._inventory.without_facts import REMEDY

Networks = tuple[Network, ...]


class KeyFinder:
    """A ``FindKeys``.

    ``intruders`` maps hosts that returned variables which only the operator sets to these variables: their reports are
    ignored. ``given`` are the keys in the task: network to member to key. ``variable`` names the variable in which
    hosts have registered ``keypair``, if any, and ``registered`` gives a host's value of it.
    """

    def __init__(
        self,
        intruders: Mapping[str, Mapping[str, Any]],
        given: Mapping[str, Any] = MappingProxyType({}),
        variable: str = "",
        registered: Callable[[str], object] = str,
    ) -> None:
        self._intruders = intruders
        self._given = given
        self._variable = variable
        self._registered = registered

    def __call__(self, networks: Networks) -> tuple[dict[str, Found], dict[str, str]]:
        """By network, the keys; and the refused hosts, each with the reason. Raises FleetError."""
        found = {network.name: Found({}, {}) for network in networks}
        refused: dict[str, str] = {}
        if self._variable:
            found, refused = read_reports(networks, self._variable, self._registered)
        refused = {**self._add_given(networks, found), **refused}
        intruding = {host: _intrusion(host, facts) for host, facts in self._intruders.items()}
        if intruding:
            found = {name: each.without(intruding) for name, each in found.items()}
        return found, refused | intruding

    def _add_given(self, networks: Networks, found: dict[str, Found]) -> dict[str, str]:
        """Return the hosts whose key is not one, each with the reason: a host may have reported it in the play."""
        members = {network.name: {member.name: member for member in network.members} for network in networks}
        refused: dict[str, str] = {}
        problems = Problems()
        for name, keys in self._given.items():
            for member, key in dict(keys).items():
                if member not in members.get(name, ()):
                    remedy = "name a network and one of its members"
                    raise FleetError([HostError("", f"public_keys.{name}.{member}", None, "no such member", remedy)])
                try:
                    found[name].keys[member] = read_key(key, "public_key")
                except InputError as error:
                    if members[name][member].is_client:
                        problems.keep(member, [error])
                    else:
                        refused[member] = f"{member}: {error}"
            found[name] = found[name]._replace(given=frozenset(keys) & found[name].keys.keys())
        problems.refuse()
        return refused


def _intrusion(host: str, facts: Mapping[str, Any]) -> str:
    return (
        f"{host}: ansible_facts: the host returned variables that only the operator sets: "
        f"{one_line(', '.join(sorted(facts)))}; {REMEDY}"
    )
