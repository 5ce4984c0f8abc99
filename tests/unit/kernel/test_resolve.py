# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints to literal ones: names, and interfaces as scopes."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from itertools import cycle

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import resolve
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.resolve import (
    NamesMissing,
    Resolver,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.codec import find_scope
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment


@pytest.mark.parametrize("text", ["192.0.2.1:1", "[2001:db8::1]:1", "[fe80::1%lo]:1"])
def test_a_literal_endpoint_is_its_own_answer(text: str) -> None:
    resolver = Resolver()
    assert resolver(parse_endpoint(text), "hub") == (parse_endpoint(text),)
    assert resolver.warnings == []


def test_a_number_of_an_interface_becomes_its_name() -> None:
    number = socket.if_nametoindex("lo")
    assert Resolver()(parse_endpoint(f"[fe80::1%{number}]:1"), "hub") == (Endpoint("fe80::1%lo", 1),)
    assert find_scope("lo") == find_scope(str(number)) == number


@pytest.mark.parametrize("scope", ["no-such-link", "2147480000", "99999999999999"])
def test_a_scope_that_is_no_interface_is_refused(scope: str) -> None:
    with pytest.raises(InputError) as caught:
        Resolver()(parse_endpoint(f"[fe80::1%{scope}]:1"), "hub (KEY)")
    assert str(caught.value) == (
        f"peer hub (KEY): endpoint '[fe80::1%{scope}]:1': this host has no interface {scope}; "
        "give the interface of this host that leads to the address"
    )


HUB, OTHER = Endpoint("hub.example.org", 5), Endpoint("other.example.org", 5)


def test_a_name_is_looked_up_once_and_gives_each_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that hands out the addresses in turn, one of them twice and one of them link-local."""
    addresses = cycle([("192.0.2.1", 5), ("192.0.2.2", 5), ("192.0.2.1", 5), ("fe80::1", 5, 0, 1)])

    def in_turn(*_arguments: object, **_options: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", next(addresses)) for _details in range(3)]

    monkeypatch.setattr(socket, "getaddrinfo", in_turn)
    resolver = Resolver()
    assert resolver(HUB, "hub") == ()
    for _again in range(2):
        resolver.look_up([HUB, parse_endpoint("192.0.2.9:1")])
        assert resolver(HUB, "hub") == (Endpoint("192.0.2.1", 5), Endpoint("192.0.2.2", 5))
    resolver.look_up([OTHER])
    assert resolver(OTHER, "other")[0] == Endpoint("fe80::1%lo", 5)
    assert (resolver.warnings, resolver.unresolved, resolver.missing) == ([], set(), set())


def test_what_was_not_looked_up_yet_is_missing_and_no_warning() -> None:
    resolver = Resolver()
    resolver.check()
    assert resolver(HUB, "hub") == ()
    assert (resolver.missing, resolver.unresolved, resolver.warnings) == ({HUB}, {HUB}, [])
    with pytest.raises(NamesMissing):
        resolver.check()


def test_a_name_without_an_address_is_a_warning_for_each_of_its_peers_once() -> None:
    resolver = Resolver()
    # No resolver is asked for an empty label.
    gone = Endpoint("gone..", 5)
    resolver(gone, "hub (KEY)")
    resolver.look_up()
    for peer in ("hub (KEY)", "paris", "hub (KEY)"):
        assert resolver(gone, peer) == ()
    assert [warning.partition(" is not set")[0] for warning in resolver.warnings] == [
        "peer hub (KEY): endpoint gone..:5",
        "peer paris: endpoint gone..:5",
    ]
    assert (resolver.unresolved, resolver.missing) == ({gone}, set())


def test_names_are_looked_up_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits until the other one is being looked up too."""
    both = threading.Barrier(2, timeout=20)

    def together(host: str, *_arguments: object, **_options: object) -> list[tuple[object, ...]]:
        both.wait()
        return [(0, 0, 0, "", ("192.0.2.1" if host == HUB.host else "192.0.2.2", 5))]

    monkeypatch.setattr(socket, "getaddrinfo", together)
    resolver = Resolver()
    resolver.look_up([HUB, OTHER])
    assert (resolver(HUB, ""), resolver(OTHER, "")) == ((Endpoint("192.0.2.1", 5),), (Endpoint("192.0.2.2", 5),))


def test_one_limit_holds_for_all_names_together(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = threading.Event()

    def hang(host: str, *_arguments: object, **_options: object) -> list[tuple[object, ...]]:
        if host != HUB.host:
            hanging.wait()
        return [(0, 0, 0, "", ("192.0.2.1", 5))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    resolver = Resolver(0.5)
    dead = [Endpoint(f"dead{number}.example.org", 5) for number in range(20)]
    begin = time.monotonic()
    resolver.look_up([HUB, *dead])
    resolver.look_up([OTHER])
    assert 0.5 <= time.monotonic() - begin < 5
    assert resolver(HUB, "hub") == (Endpoint("192.0.2.1", 5),)
    assert resolver(dead[0], "dead") == ()
    assert resolver.unresolved == {*dead, OTHER}
    (warning,) = resolver.warnings
    assert warning.startswith("peer dead: endpoint dead0.example.org:5 is not set, as its name cannot be resolved: ")
    assert "the limit of 0.5 seconds for all names was reached" in warning
    hanging.set()


def test_a_name_that_hangs_does_not_keep_the_process() -> None:
    script = f"""
import socket, time
from {resolve.__name__} import Resolver
from {endpoint.__name__} import Endpoint
socket.getaddrinfo = lambda *_arguments, **_options: time.sleep(600)
resolver = Resolver(0.2)
resolver.look_up([Endpoint("dead.example.org", 5)])
print(len(resolver.unresolved))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30, env=environment()
    )
    assert done.stdout == "1\n"


def test_names_are_looked_up_in_the_network_namespace_of_the_caller() -> None:
    script = f"""
import ctypes, os, socket
from {resolve.__name__} import Resolver
from {endpoint.__name__} import Endpoint
seen = []
def note(*_arguments, **_options):
    seen.append(os.readlink("/proc/thread-self/ns/net"))
    raise OSError
socket.getaddrinfo = note
before = os.readlink("/proc/thread-self/ns/net")
assert ctypes.CDLL(None).unshare(0x40000000) == 0  # CLONE_NEWNET, for this thread alone
Resolver().look_up([Endpoint("hub.example.org", 5)])
print(seen == [os.readlink("/proc/thread-self/ns/net")] != [before])
"""
    done = subprocess.run(
        ["unshare", "--map-root-user", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=environment(),
    )
    assert done.stdout == "True\n"
