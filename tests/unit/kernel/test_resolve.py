# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints to literal ones: names, and interfaces as scopes."""

from __future__ import annotations

import socket
from itertools import cycle

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.resolve import Resolver, find_scope
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint, parse_endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError


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
        "give the interface, on this host, that leads to the address"
    )


def test_a_name_is_looked_up_once_and_gives_each_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that hands out the addresses in turn, one of them twice and one of them link-local."""
    addresses = cycle([("192.0.2.1", 5), ("192.0.2.2", 5), ("192.0.2.1", 5), ("fe80::1", 5, 0, 1)])

    def in_turn(*_arguments: object, **_options: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", next(addresses)) for _details in range(3)]

    monkeypatch.setattr(socket, "getaddrinfo", in_turn)
    resolver = Resolver()
    first = resolver(Endpoint("hub.example.org", 5), "hub")
    assert first == (Endpoint("192.0.2.1", 5), Endpoint("192.0.2.2", 5))
    assert resolver(Endpoint("hub.example.org", 5), "hub") == first
    assert resolver(Endpoint("other.example.org", 5), "other")[0] == Endpoint("fe80::1%lo", 5)
    assert (resolver.warnings, resolver.unresolved) == ([], set())


def test_a_name_without_an_address_is_a_warning_for_each_of_its_peers_once() -> None:
    resolver = Resolver()
    # No resolver is asked for an empty label.
    gone = Endpoint("gone..", 5)
    for peer in ("hub (KEY)", "paris", "hub (KEY)"):
        assert resolver(gone, peer) == ()
    assert [warning.partition(" is not set")[0] for warning in resolver.warnings] == [
        "peer hub (KEY): endpoint gone..:5",
        "peer paris: endpoint gone..:5",
    ]
    assert resolver.unresolved == {gone}
