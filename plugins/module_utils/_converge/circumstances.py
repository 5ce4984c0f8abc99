# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts that a target state depends on besides what is wanted and what runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .._model.endpoint import Endpoint
from .._model.interface import DesiredPeer, RunningPeer
from .._model.keys import PrivateKey, PublicKey
from .._model.own_table import OwnTable
from .._model.peers import Proven
from .._model.state import ETHERNET_MTU


def resolve_literal(endpoint: Endpoint, _peer: str) -> tuple[Endpoint, ...]:
    return (endpoint,)


def assume_ethernet(_hosts: Iterable[str]) -> int:
    return ETHERNET_MTU


def assume_empty(_table: int) -> bool:
    return False


def prove_nothing(_peers: Mapping[PublicKey, RunningPeer], _wanted: Sequence[DesiredPeer]) -> Proven | None:
    return None


def assume_printed(_interface: str, body: str) -> OwnTable:
    return OwnTable(body, body)


def assume_unknown(_key: PrivateKey) -> PublicKey | None:
    return None


@dataclass(frozen=True)
class Circumstances:
    """The facts that a target depends on besides the two states.

    ``now`` in seconds since 1970. ``recorded``: the endpoint, as configured, that was last applied to each peer.
    ``resolve``: an endpoint, and what its peer is called, to literal endpoints in order of preference; none when its
    name has no address. It is asked only where the answer matters, since it may take seconds.
    ``path_mtu``: literal hosts to the MTU of the widest path to one of them, in bytes. ``has_routes``: whether the
    routing table of that number holds a route. ``correct``: the peers that need no change, as the same objects.
    ``public_key_of``: a private key to its public half, None where that cannot be told. ``find_proven``: the running
    peers that are as wanted, if that can be told without decoding them. ``list_table``: an interface and the body of
    its own table to that table as this host lists it.
    """

    now: float
    recorded: Mapping[PublicKey, str] = field(default_factory=dict)
    resolve: Callable[[Endpoint, str], tuple[Endpoint, ...]] = resolve_literal
    path_mtu: Callable[[Iterable[str]], int] = assume_ethernet
    has_routes: Callable[[int], bool] = assume_empty
    correct: Mapping[PublicKey, RunningPeer] = field(default_factory=dict)
    public_key_of: Callable[[PrivateKey], PublicKey | None] = assume_unknown
    find_proven: Callable[[Mapping[PublicKey, RunningPeer], Sequence[DesiredPeer]], Proven | None] = prove_nothing
    list_table: Callable[[str, str], OwnTable] = assume_printed
