# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a status document with what hosts answered. Pure, and a host's answer is not trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import MERGE, SESSION_SECONDS

from .._hosts.drift_report import HostDrift
from .._hosts.results import (
    one_line,
    read_flag,
    read_integer,
    read_mapping,
    read_mappings,
    read_number,
    read_text,
    read_texts,
    refused,
)
from .status_document import (
    DOWN,
    EXPIRED,
    UNKNOWN,
    UP,
    MemberStatus,
    PeerStatus,
    PingResult,
    State,
    StatusDocument,
    TunnelStatus,
)

# Problems of members.
NO_ANSWER = "no answer"
NO_KEYS = "the key of no peer is known"
# Problems of tunnels.
NO_PEER = "no such peer"
LOST = "pings are lost"
NO_HANDSHAKE = "no recent handshake"
NOT_PINGED = "not pinged"
_MOST_VERSIONS = 20

Answer = Mapping[str, Any]
Key = tuple[str, str]


class _Ping(NamedTuple):
    """``result`` is None if the handshake was looked at, because the peer cannot be pinged."""

    result: PingResult | None
    reachable: bool


def fill_document(
    planned: StatusDocument,
    plans: Mapping[str, Iterable[Mapping[str, Any]]],
    answers: Mapping[str, Mapping[str, Answer] | InputError],
    drifts: Mapping[str, HostDrift] | None = None,
) -> StatusDocument:
    """Return the planned document with what runs on the hosts that were asked.

    ``plans`` are the hosts of the plan. ``answers`` maps a host and then an interface to its ``interfaces`` and
    ``versions``, of the module ``interface_info``, and its ``results``, of the module ``ping``. Without ``interfaces``
    the host did not answer. An answer that is invalid is the problem of that member alone. ``drifts`` are by host.
    """
    entries = {(entry["network"], host): entry for host, own in plans.items() for entry in own}
    interfaces = {host: [str(entry["options"]["interface"]) for entry in own] for host, own in plans.items()}
    tunnels: dict[Key, list[TunnelStatus]] = {}
    for tunnel in planned["tunnels"]:
        tunnels.setdefault((tunnel["network"], tunnel["host"]), []).append(tunnel)
    reader = _Answers(planned)
    members: list[MemberStatus] = []
    filled: list[TunnelStatus] = []
    for member in planned["members"]:
        key = member["network"], member["name"]
        if key not in entries:  # a client: nothing can ask it, so it has no view of its tunnels
            members.append(member)
            continue
        status, own = reader.fill(member, tunnels.get(key, []), entries[key], answers.get(member["name"]))
        if drifts and member["name"] in drifts:
            status["drift"] = _list_drift(drifts[member["name"]], member["interface"], interfaces[member["name"]])
        members.append(status)
        filled += own
    return {**planned, "source": "status", "members": _judge_clients(members, filled), "tunnels": filled}


class _Answers:
    """Reads the answers of hosts for one document."""

    def __init__(self, document: StatusDocument) -> None:
        self._now = document["generated"]
        self._clients = {(each["network"], each["name"]) for each in document["members"] if each["kind"] == "client"}

    def fill(
        self,
        member: MemberStatus,
        tunnels: list[TunnelStatus],
        entry: Mapping[str, Any],
        answer: Mapping[str, Answer] | InputError | None,
    ) -> tuple[MemberStatus, list[TunnelStatus]]:
        unknown: list[TunnelStatus] = [{**tunnel, "state": UNKNOWN} for tunnel in tunnels]
        status: MemberStatus = {**member, "state": UNKNOWN}
        if answer is None:
            return status, unknown
        try:
            own = _of_interface(answer, member["interface"])
            if "interfaces" not in own:
                return {**status, "problem": _describe_silence(own)}, unknown
            filled = self._fill_tunnels(tunnels, entry, own)
            status["versions"] = _read_versions(own.get("versions", {}))
        except InputError as error:
            return {**status, "problem": str(error)}, unknown
        if not filled and entry["options"]["peers_mode"] == MERGE:
            return {**status, "state": DOWN, "problem": NO_KEYS}, filled
        status["state"] = sum_up(tunnel["state"] for tunnel in filled) if filled else UP
        return status, filled

    def _fill_tunnels(
        self, tunnels: Iterable[TunnelStatus], entry: Mapping[str, Any], answer: Answer
    ) -> list[TunnelStatus]:
        keys = {peer["name"]: peer["public_key"] for peer in entry["options"]["peers"]}
        running = self._read_running(answer["interfaces"])
        pings = _read_pings(answer.get("results") or ())
        unasked = "" if "results" in answer else _describe_silence(answer, NOT_PINGED)
        return [
            self._fill_tunnel(tunnel, running.get(keys[tunnel["peer"]]), pings.get(tunnel["peer"], []), unasked)
            for tunnel in tunnels
        ]

    def _fill_tunnel(
        self, tunnel: TunnelStatus, running: PeerStatus | None, pings: list[_Ping], unasked: str
    ) -> TunnelStatus:
        """``unasked``: why no peer was pinged, where the task failed as a whole."""
        if running is None:
            return {**tunnel, "state": DOWN, "problem": NO_PEER}
        shown = [ping.result for ping in pings if ping.result]
        filled: TunnelStatus = {**tunnel, "running": running, "pings": shown, "by_handshake": bool(pings) and not shown}
        handshake = running["latest_handshake"]
        if (tunnel["network"], tunnel["peer"]) in self._clients:  # it can be switched off
            fresh = handshake is not None and self._now - handshake <= SESSION_SECONDS
            return {**filled, "state": UP if fresh else UNKNOWN}
        if pings and all(ping.reachable for ping in pings):
            return {**filled, "state": UP}
        return {**filled, "state": DOWN, "problem": LOST if shown else unasked or NO_HANDSHAKE}

    def _read_running(self, interfaces: object) -> dict[str, PeerStatus]:
        """Return the running peers by public key."""
        return {
            read_text(peer.get("public_key"), "public_key"): self._read_peer(peer)
            for found in read_mappings(interfaces, "interfaces")
            for peer in read_mappings(found.get("peers"), "peers")
        }

    def _read_peer(self, peer: Mapping[str, Any]) -> PeerStatus:
        """The time of a handshake comes from its age, as the clock of the host can be wrong."""
        age, endpoint = peer.get("latest_handshake_age"), peer.get("endpoint")
        high = self._now + SESSION_SECONDS
        return {
            "endpoint": None if endpoint is None else read_text(endpoint, "endpoint"),
            "allowed_ips": read_texts(peer.get("allowed_ips", []), "allowed_ips"),
            "persistent_keepalive": read_integer(peer.get("persistent_keepalive", 0), "persistent_keepalive"),
            "latest_handshake": (
                None if age is None else max(0, self._now - read_integer(age, "latest_handshake_age", high=high))
            ),
            "transfer_rx": read_integer(peer.get("transfer_rx"), "transfer_rx"),
            "transfer_tx": read_integer(peer.get("transfer_tx"), "transfer_tx"),
        }


def _list_drift(drift: HostDrift, interface: str, interfaces: Sequence[str]) -> list[dict[str, Any]] | None:
    """List what the host lacks for one of its interfaces. What belongs to none of them is listed with the first one."""
    if drift.state not in ("planned", "drift"):
        return None
    stems = {interface: f"/{interface}." for interface in interfaces}
    return [
        {
            "action": lack.action,
            "peer": lack.peer or lack.public_key,
            "attribute": lack.file or lack.attribute,
            "before": lack.before,
            "after": lack.after,
        }
        for lack in drift.operations
        if (lack.interface or _owner(lack.file or "", stems) or interfaces[0]) == interface
    ]


def _owner(file: str, stems: Mapping[str, str]) -> str | None:
    return next((interface for interface, stem in stems.items() if stem in file), None)


def sum_up(states: Iterable[State]) -> State:
    """Down if one of them is, else up if one of them is."""
    found = set(states)
    return DOWN if DOWN in found else UP if UP in found else UNKNOWN


def _describe_silence(answer: Answer, what: str = NO_ANSWER) -> str:
    message = answer.get("msg")
    return f"{what}: {one_line(message, 200)}" if isinstance(message, str) and message else what


def _of_interface(answer: Mapping[str, Answer] | InputError, interface: str) -> Answer:
    if isinstance(answer, InputError):
        raise answer
    return read_mapping(answer.get(interface, {}), interface)


def _read_pings(results: object) -> dict[str, list[_Ping]]:
    """Return the pings by the name of the peer, which is only compared with the plan's."""
    pings: dict[str, list[_Ping]] = {}
    for each in read_mappings(results, "results"):
        rtt, address = each.get("rtt_ms"), each.get("address")
        reachable = read_flag(each.get("reachable"), "reachable")
        milliseconds = None if rtt is None else round(float(read_number(rtt, "rtt_ms", high=1e9)), 3)
        result: PingResult | None = None
        if address is not None:
            result = {"address": read_text(address, "address"), "reachable": reachable, "rtt_ms": milliseconds}
        pings.setdefault(read_text(each.get("name"), "name"), []).append(_Ping(result, reachable))
    return pings


def _read_versions(value: object) -> dict[str, str]:
    versions = read_mapping(value, "versions")
    if len(versions) > _MOST_VERSIONS:
        raise refused("versions", len(versions), f"more than {_MOST_VERSIONS} entries")
    return {
        read_text(name, "versions"): read_text(versions[name], f"versions.{name}") for name in sorted(versions, key=str)
    }


def _judge_clients(members: Iterable[MemberStatus], tunnels: Iterable[TunnelStatus]) -> list[MemberStatus]:
    """Give each client the state that its peers see."""
    seen: dict[Key, list[State]] = {}
    for tunnel in tunnels:
        seen.setdefault((tunnel["network"], tunnel["peer"]), []).append(tunnel["state"])
    return [
        {**member, "state": sum_up(seen.get((member["network"], member["name"]), ()))}
        if member["kind"] == "client" and member["state"] != EXPIRED
        else member
        for member in members
    ]
