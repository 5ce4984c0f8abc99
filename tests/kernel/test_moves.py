# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefixes, keys and ports that change hands on live tunnels: in the order that loses least, and never others' packets.

A hub, 192.0.N.1 on the cable to each of three spokes, of which the last takes no part in any change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    described,
    key_of,
    make_hosts,
    peer_options,
    strangers,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect
from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping


class Network(NamedTuple):
    hub: Host
    one: Host
    two: Host
    other: Host

    def spokes(self) -> dict[int, Host]:
        return {1: self.one, 2: self.two, 3: self.other}

    def hub_options(self, *peers: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The hub's options with the peers given instead of the first spokes' own."""
        return {"listen_port": 51820, "addresses": ["10.9.0.254/24"], "peers": [*peers, spoke(3, self.other)], **more}

    def spoke_options(self, number: int, port: int = 51820, **hub: Any) -> dict[str, Any]:
        peer = peer_options(self.hub, endpoint=f"192.0.{number}.1:{port}", allowed_ips=["10.9.0.254/32"], **hub)
        return {"listen_port": 51820, "addresses": [f"10.9.0.{number}/24"], "peers": [peer]}


def spoke(number: int, host: Host, *more: str, **options: Any) -> dict[str, Any]:
    """The hub's options for a spoke, with its own address and more prefixes."""
    return peer_options(host, allowed_ips=[f"10.9.0.{number}/32", *more], **options)


@pytest.fixture
def network() -> Iterator[Network]:
    with make_hosts("hub", "one", "two", "other") as hosts:
        made = Network(*hosts)
        made.hub.converge(**made.hub_options(spoke(1, made.one), spoke(2, made.two)))
        for number, host in made.spokes().items():
            connect(made.hub, f"192.0.{number}.1/24", host, f"192.0.{number}.2/24")
            host.converge(**made.spoke_options(number))
            host.ping("10.9.0.254", 1)
        yield made


def lost(steps: Callable[[], object], *hosts: Host) -> list[int]:
    """How many packets each host's ping of the hub loses while the steps are taken; each sends 50 at least."""
    pings = [Ping(host, "10.9.0.254") for host in hosts]
    for ping in pings:
        ping.__enter__()
    try:
        steps()
    finally:
        for ping in pings:
            ping.__exit__()
    assert min(ping.sent for ping in pings) >= 50
    return [ping.lost for ping in pings]


def test_prefixes_that_move_and_swap_cost_no_peer_a_packet(network: Network) -> None:
    hub, one, two, other = network
    steps = [
        ("10.50.0.0/24", None, ["one add 10.50.0.0/24"]),
        (None, "10.50.0.0/24", ["two add 10.50.0.0/24"]),
        ("10.51.0.0/24", "10.50.0.0/24", ["one add 10.51.0.0/24"]),
        ("10.50.0.0/24", "10.51.0.0/24", ["one add 10.50.0.0/24", "two add 10.51.0.0/24"]),
        (None, "10.51.0.0/25", ["one remove 10.50.0.0/24", "two remove 10.51.0.0/24", "two add 10.51.0.0/25"]),
    ]

    def take() -> None:
        for first, second, expected in steps:
            peers = spoke(1, one, *filter(None, [first])), spoke(2, two, *filter(None, [second]))
            done = described(hub.converge(**network.hub_options(*peers, table="off")))
            short = [re.sub(r"peer (\w+) \(.*\): (\w+) allowed_ips", r"\1 \2", operation) for operation in done]
            assert sorted(short) == sorted(expected)

    assert lost(take, one, two, other) == [0, 0, 0]


def test_an_address_that_moves_is_at_its_new_owner_at_once(network: Network) -> None:
    """Two hosts that stand for each other: the second already has the address that is given to it."""
    hub, one, two, other = network
    two.run("ip", "address", "add", "10.77.0.1/32", "dev", "wg0")
    one.run("ip", "address", "add", "10.77.0.1/32", "dev", "wg0")
    hub.converge(**network.hub_options(spoke(1, one, "10.77.0.1/32"), spoke(2, two)))
    with Ping(hub, "10.77.0.1") as ping:
        take_over = network.hub_options(spoke(1, one), spoke(2, two, "10.77.0.1/32"))
        back = network.hub_options(spoke(1, one, "10.77.0.1/32"), spoke(2, two))
        before = hub.peer(two).transfer_tx
        assert lost(lambda: [hub.converge(**options) for options in (take_over, back, take_over)], other) == [0]
    # An answer of the old owner that arrives after the move is refused: at most one for each move.
    assert ping.lost <= 3
    assert ping.sent >= 50
    assert hub.peer(two).transfer_tx > before


def test_a_replaced_key_keeps_its_address_and_costs_others_nothing(network: Network) -> None:
    """The hub learns the new key first. What the spoke sends until it has the key too is lost; nothing after that."""
    hub, one, two, other = network
    new_key = key_of("one, renewed")
    renewed = {**spoke(1, one), "public_key": str(public_key_of(new_key))}

    def replace_at_hub() -> None:
        done = described(hub.converge(**network.hub_options(renewed, spoke(2, two))))
        assert done == [
            f"peer one ({renewed['public_key']}): add, add allowed_ips 10.9.0.1/32",
            f"peer {one.public_key}: remove",
        ]

    def replace_at_spoke() -> None:
        done = described(one.converge(private_key=new_key, **network.spoke_options(1)))
        assert done == ["set private_key"]

    def replace() -> None:
        replace_at_hub()
        replace_at_spoke()

    assert lost(replace, two, other) == [0, 0]
    with Ping(one, "10.9.0.254") as ping:
        pass
    assert (ping.lost, ping.sent >= 5) == (0, True)  # it runs for a second
    assert described(hub.converge(**network.hub_options(renewed, spoke(2, two)))) == []


def test_a_new_private_key_keeps_every_peer_and_another_interfaces_packets(network: Network) -> None:
    """The sessions of the interface itself end with its key; those of the host's other interfaces do not."""
    hub, one, two, other = network
    hub.converge(interface="wg1", listen_port=51999, addresses=["10.10.0.254/24"],
                 peers=[peer_options(two, allowed_ips=["10.10.0.2/32"])])  # fmt: skip
    second = peer_options(hub, endpoint="192.0.2.1:51999", allowed_ips=["10.10.0.254/32"])
    two.converge(interface="wg1", listen_port=51999, addresses=["10.10.0.2/24"], peers=[second])
    two.ping("10.10.0.254")
    new_key = key_of("hub, renewed")
    options = network.hub_options(spoke(1, one), spoke(2, two))
    with Ping(two, "10.10.0.254") as ping:
        done = described(hub.converge(private_key=new_key, **options))
        assert done == ["set private_key"]
        for number, host in network.spokes().items():
            told = network.spoke_options(number, public_key=str(public_key_of(new_key)))
            assert len(described(host.converge(**told))) == 2
            host.ping("10.9.0.254", 1)
    assert (ping.lost, ping.sent >= 50) == (0, True)
    assert set(hub.read().device.peers) == {one.public_key, two.public_key, other.public_key}
    assert described(hub.converge(private_key=new_key, **options)) == []


def test_two_interfaces_that_swap_keys_with_a_peer_lose_no_peer(network: Network) -> None:
    """Setting a private key makes the kernel remove the peer that has it: one that stays wanted is told of."""
    hub, one, two, _other = network
    hub.converge(**network.hub_options(spoke(1, one), spoke(2, two)))
    options = network.hub_options({**spoke(1, one), "public_key": str(hub.public_key)}, spoke(2, two))
    done = described(hub.converge(private_key=one.private_key, **options))
    assert done[0] == "set private_key"
    assert described(hub.converge(private_key=one.private_key, **options)) == []
    assert set(hub.read().device.peers) == {hub.public_key, two.public_key, network.other.public_key}


def test_a_new_port_costs_at_most_the_reply_that_is_on_its_way(network: Network) -> None:
    """The hub's packets come from its new port, and a spoke follows the first of them."""
    hub, one, two, _other = network
    numbers = (51900, 51901, 51820)
    pings = [Ping(hub, f"10.9.0.{number}") for number in network.spokes()]
    for ping in pings:
        ping.__enter__()
    for number in numbers:
        options = network.hub_options(spoke(1, one), spoke(2, two), listen_port=number)
        assert described(hub.converge(**options)) == [f"set listen_port {number}"]
    for ping in pings:
        ping.__exit__()
    assert max(ping.lost for ping in pings) <= len(numbers)
    assert min(ping.sent for ping in pings) >= 50


def test_many_changes_at_once_cost_the_uninvolved_nothing(network: Network) -> None:
    hub, one, two, other = network
    crowd = strangers(600)
    renewed = {**spoke(1, one), "public_key": str(public_key_of(key_of("one, renewed")))}
    first = network.hub_options(spoke(1, one), spoke(2, two), *crowd[:400], table="off")
    second = network.hub_options(
        renewed,
        spoke(2, two, "10.50.0.0/24", persistent_keepalive=10),
        *({**peer, "persistent_keepalive": 5} for peer in crowd[200:]),
        table="off",
        listen_port=51820,
        fwmark=7,
        mtu=1380,
        addresses=["10.9.0.254/24", "10.9.1.254/32"],
    )
    assert lost(lambda: [hub.converge(**options) for options in (first, second, first, second)], two, other) == [0, 0]
