# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live tunnels: a change that does not concern a peer costs it nothing."""

from __future__ import annotations

from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    described,
    make_hosts,
    peer_options,
    strangers,
    tunnel,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect
from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping


def up(left: Host, right: Host) -> None:
    for host, options in zip((left, right), tunnel(left, right)):
        host.converge(**options)
    left.ping("10.9.0.2")


def test_other_peers_come_and_go_without_a_lost_packet(pair: tuple[Host, Host]) -> None:
    left, right = pair
    up(left, right)
    _options, hub = tunnel(left, right)
    before = right.peer(left)
    with Ping(left, "10.9.0.2") as ping:
        for count in (1, 3, 0, 200, 2):
            right.converge(**{**hub, "peers": [*hub["peers"], *strangers(count, 3)]})
    assert (ping.lost, ping.sent > 50) == (0, True)
    after = right.peer(left)
    assert (after.latest_handshake, after.endpoint) == (before.latest_handshake, before.endpoint)


def test_a_live_peers_prefixes_come_and_go_without_a_lost_packet(pair: tuple[Host, Host]) -> None:
    left, right = pair
    up(left, right)
    _options, hub = tunnel(left, right)
    (peer,) = hub["peers"]
    with Ping(left, "10.9.0.2") as ping:
        for n in range(12):
            more = [f"10.50.{n}.{m}/32" for m in range(20)]
            right.converge(**{**hub, "peers": [{**peer, "allowed_ips": [*peer["allowed_ips"], *more]}]})
            right.converge(**hub)
    assert (ping.lost, ping.sent > 50) == (0, True)
    assert {str(prefix) for prefix in right.peer(left).allowed_ips} == {"10.9.0.1/32", "fd09::1/128"}
    assert list(right.read().device.peers) == [left.public_key]


def test_prefixes_swapped_between_others_cost_a_third_nothing(pair: tuple[Host, Host]) -> None:
    left, right = pair
    up(left, right)
    _options, hub = tunnel(left, right)
    one, two = strangers(2, 2)
    swapped = ({**one, "allowed_ips": two["allowed_ips"]}, {**two, "allowed_ips": one["allowed_ips"]})
    right.converge(**{**hub, "peers": [*hub["peers"], one, two]})
    with Ping(left, "10.9.0.2") as ping:
        done = described(right.converge(**{**hub, "peers": [*hub["peers"], *swapped]}))
    assert ping.lost == 0
    assert len(done) == 2
    assert described(right.converge(**{**hub, "peers": [*hub["peers"], *swapped]})) == []


def test_a_session_survives_port_mtu_mark_and_preshared_key(pair: tuple[Host, Host]) -> None:
    left, right = pair
    up(left, right)
    options, _hub = tunnel(left, right)
    before = left.peer(right).latest_handshake
    with Ping(left, "10.9.0.2") as ping:
        left.converge(listen_port=40000, mtu=1300, fwmark="0x20", **options)
    assert ping.lost == 0
    assert left.peer(right).latest_handshake == before


def test_a_learned_endpoint_is_kept_while_it_serves(pair: tuple[Host, Host]) -> None:
    left, right = pair
    up(left, right)
    options, hub = tunnel(left, right)
    (peer,) = hub["peers"]
    hub["peers"] = [{**peer, "endpoint": "192.0.2.77:9"}]
    right.converge(**hub)
    left.ping("10.9.0.2")
    learned = right.peer(left).endpoint
    assert learned is not None
    assert str(learned).startswith("192.0.2.1:")
    assert described(right.converge(**hub)) == []
    left.converge(listen_port=40001, **options)
    left.ping("10.9.0.2")
    assert str(right.peer(left).endpoint) == "192.0.2.1:40001"
    assert described(right.converge(**hub)) == []
    hub["peers"] = [{**peer, "endpoint": "192.0.2.1:40001"}]
    assert described(right.converge(**hub)) == []


def test_two_spokes_meet_through_their_hub() -> None:
    with make_hosts("hub", "one", "two") as (hub, one, two):
        hub.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        spokes = dict(enumerate((one, two), 2))
        hub.converge(
            listen_port=51820,
            addresses=["10.9.0.1/24", "fd09::1/64"],
            peers=[
                peer_options(spoke, allowed_ips=[f"10.9.0.{n}/32", f"fd09::{n}/128"]) for n, spoke in spokes.items()
            ],
        )
        for n, spoke in spokes.items():
            connect(spoke, f"192.0.{n}.2/24", hub, f"192.0.{n}.1/24")
            peer = peer_options(hub, endpoint=f"192.0.{n}.1:51820", allowed_ips=["10.9.0.0/24", "fd09::/64"])
            spoke.converge(addresses=[f"10.9.0.{n}/24", f"fd09::{n}/64"], peers=[{**peer, "persistent_keepalive": 25}])
            spoke.ping("10.9.0.1")
        for address in ("10.9.0.1", "10.9.0.3", "fd09::1", "fd09::3"):
            one.ping(address)
