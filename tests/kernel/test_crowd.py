# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand peers: read whole while others change them, and told no more than what differs.

What a run tells the kernel is counted by strace from the bytes that it sends, not by the engine.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.wireguard import read_device
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey, parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
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

    def with_peer(self, number: int, **change: Any) -> dict[str, Any]:
        peers = list(self.options["peers"])
        peers[number] = {**peers[number], **change}
        return {**self.options, "peers": peers}


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
    """Prints, and returns, what the traced process told and asked the kernel."""
    with trace.open() as lines:
        found = counted(read_trace(lines), wireguard_family(host))
    print("netlink messages sent:", dict(sorted(found.items())))
    return found


def changes(found: Counter[str]) -> dict[str, int]:
    """Those that change something."""
    reads = ("WG_CMD_GET_DEVICE", "RTM_GET", "GENERIC control", "NETFILTER", "SOCK_DIAG")
    return {name: number for name, number in found.items() if name not in reads}


def test_all_of_them_are_written_and_read(crowd: Crowd) -> None:
    peers = crowd.read().device.peers
    assert [str(key) for key in peers] == [peer["public_key"] for peer in crowd.options["peers"]]
    assert {len(peer.allowed_ips) for peer in peers.values()} == {2}
    assert described(crowd.converge(**crowd.options)) == []


def test_no_change_is_no_message(crowd: Crowd, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert run_engine(crowd, tmp_path, trace, **crowd.options) == []
    found = sent(trace, crowd)
    assert changes(found) == {}
    assert found["WG_CMD_GET_DEVICE"] == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"persistent_keepalive": 25}, id="keepalive"),
        pytest.param({"allowed_ips": ["10.99.0.0/24", "10.39.15.0/32"]}, id="a prefix less and another moved"),
        pytest.param({"public_key": strangers(PEERS + 1)[PEERS]["public_key"]}, id="another key"),
    ],
)
def test_one_changed_peer_is_one_message(crowd: Crowd, tmp_path: Path, change: dict[str, Any]) -> None:
    options = crowd.with_peer(4321, **change)
    if "allowed_ips" in change:
        options["peers"][3855] = {**options["peers"][3855], "allowed_ips": ["10.15.15.1/32"]}
    trace = tmp_path / "trace"
    operations = run_engine(crowd, tmp_path, trace, **options)
    assert 1 <= len(operations) <= 3
    assert changes(sent(trace, crowd)) == {"WG_CMD_SET_DEVICE": 1}
    crowd.converge(**crowd.options)


def test_the_whole_module_tells_the_kernel_no_more(host: Host, tmp_path: Path) -> None:
    options = {
        "interface": "module0",
        "addresses": ["10.9.0.1/24", "fd09::1/64"],
        "peers": [
            {**peer, "endpoint": f"192.0.2.{n}:51820", "persistent_keepalive": 25}
            for n, peer in enumerate(strangers(5))
        ],
    }
    forget_endpoints()
    assert run_module(host, tmp_path, check_mode=True, **options)["changed"]
    assert run_module(host, tmp_path, **options)["changed"]
    trace = tmp_path / "trace"
    result = run_module(host, tmp_path, trace=trace, **options)
    assert (result["changed"], result["operations"]) == (False, [])
    assert changes(sent(trace, host)) == {}
    options["peers"][2]["persistent_keepalive"] = "off"
    assert run_module(host, tmp_path, trace=trace, **options)["changed"]
    assert changes(sent(trace, host)) == {"WG_CMD_SET_DEVICE": 1}


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
    """A prefix wanders between the first peer of the dump and the last one, and other peers come and go. Each dump has
    it just once; one that was torn by a change would have it twice or not at all."""
    first, last = (crowd.options["peers"][n]["public_key"] for n in (0, PEERS - 1))
    new = strangers(PEERS + 1)[PEERS]["public_key"]
    constant = {parse_public_key(peer["public_key"]) for peer in crowd.options["peers"]}
    wandering = parse_prefix("10.222.0.0/24")
    words = (
        f"peer {last} allowed-ips {wandering}",
        f"peer {new} allowed-ips 10.223.0.0/24",
        f"peer {first} allowed-ips {wandering}",
        f"peer {new} remove",
    )
    seen: set[PublicKey] = set()
    with others_busy(crowd, 0.1, *words), crowd.entered():
        for _attempt in range(12):
            peers = read_device("wg0").peers
            assert constant <= set(peers) <= constant | {parse_public_key(new)}
            owners = [key for key, peer in peers.items() if wandering in peer.allowed_ips]
            seen.update(owners)
            assert len(owners) <= 1
            assert owners or not seen
    assert {str(key) for key in seen} == {first, last}
    assert crowd.converge(**crowd.options).operations
    assert described(crowd.converge(**crowd.options)) == []


def test_a_dump_that_is_never_left_alone_is_given_up(crowd: Crowd) -> None:
    stranger = strangers(PEERS + 1)[PEERS]["public_key"]
    with (
        others_busy(crowd, 0, f"peer {stranger} persistent-keepalive 1", f"peer {stranger} persistent-keepalive 2"),
        crowd.entered(),
        pytest.raises(KernelError, match="changed under each of 20 attempts"),
    ):
        read_device("wg0")
    crowd.converge(**crowd.options)


def test_own_peers_are_changed_while_others_come_and_go(crowd: Crowd) -> None:
    stranger = strangers(PEERS + 1)[PEERS]["public_key"]
    own = crowd.options["peers"][77]
    with others_busy(crowd, 0.3, f"peer {stranger} allowed-ips 10.223.0.0/24", f"peer {stranger} remove"):
        for seconds in (10, 20, "off"):
            peer = {**own, "persistent_keepalive": seconds}
            done = described(crowd.converge(peers=[peer], peers_mode="merge", table="off"))
            assert done == [f"peer {own['public_key']}: set persistent_keepalive {seconds}"]
    crowd.converge(**crowd.options)
    assert len(crowd.read().device.peers) == PEERS
