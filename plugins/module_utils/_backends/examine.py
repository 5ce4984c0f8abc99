# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examine an interface whose tunnels may not carry traffic: what runs, and what happens to real packets.

Nothing on the host is changed. Pings go into the tunnels, which makes the kernel start handshakes, and meanwhile a
capture sees which of WireGuard's packets leave and arrive. What is found is judged on the controller, next to the
answers of the other ends. No key but public ones is in the result. Of a preshared key it has a hash that is another
one in each run, and that both ends have in common.
"""

from __future__ import annotations

import hmac
import json
import select
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, NamedTuple

from .._host.boot import starts_at_boot
from .._host.capture import Capture, Sighting
from .._host.echo import Echo
from .._host.programs import find_program, run_program
from .._host.reader import HostReader
from .._host.resolve import Resolver
from .._host.trigger_handshake import trigger_handshakes
from .._host.udp_ports import port_holders
from .._host.ways import find_refused, find_ways, outer_link, read_forwarding
from .._model.endpoint import Endpoint, parse_endpoint
from .._model.interface import RunningPeer
from .._model.keys import PublicKey, parse_public_key
from .._model.names import parse_interface_name, parse_netns
from .._model.own_table import own_table_label
from .._model.parts import Part
from .._model.prefix import Prefix, format_ip, parse_interface_address, parse_prefix, sort_prefixes
from .._model.state import RunningState
from .._netlink.errors import KernelError
from .._netlink.namespace import bind_to_netns, in_netns, netns_exists
from .._netlink.rtnetlink import RouteNetlink
from .._options.values import parse_number
from .obstacles import find_dropping_rules, list_families, list_links

_PARTS = frozenset({Part.INTERFACE, Part.NETFILTER})
_DIGEST_CHARACTERS = 32
_PAUSE_SECONDS = 0.2
_HEAD_START_SECONDS = 1.0


class AskedPeer(NamedTuple):
    """A peer to examine. ``addresses`` are pinged. ``prefixes`` should be routed into the tunnel. It has one of
    ``keys``."""

    name: str
    keys: tuple[PublicKey, ...]
    endpoint: Endpoint | None
    addresses: tuple[bytes, ...]
    prefixes: tuple[Prefix, ...]


class Question(NamedTuple):
    """What to examine of one interface. ``listen_port`` 0 is any. ``nonce``: of this run, for hashes."""

    interface: str
    netns: str
    birth_netns: str
    listen_port: int
    forwards: bool
    nonce: str
    peers: tuple[AskedPeer, ...]


def examine_all(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One answer for each of ``interfaces``, in order; all are examined at the same time, for ``seconds``.

    Raises InputError and KernelError.
    """
    seconds = parse_number(options["seconds"], "seconds", 1, 120) or 0
    questions = [_parse(entry, f"interfaces[{place}]") for place, entry in enumerate(options["interfaces"])]
    if not questions:
        return []
    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(lambda question: examine_interface(question, seconds), questions))


def _parse(entry: Mapping[str, Any], path: str) -> Question:
    netns, birth = (parse_netns(entry.get(name), f"{path}.{name}") for name in ("netns", "birth_netns"))
    return Question(
        parse_interface_name(entry["interface"]),
        netns,
        birth,
        parse_number(entry.get("listen_port"), f"{path}.listen_port", 0, 65535) or 0,
        bool(entry.get("forwards")),
        str(entry["nonce"]),
        tuple(_parse_peer(peer, f"{path}.peers[{place}]") for place, peer in enumerate(entry["peers"])),
    )


def _parse_peer(peer: Mapping[str, Any], path: str) -> AskedPeer:
    endpoint = peer.get("endpoint")
    return AskedPeer(
        str(peer["name"]),
        tuple(parse_public_key(key, f"{path}.public_keys") for key in peer["public_keys"]),
        parse_endpoint(endpoint, f"{path}.endpoint") if endpoint else None,
        tuple(parse_interface_address(each, f"{path}.addresses").packed for each in peer.get("addresses") or ()),
        tuple(parse_prefix(each, f"{path}.prefixes") for each in peer.get("prefixes") or ()),
    )


def examine_interface(question: Question, seconds: float) -> dict[str, Any]:
    """The answer for one interface, from the namespace of the calling thread. Raises KernelError."""
    name = question.interface
    kind = _read_kind(question)
    answer: dict[str, Any] = {"interface": name, "kind": kind, "at_boot": starts_at_boot(name)}
    if kind != "wireguard":
        return {**answer, "started": time.time(), "ended": time.time(), "holders": []}
    reader = HostReader(question.netns, question.birth_netns)
    before = reader.read(name, _PARTS)
    denied = _count_denied(question)
    started = time.time()
    live = _watch(question, before, seconds)
    ended = time.time()
    answer |= _describe(question, before, reader.read(name, _PARTS), live)
    return {**answer, "started": started, "ended": ended, "denied": max(0, _count_denied(question) - denied)}


def _read_kind(question: Question) -> str:
    """The kind of the interface; empty for none, as where its namespace does not exist."""
    if not netns_exists(question.netns):
        return ""
    with in_netns(question.netns), RouteNetlink() as netlink:
        link = netlink.link(question.interface)
        return link.kind if link else ""


class _Live(NamedTuple):
    """What the live part saw; ``sightings`` is None if this process may not capture."""

    sightings: list[Sighting] | None
    answered: Mapping[bytes, int]


def _watch(question: Question, state: RunningState, seconds: float) -> _Live:
    """Send pings and capture for so many seconds; half of that if all is answered sooner."""
    port = state.device.listen_port or question.listen_port
    addresses = [address for peer in question.peers for address in peer.addresses] if state.up else []
    capture: Capture | None = None
    echo: Echo | None = None
    with ExitStack() as stack:
        with suppress(OSError), in_netns(question.birth_netns):
            capture = stack.enter_context(Capture(port))
        with suppress(OSError), in_netns(question.netns):
            echo = Echo(question.interface, addresses, state.mtu)
            stack.callback(echo.close)
        readable: list[Any] = [*([capture] if capture else []), *(echo.sockets if echo else [])]
        silent = _without_ping(question, state) if state.up else []
        begin = time.monotonic()
        while True:
            passed = time.monotonic() - begin
            if passed > seconds or (passed > seconds / 2 and addresses and echo and echo.is_done):
                break
            # The other ends have begun to watch by then.
            if passed >= _HEAD_START_SECONDS:
                trigger_handshakes(question.netns, state, silent)
                silent = []
                if echo:
                    echo.send(time.monotonic())
            select.select(readable, (), (), _PAUSE_SECONDS)
            for each in (capture, echo):
                if each:
                    each.read()
        largest = {address: echo.largest(address) for address in addresses} if echo else {}
        return _Live(capture.seen if capture else None, largest)


def _without_ping(question: Question, state: RunningState) -> list[PublicKey]:
    """The peers to which no ping goes: their allowed IPs hold none of the addresses, or there is none to ping."""
    found = []
    for asked in question.peers:
        for peer in _running(asked, state):
            hosts = (Prefix(address, 8 * len(address)) for address in asked.addresses)
            if not any(prefix.covers(host) for host in hosts for prefix in peer.allowed_ips):
                found.append(peer.public_key)
    return found


def _running(asked: AskedPeer, state: RunningState) -> list[RunningPeer]:
    return [state.device.peers[key] for key in asked.keys if key in state.device.peers]


def _describe(question: Question, before: RunningState, after: RunningState, live: _Live) -> dict[str, Any]:
    device = after.device
    port = device.listen_port or question.listen_port
    prefixes = [prefix for peer in question.peers for prefix in peer.prefixes]
    ways = bind_to_netns(question.netns, find_ways)(after, prefixes)
    in_netns_of_sockets = partial(bind_to_netns, question.birth_netns)
    return {
        "up": after.up,
        "mtu": after.mtu,
        "public_key": str(device.public_key) if device.public_key and device.private_key else "",
        "listen_port": device.listen_port,
        "addresses": [str(address) for address in after.addresses],
        "holders": in_netns_of_sockets(port_holders)(port if after.up else question.listen_port or port),
        "peers": [
            entry for asked in question.peers for entry in _describe_peers(question, asked, before, after, live, ways)
        ],
        "names": in_netns_of_sockets(_look_up)(question.peers),
        "sightings": None if live.sightings is None else [list(each) for each in live.sightings],
        "refused": in_netns_of_sockets(find_refused)(live.sightings or (), before),
        "forwarding": bind_to_netns(question.netns, read_forwarding)(),
        "port_drops": in_netns_of_sockets(_port_drops)(question.interface, port),
        "forward_drops": bind_to_netns(question.netns, _forward_drops)(question) if question.forwards else [],
    }


def _describe_peers(
    question: Question,
    asked: AskedPeer,
    before: RunningState,
    after: RunningState,
    live: _Live,
    ways: Mapping[Prefix, dict[str, str]],
) -> list[dict[str, Any]]:
    """One entry, or two while the peer changes its key."""
    pings = [{"address": format_ip(each), "size": live.answered.get(each, 0)} for each in asked.addresses]
    shared = {
        "name": asked.name,
        "pings": pings,
        "ways": [ways[prefix] for prefix in asked.prefixes],
    }
    running = _running(asked, after)
    if not running:
        return [{**shared, "public_key": "", "instead": _holder_of(asked, after)}]
    return [
        {
            **shared,
            **_describe_peer(question, each, before.device.peers.get(each.public_key), after),
            "outer": bind_to_netns(question.birth_netns, outer_link)(each.endpoint, after.device.fwmark),
        }
        for each in running
    ]


def _describe_peer(
    question: Question, peer: RunningPeer, earlier: RunningPeer | None, state: RunningState
) -> dict[str, Any]:
    own = state.device.public_key or PublicKey(b"")
    return {
        "public_key": str(peer.public_key),
        "preshared": digest_preshared_key(question.nonce, peer, own),
        "endpoint": str(peer.endpoint) if peer.endpoint else "",
        "endpoint_before": str(earlier.endpoint) if earlier and earlier.endpoint else "",
        "allowed_ips": [str(prefix) for prefix in sort_prefixes(peer.allowed_ips)],
        "persistent_keepalive": peer.persistent_keepalive,
        "latest_handshake": peer.latest_handshake,
        "received": max(0, peer.transfer_rx - (earlier.transfer_rx if earlier else 0)),
    }


def digest_preshared_key(nonce: str, peer: RunningPeer, own: PublicKey) -> str:
    """A hash that is equal at both ends if their preshared keys are; empty for none. It is of no use elsewhere: the
    nonce of the run and both public keys are in it, and a preshared key is too long to be guessed."""
    if not peer.preshared_key:
        return ""
    text = b"\0".join([b"cryptokey.wireguard doctor", nonce.encode(), *sorted((bytes(own), bytes(peer.public_key)))])
    return hmac.new(peer.preshared_key.reveal_bytes(), text, "sha256").hexdigest()[:_DIGEST_CHARACTERS]


def _holder_of(asked: AskedPeer, state: RunningState) -> str:
    """The key of the peer that has a prefix of one that is missing."""
    holders = (peer for peer in state.device.peers.values() if not peer.allowed_ips.isdisjoint(asked.prefixes))
    return next((str(peer.public_key) for peer in holders), "")


def _look_up(peers: Iterable[AskedPeer]) -> list[dict[str, Any]]:
    """The addresses of each endpoint that is a name."""
    named = [(peer.name, peer.endpoint) for peer in peers if peer.endpoint and not peer.endpoint.is_literal]
    resolver = Resolver()
    resolver.look_up(endpoint for _name, endpoint in named)
    return [{"name": name, "addresses": [str(each) for each in resolver(endpoint, name)]} for name, endpoint in named]


def _port_drops(interface: str, port: int) -> list[str]:
    found = find_dropping_rules(interface, [([], port, None)]) if port else None
    return found[0] if found else []


def _forward_drops(question: Question) -> list[str]:
    prefixes = [{"addresses": [str(prefix) for peer in question.peers for prefix in peer.prefixes]}]
    families = list_families(prefixes[0])
    found = find_dropping_rules(question.interface, [(families, 0, list_links(question.interface))])
    return found[0] if found else []


def _count_denied(question: Question) -> int:
    """How many packets the access rules have dropped so far; 0 without rules."""
    nft = find_program("nft")
    if nft is None:
        return 0
    command = [nft, "-j", "list", "counter", *own_table_label(question.interface).split(), "denied"]
    try:
        with in_netns(question.netns):
            done = run_program(command, "read how many packets the access rules dropped")
        counters = [each["counter"]["packets"] for each in json.loads(done.output)["nftables"] if "counter" in each]
        return int(sum(counters))
    except (KernelError, KeyError, TypeError, ValueError):
        return 0
