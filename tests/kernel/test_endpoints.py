# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints on the real kernel: peers roam, hubs move, names change, and a run follows its rule."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    comparable,
    described,
    make_hosts,
    tunnel,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect

Names = Callable[..., None]
LATER = 181
LEFT, RIGHT = "10.9.0.1", "10.9.0.2"


@pytest.fixture
def names() -> Iterator[Names]:
    """``names(name, *addresses)`` has /etc/hosts of this machine, which all its namespaces share, say just that."""
    file = Path("/etc/hosts")
    before = file.read_text()

    def write(name: str, *addresses: str) -> None:
        file.write_text(before + "".join(f"\n{address} {name}" for address in addresses) + "\n")

    yield write
    file.write_text(before)


def options_with(options: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The options of an interface with one peer, something of that changed."""
    (peer,) = options["peers"]
    return {**options, "peers": [{**peer, **changes}]}


def once(host: Host, **options: Any) -> list[str]:
    """Check mode, the run, the run again: the first two say the same, the third nothing."""
    foretold = described(host.converge(check_mode=True, **options))
    done = described(host.converge(**options))
    assert foretold == done
    assert described(host.converge(**options)) == []
    return done


def set_to(host: Host, peer: Host, endpoint: str) -> list[str]:
    return [f"peer {peer.name} ({peer.public_key}): set endpoint {endpoint}"]


def endpoint_at(host: Host, peer: Host) -> str:
    return str(host.peer(peer).endpoint)


def shaken_hands(host: Host, peer: Host) -> float:
    return host.peer(peer).latest_handshake


def bring_up(left: Host, right: Host, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A tunnel that carries traffic; ``changes`` are of the left one's peer. Returns the options of both."""
    options, other = tunnel(left, right)
    options = options_with(options, **changes)
    right.converge(**other)
    left.converge(**options)
    left.ping(RIGHT)
    return options, other


def move(hub: Host) -> None:
    """The right host of a pair from 192.0.2.2 to 192.0.2.3."""
    hub.run("ip", "address", "delete", "192.0.2.2/24", "dev", "left")
    hub.run("ip", "address", "add", "192.0.2.3/24", "dev", "left")


# Roaming


@pytest.fixture
def behind_nat() -> Iterator[tuple[Host, Host, Host]]:
    """A spoke, its router that masquerades, and a hub that sees the router's 192.0.2.1 only."""
    with make_hosts("spoke", "router", "hub") as (spoke, router, hub):
        connect(spoke, "192.168.1.2/24", router, "192.168.1.1/24")
        connect(router, "192.0.2.1/24", hub, "192.0.2.2/24")
        spoke.run("ip", "route", "add", "default", "via", "192.168.1.1")
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        masquerade(router, 30000)
        yield spoke, router, hub


def masquerade(router: Host, port: int) -> None:
    """The router maps all UDP to this port of its own from now on, and forgets what it mapped before."""
    rules = f"ip protocol udp oifname hub masquerade to :{port}"
    router.run("nft", "add table ip nat; flush table ip nat")
    router.run("nft", "add chain ip nat after { type nat hook postrouting priority 100; }")
    router.run("nft", f"add rule ip nat after {rules}")
    router.run("conntrack", "-F")


def test_a_nat_that_picks_another_port_is_followed_and_left_alone(behind_nat: tuple[Host, Host, Host]) -> None:
    spoke, router, hub = behind_nat
    _options, hub_options = bring_up(spoke, hub)
    # The hub's operator wrote down what the NAT had once.
    hub_options = options_with(hub_options, endpoint="192.0.2.1:30000")
    assert once(hub, **hub_options) == []
    assert endpoint_at(hub, spoke) == "192.0.2.1:30000"
    before = shaken_hands(hub, spoke)
    masquerade(router, 31000)
    spoke.ping(RIGHT)
    hub.ping(LEFT)
    assert endpoint_at(hub, spoke) == "192.0.2.1:31000"
    assert once(hub, **hub_options) == []
    hub.ping(LEFT)
    assert (endpoint_at(hub, spoke), shaken_hands(hub, spoke)) == ("192.0.2.1:31000", before)


def test_a_spoke_that_changes_its_port_is_followed_and_left_alone(pair: tuple[Host, Host]) -> None:
    spoke, hub = pair
    options, hub_options = bring_up(spoke, hub)
    spoke.converge(listen_port=40000, **options)
    spoke.ping(RIGHT)
    hub_options = options_with(hub_options, endpoint="192.0.2.1:40000")
    assert once(hub, **hub_options) == []
    before = shaken_hands(hub, spoke)
    assert once(spoke, listen_port=40001, **options) == ["set listen_port 40001"]
    spoke.ping(RIGHT)
    assert endpoint_at(hub, spoke) == "192.0.2.1:40001"
    assert once(hub, **hub_options) == []
    hub.ping(LEFT)
    assert (endpoint_at(hub, spoke), shaken_hands(hub, spoke)) == ("192.0.2.1:40001", before)


def test_a_hub_that_moves_is_found_where_the_inventory_says(pair: tuple[Host, Host]) -> None:
    spoke, hub = pair
    options, _hub_options = bring_up(spoke, hub)
    before = shaken_hands(spoke, hub)
    move(hub)
    with pytest.raises(RuntimeError, match="100% packet loss"):
        spoke.run("ping", "-n", "-c", "1", "-W", "1", RIGHT)
    moved = options_with(options, endpoint="192.0.2.3:51820")
    # The last handshake is fresh, and yet: another endpoint is configured than was applied.
    assert once(spoke, **moved) == set_to(spoke, hub, "192.0.2.3:51820")
    spoke.ping(RIGHT)
    assert shaken_hands(spoke, hub) == before


def test_a_hub_that_moves_and_speaks_first_is_followed(pair: tuple[Host, Host]) -> None:
    spoke, hub = pair
    options, _hub_options = bring_up(spoke, hub)
    move(hub)
    hub.ping(LEFT)
    assert endpoint_at(spoke, hub) == "192.0.2.3:51820"
    assert once(spoke, **options) == []
    spoke.ping(RIGHT)
    # What the inventory says is what a dead peer goes back to.
    assert once(spoke, seconds_later=LATER, **options) == set_to(spoke, hub, "192.0.2.2:51820")


def test_a_dead_peer_is_set_again_and_lives(pair: tuple[Host, Host]) -> None:
    spoke, hub = pair
    options, _hub_options = bring_up(spoke, hub)
    before = shaken_hands(spoke, hub)
    spoke.run("wg", "set", "wg0", "peer", str(hub.public_key), "endpoint", "192.0.2.99:1")
    assert once(spoke, **options) == []
    assert once(spoke, seconds_later=LATER - 60, **options) == []
    assert once(spoke, seconds_later=LATER, **options) == set_to(spoke, hub, "192.0.2.2:51820")
    spoke.ping(RIGHT)
    assert shaken_hands(spoke, hub) == before


def test_a_peer_that_never_answered_is_set_again_and_answers(pair: tuple[Host, Host]) -> None:
    spoke, hub = pair
    options, hub_options = tunnel(spoke, hub)
    spoke.converge(**options)
    hub.converge(**hub_options)
    spoke.run("wg", "set", "wg0", "peer", str(hub.public_key), "endpoint", "192.0.2.99:1")
    assert once(spoke, **options) == set_to(spoke, hub, "192.0.2.2:51820")
    spoke.ping(RIGHT, count=8)
    assert shaken_hands(spoke, hub) > 0


def test_enforce_takes_a_roaming_peer_back(pair: tuple[Host, Host]) -> None:
    spoke, hub = pair
    bring_up(spoke, hub)
    _options, hub_options = tunnel(spoke, hub)
    strict = {**options_with(hub_options, endpoint="192.0.2.77:9"), "endpoint_policy": "enforce"}
    learned = endpoint_at(hub, spoke)
    assert shaken_hands(hub, spoke) > 0
    assert once(hub, **strict) == set_to(hub, spoke, "192.0.2.77:9")
    spoke.ping(RIGHT)
    assert endpoint_at(hub, spoke) == learned
    assert once(hub, **strict) == set_to(hub, spoke, "192.0.2.77:9")
    spoke.ping(RIGHT)
    assert once(hub, **{**strict, "endpoint_policy": "initial"}) == []
    where_it_is = options_with(strict, endpoint=learned)
    assert once(hub, **where_it_is) == []
    hub.ping(LEFT)


# Host names


def test_a_name_is_looked_up_for_a_dead_peer_and_not_for_a_live_one(pair: tuple[Host, Host], names: Names) -> None:
    spoke, hub = pair
    names("hub.test", "192.0.2.2")
    options, _hub_options = bring_up(spoke, hub, endpoint="hub.test:51820")
    assert endpoint_at(spoke, hub) == "192.0.2.2:51820"
    move(hub)
    names("hub.test", "192.0.2.3")
    assert once(spoke, **options) == []
    assert once(spoke, seconds_later=LATER, **options) == set_to(spoke, hub, "192.0.2.3:51820")
    spoke.ping(RIGHT)
    assert endpoint_at(spoke, hub) == "192.0.2.3:51820"


@pytest.mark.parametrize("policy", ["initial", "enforce"])
def test_any_of_several_addresses_will_do(pair: tuple[Host, Host], names: Names, policy: str) -> None:
    spoke, hub = pair
    hub.run("ip", "address", "add", "192.0.2.3/24", "dev", "left")
    addresses = ["192.0.2.3", "192.0.2.2"]
    names("hub.test", *addresses)
    options, _hub_options = bring_up(spoke, hub, endpoint="hub.test:51820")
    for later in (0, LATER):
        for order in (addresses, addresses[::-1]):
            names("hub.test", *order)
            assert once(spoke, seconds_later=later, endpoint_policy=policy, **options) == []
    names("hub.test", "192.0.2.9")
    expected = set_to(spoke, hub, "192.0.2.9:51820") if policy == "enforce" else []
    assert once(spoke, endpoint_policy=policy, **options) == expected


def test_the_family_that_the_host_can_use_is_taken(pair: tuple[Host, Host], names: Names) -> None:
    spoke, hub = pair
    names("hub.test", "2001:db8::2", "192.0.2.2")
    options, _hub_options = bring_up(spoke, hub, endpoint="hub.test:51820")
    assert endpoint_at(spoke, hub) == "192.0.2.2:51820"
    # IPv6 comes, and is preferred by whoever has to be called anew; then it goes.
    for host, address in ((spoke, "2001:db8::1/64"), (hub, "2001:db8::2/64")):
        host.run("ip", "address", "add", address, "dev", "right" if host is spoke else "left", "nodad")
    assert once(spoke, **options) == []
    assert once(spoke, seconds_later=LATER, **options) == set_to(spoke, hub, "[2001:db8::2]:51820")
    spoke.ping(RIGHT)
    spoke.run("ip", "address", "delete", "2001:db8::1/64", "dev", "right")
    assert once(spoke, **options) == []
    assert once(spoke, seconds_later=LATER, **options) == set_to(spoke, hub, "192.0.2.2:51820")
    spoke.ping(RIGHT)


def test_a_name_of_one_family_is_taken_though_there_is_no_way_to_it_yet(pair: tuple[Host, Host], names: Names) -> None:
    spoke, hub = pair
    names("hub.test", "2001:db8::2")
    options, hub_options = tunnel(spoke, hub)
    options = options_with(options, endpoint="hub.test:51820")
    hub.converge(**hub_options)
    spoke.converge(**options)
    assert endpoint_at(spoke, hub) == "[2001:db8::2]:51820"
    for host, address in ((spoke, "2001:db8::1/64"), (hub, "2001:db8::2/64")):
        host.run("ip", "address", "add", address, "dev", "right" if host is spoke else "left", "nodad")
    assert once(spoke, **options) == []
    spoke.ping(RIGHT, count=8)


def test_a_peer_whose_name_cannot_be_resolved_keeps_its_endpoint(pair: tuple[Host, Host], names: Names) -> None:
    spoke, hub = pair
    options, _hub_options = bring_up(spoke, hub)
    named = options_with(options, endpoint="hub.test:51820")
    for later in (0, LATER):
        assert once(spoke, seconds_later=later, **named) == []
        (warning,) = spoke.warnings
        assert f"peer right ({hub.public_key}): endpoint hub.test:51820 is not set" in warning
    spoke.ping(RIGHT)
    # It was never applied, so that it still is another than the one that was.
    names("hub.test", "192.0.2.9")
    assert once(spoke, **named) == set_to(spoke, hub, "192.0.2.9:51820")


def test_a_new_peer_whose_name_cannot_be_resolved_gets_its_endpoint_later(
    pair: tuple[Host, Host], names: Names
) -> None:
    spoke, hub = pair
    options, hub_options = tunnel(spoke, hub)
    options = options_with(options, endpoint="hub.test:51820")
    hub.converge(**hub_options)
    assert "set endpoint" not in " ".join(once(spoke, **options))
    assert len(spoke.warnings) == 1
    assert spoke.peer(hub).endpoint is None
    names("hub.test", "192.0.2.2")
    assert once(spoke, **options) == set_to(spoke, hub, "192.0.2.2:51820")
    assert spoke.warnings == []
    spoke.ping(RIGHT, count=8)


# Link-local addresses


@pytest.fixture
def link_local(pair: tuple[Host, Host]) -> tuple[Host, Host]:
    """Two hosts that have link-local addresses only, fe80::1 and fe80::2."""
    for host, device, address in ((pair[0], "right", "fe80::1/64"), (pair[1], "left", "fe80::2/64")):
        host.run("ip", "address", "flush", "dev", device)
        host.run("ip", "address", "add", address, "dev", device, "nodad")
    return pair


def test_a_tunnel_over_link_local_addresses(link_local: tuple[Host, Host], tmp_path: Path) -> None:
    left, right = link_local
    options, _other = bring_up(left, right, endpoint="[FE80:0::2%right]:51820")
    assert endpoint_at(left, right) == "[fe80::2%right]:51820"
    assert endpoint_at(right, left).startswith("[fe80::1%left]:")
    with left.entered():
        number = socket.if_nametoindex("right")
    for same in ("[fe80::2%right]:51820", f"[fe80::2%{number}]:51820"):
        same_options = options_with(options, endpoint=same)
        for later in (0, LATER):
            assert once(left, seconds_later=later, endpoint_policy="enforce", **same_options) == []
    # What is written for the next boot says the same, to us and to wg-quick.
    file = tmp_path / "wg0.conf"
    file.touch(0o600)
    text = render(overlay(parse_interface({"interface": "wg0", **options}, left.private_key), WgQuickFile()))
    assert "\nEndpoint = [fe80::2%right]:51820\n" in text
    assert render(parse(text)) == text
    file.write_text(text)
    ours = comparable(left.read())
    left.remove()
    left.run("wg-quick", "up", str(file))
    theirs = comparable(left.read())
    assert theirs.device.peers == ours.device.peers
    assert theirs.mtu == ours.mtu
    left.ping(RIGHT)


def test_a_scope_that_is_no_interface_is_refused_before_anything_is_touched(link_local: tuple[Host, Host]) -> None:
    left, right = link_local
    options, _other = tunnel(left, right)
    for scope in ("eth9", "4711"):
        wrong = options_with(options, endpoint=f"[fe80::2%{scope}]:51820")
        for check_mode in (True, False):
            with pytest.raises(InputError, match=f"peer right .*fe80::2%{scope}.*this host has no interface {scope}"):
                left.converge(check_mode=check_mode, **wrong)
    assert not left.read().exists
