# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand peers: read whole while others change them, and told no more than what differs.

What a run tells the kernel is counted by strace from the bytes that it sends, not by the engine.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import is_
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    PresharedKey,
    PublicKey,
    parse_public_key,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import AddPeer, SetPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_peers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.compare import find_proven
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import DeviceDecoder
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.family import apply_operations
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.reading import read_device
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, described, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import (
    counted,
    forget_endpoints,
    read_trace,
    run_engine,
    run_module,
    wireguard_family,
)

PEERS = 10_000


class Crowd(Host):
    """A host with ten thousand peers on wg0, and the options that made them so."""

    options: dict[str, Any]

    def change_peer(self, number: int, **change: Any) -> None:
        self.options["peers"][number] |= change


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    made = Crowd("crowd")
    made.create()
    made.options = {"listen_port": 51820, "table": "off", "addresses": ["10.9.0.1/24"], "peers": strangers(PEERS, 2)}
    made.converge(**made.options)
    yield made
    made.remove()
    made.delete()


def sent(trace: Path, host: Host) -> Counter[str]:
    with trace.open() as lines:
        return counted(read_trace(lines), wireguard_family(host))


def changes(found: Counter[str]) -> dict[str, int]:
    """Those that change something."""
    reads = ("WG_CMD_GET_DEVICE", "RTM_GET", "GENERIC control", "NETFILTER", "SOCK_DIAG")
    return {name: number for name, number in found.items() if name not in reads}


def test_all_of_them_are_written_and_read(crowd: Crowd) -> None:
    peers = crowd.read().device.peers
    assert {str(key): len(peer.allowed_ips) for key, peer in peers.items()} == {
        peer["public_key"]: 2 for peer in crowd.options["peers"]
    }
    assert len(peers) == PEERS


def test_peers_that_are_as_wanted_are_found_so_without_decoding_them(crowd: Crowd) -> None:
    with crowd.entered():
        peers = read_device("wg0", DeviceDecoder()).peers
    proven = find_proven(peers, parse_peers(crowd.options["peers"]))
    assert proven
    assert (len(proven.keys), len(proven.others)) == (PEERS, 0)
    assert "_peers" not in vars(peers)


def test_the_dump_has_new_peers_as_they_are_foretold(host: Host) -> None:
    host.converge(addresses=["10.9.0.1/24"], peers=[])
    plain = RunningPeer(PublicKey(b"k" * 32), allowed_ips=frozenset({Prefix(bytes([10, 9, 0, 2]), 32)}))
    peers = [
        plain,
        plain._replace(public_key=PublicKey(b"l" * 32), allowed_ips=frozenset(), preshared_key=PresharedKey(b"p" * 32)),
        plain._replace(
            public_key=PublicKey(b"m" * 32),
            endpoint=Endpoint("192.0.2.9", 51820),
            allowed_ips=frozenset(map(parse_prefix, ("fd00::/64", "10.8.0.0/24", "10.7.0.1/32", "fd00:1::1/128"))),
        ),
        plain._replace(
            public_key=PublicKey(b"n" * 32),
            endpoint=Endpoint("2001:db8::1", 9),
            allowed_ips=frozenset({parse_prefix("fd01::/16")}),
        ),
    ]
    decoder = DeviceDecoder()
    with host.entered():
        apply_operations("wg0", list(map(AddPeer, peers)), decoder=decoder)
        read = list(read_device("wg0", decoder).peers.values())
    assert read == peers
    assert all(map(is_, read, peers))


def test_no_change_is_no_message(crowd: Crowd, tmp_path: Path, say: Callable[[str], None]) -> None:
    trace = tmp_path / "trace"
    assert run_engine(crowd, tmp_path, trace, **crowd.options) == []
    found = sent(trace, crowd)
    say(f"no change of {PEERS} peers: {dict(found)}")
    assert changes(found) == {}
    assert found["WG_CMD_GET_DEVICE"] >= 1


def test_a_changed_peer_is_one_message(crowd: Crowd, tmp_path: Path, say: Callable[[str], None]) -> None:
    trace = tmp_path / "trace"
    one, other = 4321, 15 * 256 + 15
    own = crowd.options["peers"][one]["allowed_ips"]
    moved = {one: {"allowed_ips": [*own, "10.99.0.0/24", "10.15.15.0/32"]}, other: {"allowed_ips": ["10.15.15.1/32"]}}
    for title, change in (
        ("keepalive", {one: {"persistent_keepalive": 25}}),
        ("prefixes added and moved", moved),
        ("prefixes removed", {one: {"allowed_ips": ["10.99.0.0/24"]}}),
        ("another key", {one: {"public_key": strangers(PEERS + 1)[PEERS]["public_key"]}}),
    ):
        for number, what in change.items():
            crowd.change_peer(number, **what)
        assert 1 <= len(run_engine(crowd, tmp_path, trace, **crowd.options)) <= 3
        found = sent(trace, crowd)
        say(f"one of {PEERS} peers changed, {title}: {dict(found)}")
        assert changes(found) == {"WG_CMD_SET_DEVICE": 1}


def test_the_whole_module_tells_the_kernel_no_more(host: Host, tmp_path: Path, say: Callable[[str], None]) -> None:
    options: dict[str, Any] = {
        "interface": "module0",
        "addresses": ["10.9.0.1/24", "fd09::1/64"],
        "peers": [{**peer, "endpoint": "192.0.2.9:51820", "persistent_keepalive": 25} for peer in strangers(5)],
    }
    forget_endpoints()
    trace = tmp_path / "trace"
    assert run_module(host, tmp_path, check_mode=True, trace=trace, **options)["changed"]
    assert changes(sent(trace, host)) == {}
    assert run_module(host, tmp_path, **options)["changed"]
    result = run_module(host, tmp_path, trace=trace, **options)
    assert (result["changed"], result["changes"], result["operations"]) == (False, [], [])
    found = sent(trace, host)
    say(f"the module, no change: {dict(found)}")
    assert changes(found) == {}
    options["peers"][2]["persistent_keepalive"] = "off"
    assert run_module(host, tmp_path, trace=trace, **options)["changed"]
    found = sent(trace, host)
    say(f"the module, one peer changed: {dict(found)}")
    assert changes(found) == {"WG_CMD_SET_DEVICE": 1}


@contextmanager
def others_busy(host: Host, pause: float, *arguments: str) -> Iterator[None]:
    """Somebody else runs `wg set wg0` with each of the arguments in turn, again and again."""
    lines = "\n".join(f"wg set wg0 {words} || exit 1; sleep {pause}" for words in arguments)
    process = subprocess.Popen(["ip", "netns", "exec", host.name, "bash", "-c", f"while :; do {lines}\ndone"])
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_what_is_read_while_others_change_it_is_of_one_moment(crowd: Crowd) -> None:
    """A prefix wanders between the first peer of the dump and the last one, and another peer comes and goes. Each dump
    has the prefix just once; one that was torn by a change would have it twice or not at all."""
    began = time.monotonic()
    constant = list(crowd.read().device.peers)
    # So that some dumps find the time for themselves, however slow the machine is.
    pause = max(0.1, 2 * (time.monotonic() - began))
    first, last, new = constant[0], constant[-1], strangers(PEERS + 2)[-1]["public_key"]
    wandering = parse_prefix("10.222.0.0/24")
    words = (
        f"peer {last} allowed-ips {wandering}",
        f"peer {new} allowed-ips 10.223.0.0/24",
        f"peer {first} allowed-ips {wandering}",
        f"peer {new} remove",
    )
    crowd.run("wg", "set", "wg0", *words[0].split())
    seen: set[PublicKey] = set()
    reads = 0
    with others_busy(crowd, pause, *words), crowd.entered():
        while reads < 6 or (len(seen) < 2 and reads < 50):
            peers = read_device("wg0", DeviceDecoder()).peers
            reads += 1
            assert set(constant) <= set(peers) <= {*constant, parse_public_key(new)}
            owners = [key for key, peer in peers.items() if wandering in peer.allowed_ips]
            assert len(owners) == 1
            seen.update(owners)
    assert seen == {first, last}
    assert crowd.converge(**crowd.options).operations
    assert described(crowd.converge(**crowd.options)) == []


def test_own_peers_are_changed_while_others_come_and_go(crowd: Crowd) -> None:
    new = strangers(PEERS + 2)[-1]["public_key"]
    own = crowd.options["peers"][77]
    with others_busy(crowd, 0.3, f"peer {new} allowed-ips 10.223.0.0/24", f"peer {new} remove"):
        for seconds in (10, "off"):
            peer = {**own, "persistent_keepalive": seconds}
            done = described(crowd.converge(peers=[peer], peers_mode="merge", table="off"))
            assert done == [f"peer {own['public_key']}: set persistent_keepalive {seconds}"]


def test_a_dump_that_is_never_left_alone_is_given_up(crowd: Crowd) -> None:
    key = parse_public_key(crowd.options["peers"][0]["public_key"])

    def change_for_ever() -> None:
        while True:
            for seconds in (1, 0):
                apply_operations("wg0", [SetPeer(key, "", persistent_keepalive=seconds)])

    def read_fifty_times() -> None:
        """On a busy machine the other process may pause for long enough to let some be read."""
        for _time in range(50):
            read_device("wg0", DeviceDecoder())

    with crowd.entered():
        process = multiprocessing.get_context("fork").Process(target=change_for_ever)
        process.start()
        try:
            with pytest.raises(KernelError, match=r"changed during each of 20 attempts.*EINTR"):
                read_fifty_times()
        finally:
            process.kill()
            process.join()
        assert len(read_device("wg0", DeviceDecoder()).peers) >= PEERS
