# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts that determine a target state, besides the desired and the running state."""

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
    """The facts that determine a target, besides the desired and the running state.

    ``now``: seconds since 1970. ``recorded``: the configured endpoint that was last applied to each peer. ``resolve``:
    maps an endpoint and the label of its peer to literal endpoints in order of preference; to none if the name has no
    address. It may take seconds, so it is called only if the result matters. ``path_mtu``: maps literal hosts to the
    largest MTU of the paths to them, in bytes. ``has_routes``: whether the routing table with this number has a route.
    ``correct``: the peers that need no change, as the same objects. ``public_key_of``: maps a private key to its public
    key, or to None if it cannot be derived. ``find_proven``: the running peers that match the wanted ones, or None if
    decoding is needed to find them. ``list_table``: maps an interface and the body of its own table to that table as
    this host lists it.
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
