# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what hosts answer when they are examined. A host is not trusted: what it says is checked, and only compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    Prefix,
    parse_interface_address,
    parse_prefix,
)

from .._hosts.results import (
    one_line,
    read_choice,
    read_flag,
    read_integer,
    read_list,
    read_mapping,
    read_mappings,
    read_number,
    read_text,
    read_texts,
)

_LATEST = 1 << 40  # seconds
_NO_ANSWER = "it did not answer"


class Seen(NamedTuple):
    """A message of WireGuard that left the host or arrived there. ``session`` is a random number of its session."""

    leaves: bool
    host: str
    port: int
    link: str
    kind: int
    session: int

    @property
    def message(self) -> tuple[int, int]:
        """The same at both ends, whatever translates the addresses."""
        return self.kind, self.session


class Way(NamedTuple):
    """``link``: by which packets for the prefix leave, empty for none. ``owner``: the link whose network has it."""

    prefix: str
    link: str
    owner: str


class ExaminedPeer(NamedTuple):
    """A peer as it runs; ``public_key`` is empty for one that is missing, and ``instead`` then has its prefixes.

    ``pings``: address to the largest size that was answered, 0 for none. ``received``: bytes that it accepted
    from the peer meanwhile. ``outer``: the link to its endpoint.
    """

    public_key: str
    pings: Mapping[str, int]
    ways: Sequence[Way]
    instead: str = ""
    preshared: str = ""
    endpoint: Endpoint | None = None
    endpoint_before: Endpoint | None = None
    allowed_ips: frozenset[Prefix] = frozenset()
    persistent_keepalive: int = 0
    latest_handshake: float = 0.0
    received: int = 0
    outer: str = ""


class Examination(NamedTuple):
    """What a host answered for one interface. ``kind`` is empty if there is none. ``seen`` is None without capture."""

    kind: str
    started: float
    ended: float
    at_boot: bool | None
    holders: Sequence[str] = ()
    up: bool = False
    mtu: int = 0
    public_key: str = ""
    listen_port: int = 0
    addresses: frozenset[InterfaceAddress] = frozenset()
    peers: Mapping[str, Sequence[ExaminedPeer]] = {}
    names: Mapping[str, Sequence[str]] = {}
    seen: Sequence[Seen] | None = None
    refused: Mapping[str, tuple[str, str]] = {}
    forwarding: Mapping[str, bool] = {}
    port_drops: Sequence[str] = ()
    forward_drops: Sequence[str] = ()
    denied: int = 0


# Interface to its answer; or why there is none.
HostAnswer = Mapping[str, Examination] | str


def read_answers(
    questions: Mapping[str, Sequence[Mapping[str, Any]]], registered: Mapping[str, Any]
) -> dict[str, HostAnswer]:
    """Host to its answer. ``registered``: host to the result of its task. What is invalid fails that host alone."""
    return {host: _read_valid(registered.get(host), asked) for host, asked in questions.items()}


def _read_valid(registered: object, asked: Sequence[Mapping[str, Any]]) -> HostAnswer:
    try:
        return _read_host(registered, asked)
    except InputError as error:
        return str(error)


def _read_host(registered: object, asked: Sequence[Mapping[str, Any]]) -> HostAnswer:
    if registered is None:
        return _NO_ANSWER
    result = read_mapping(registered, "answer")
    if result.get("skipped"):
        return _NO_ANSWER
    if result.get("failed") or result.get("unreachable"):
        return one_line(str(result.get("msg") or _NO_ANSWER))
    found = list(read_mappings(result.get("results"), "results"))
    if len(found) != len(asked):
        raise InputError("results", len(found), "not one result for each interface", "check the host")
    return {
        question["interface"]: _read_interface(answer, question, f"results[{place}]")
        for place, (answer, question) in enumerate(zip(found, asked))
    }


def _read_interface(answer: Mapping[str, Any], question: Mapping[str, Any], where: str) -> Examination:
    names = [peer["name"] for peer in question["peers"]]
    at_boot = answer.get("at_boot")
    base = Examination(
        read_text(answer.get("kind"), f"{where}.kind"),
        read_number(answer.get("started"), f"{where}.started", high=_LATEST),
        read_number(answer.get("ended"), f"{where}.ended", high=_LATEST),
        None if at_boot is None else read_flag(at_boot, f"{where}.at_boot"),
        read_texts(answer.get("holders", []), f"{where}.holders"),
    )
    if base.kind != "wireguard":
        return base
    peers: dict[str, list[ExaminedPeer]] = {name: [] for name in names}
    for place, entry in enumerate(read_mappings(answer.get("peers"), f"{where}.peers")):
        path = f"{where}.peers[{place}]"
        peers[read_choice(entry.get("name"), f"{path}.name", names)].append(_read_peer(entry, path))
    forwarding = read_mapping(answer.get("forwarding"), f"{where}.forwarding")
    sightings = answer.get("sightings")
    return base._replace(
        up=read_flag(answer.get("up"), f"{where}.up"),
        mtu=read_integer(answer.get("mtu"), f"{where}.mtu", high=1 << 17),
        public_key=read_text(answer.get("public_key"), f"{where}.public_key", 44),
        listen_port=read_integer(answer.get("listen_port"), f"{where}.listen_port", high=65535),
        addresses=frozenset(
            parse_interface_address(each, f"{where}.addresses")
            for each in read_texts(answer.get("addresses"), f"{where}.addresses")
        ),
        peers=peers,
        names={
            read_choice(entry.get("name"), f"{where}.names.name", names): read_texts(
                entry.get("addresses"), f"{where}.names.addresses"
            )
            for entry in read_mappings(answer.get("names"), f"{where}.names")
        },
        seen=None if sightings is None else _read_sightings(sightings, f"{where}.sightings"),
        refused={
            read_text(entry.get("host"), f"{where}.refused.host"): (
                read_text(entry.get("link"), f"{where}.refused.link"),
                read_text(entry.get("back"), f"{where}.refused.back"),
            )
            for entry in read_mappings(answer.get("refused"), f"{where}.refused")
        },
        forwarding={name: read_flag(forwarding.get(name), f"{where}.forwarding.{name}") for name in ("ipv4", "ipv6")},
        port_drops=read_texts(answer.get("port_drops"), f"{where}.port_drops", 1000),
        forward_drops=read_texts(answer.get("forward_drops"), f"{where}.forward_drops", 1000),
        denied=read_integer(answer.get("denied"), f"{where}.denied"),
    )


def _read_peer(entry: Mapping[str, Any], where: str) -> ExaminedPeer:
    key = read_text(entry.get("public_key"), f"{where}.public_key", 44)
    pings = {
        read_text(ping.get("address"), f"{where}.pings.address"): read_integer(
            ping.get("size"), f"{where}.pings.size", high=1 << 17
        )
        for ping in read_mappings(entry.get("pings"), f"{where}.pings")
    }
    ways = [_read_way(way, f"{where}.ways") for way in read_mappings(entry.get("ways"), f"{where}.ways")]
    if not key:
        return ExaminedPeer(key, pings, ways, read_text(entry.get("instead"), f"{where}.instead", 44))
    return ExaminedPeer(
        key,
        pings,
        ways,
        "",
        read_text(entry.get("preshared"), f"{where}.preshared", 64),
        _read_endpoint(entry.get("endpoint"), f"{where}.endpoint"),
        _read_endpoint(entry.get("endpoint_before"), f"{where}.endpoint_before"),
        frozenset(parse_prefix(each) for each in read_texts(entry.get("allowed_ips"), f"{where}.allowed_ips")),
        read_integer(entry.get("persistent_keepalive"), f"{where}.persistent_keepalive", high=65535),
        read_number(entry.get("latest_handshake"), f"{where}.latest_handshake", high=_LATEST),
        read_integer(entry.get("received"), f"{where}.received"),
        read_text(entry.get("outer"), f"{where}.outer"),
    )


def _read_way(way: Mapping[str, Any], where: str) -> Way:
    """Its prefix stands in a command that people run, so it must be one."""
    prefix, link, owner = (read_text(way.get(name), f"{where}.{name}") for name in Way._fields)
    return Way(str(parse_prefix(prefix, f"{where}.prefix")), link, owner)


def _read_endpoint(value: object, where: str) -> Endpoint | None:
    text = read_text(value, where)
    return parse_endpoint(text, where) if text else None


def _read_sightings(value: object, where: str) -> list[Seen]:
    found = []
    for place, entry in enumerate(read_list(value, where)):
        path = f"{where}[{place}]"
        fields = read_list(entry, path)
        if len(fields) != len(Seen._fields):
            raise InputError(path, len(fields), f"not {len(Seen._fields)} values", "check the host")
        leaves, host, port, link, kind, session = fields
        found.append(
            Seen(
                read_flag(leaves, path),
                read_text(host, path),
                read_integer(port, path, high=65535),
                read_text(link, path),
                read_integer(kind, path, 1, 4),
                read_integer(session, path, high=(1 << 32) - 1),
            )
        )
    return found
