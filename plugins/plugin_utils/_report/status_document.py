# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status document: what is planned and what runs, as plain data that is written as JSON.

The table, the page and the comparison with an earlier document are made of it. Its lists are sorted. Times are UNIX
seconds, never ages, so that nothing in it depends on when it is read.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypedDict

SCHEMA = 1

UP: Final = "up"
DOWN: Final = "down"
UNKNOWN: Final = "unknown"
PLANNED: Final = "planned"
EXPIRED: Final = "expired"
State = Literal["up", "down", "unknown", "planned", "expired"]


class PlannedPeer(TypedDict):
    """What the inventory asks for at one end of a tunnel."""

    endpoint: str | None
    allowed_ips: list[str]
    persistent_keepalive: int


class RunningPeer(TypedDict):
    """What one end's kernel has. ``latest_handshake`` is None if there was none."""

    endpoint: str | None
    allowed_ips: list[str]
    persistent_keepalive: int
    latest_handshake: int | None
    transfer_rx: int
    transfer_tx: int


class PingResult(TypedDict):
    """``rtt_ms`` is None if the ping is lost, or if its time is not known."""

    address: str
    reachable: bool
    rtt_ms: float | None


class TunnelStatus(TypedDict):
    """One direction of a tunnel: a host's view of a peer.

    ``running`` is None if the host has no such peer or was not asked. ``by_handshake``: no ping can show the tunnel, so
    that its handshake decides. ``problem`` is a text for people, empty if there is none.
    """

    network: str
    host: str
    peer: str
    state: State
    desired: PlannedPeer
    running: RunningPeer | None
    pings: list[PingResult]
    by_handshake: bool
    problem: str


class MemberStatus(TypedDict):
    """A member of one network. A host in two networks is two of these.

    ``kind`` is hub, host or client. ``state`` sums up its tunnels: down if one is, unknown if the host was not asked or
    did not answer, planned in the document of a plan. ``public_key`` and ``key_since`` are None if not known.
    ``drift`` has the operations that the host lacks, as in ``interface``'s result, None if it was not looked at.
    ``reaches`` has a line for each destination that a policy lets it reach, None without a policy.
    ``versions`` are those of the host's software by name.
    """

    network: str
    name: str
    kind: Literal["hub", "host", "client"]
    state: State
    interface: str
    addresses: list[str]
    subnets: list[str]
    endpoint: str | None
    public_key: str | None
    key_since: int | None
    valid_until: str | None
    versions: dict[str, str]
    drift: list[dict[str, Any]] | None
    reaches: list[str] | None
    problem: str


class NetworkStatus(TypedDict):
    name: str
    topology: str
    prefixes: list[str]


class StatusChange(TypedDict):
    """One thing that is not as in the earlier document. ``before`` and ``after`` are None for what was not there, or is
    gone. ``peer`` and ``attribute`` are None where the whole member is meant."""

    network: str
    member: str
    peer: str | None
    attribute: str | None
    before: Any
    after: Any


class StatusDocument(TypedDict):
    """``source``: plan if no host was asked, else status. ``changes`` is None without an earlier one."""

    schema: int
    generated: int
    source: Literal["plan", "status"]
    collection: str
    networks: list[NetworkStatus]
    members: list[MemberStatus]
    tunnels: list[TunnelStatus]
    changes: list[StatusChange] | None
