# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers that share their sockets open them once, and read once what all interfaces have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import netfilter, reader, reading
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.reader import HostReader, SharedSockets
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.rtnetlink import RouteNetlink

Counts = dict[str, int]


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """How often the policy rules of this host were read, and sockets opened."""
    found = {"rules": 0, "routes": 0, "netfilter": 0}

    def counted(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def count(*arguments: object) -> object:
            found[name] += 1
            return function(*arguments)

        return count

    monkeypatch.setattr(reading, "policy_rules", counted("rules", reading.policy_rules))
    monkeypatch.setattr(reader, "RouteNetlink", counted("routes", RouteNetlink))
    monkeypatch.setattr(netfilter, "open_netfilter", counted("netfilter", netfilter.open_netfilter))
    return found


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_shared_sockets_are_opened_once_and_closed(counts: Counts) -> None:
    before = open_files()
    with SharedSockets() as shared:
        states = [HostReader(shared=shared).read(f"wg-none{number}") for number in range(3)]
        assert open_files() > before
    assert counts == {"rules": 1, "routes": 1, "netfilter": 1}
    assert open_files() == before
    assert [state.interface for state in states] == ["wg-none0", "wg-none1", "wg-none2"]
    assert {state.priorities == states[0].priorities for state in states} == {True}


def test_without_them_each_read_sees_the_host_as_it_is(counts: Counts) -> None:
    before = open_files()
    host = HostReader()
    for _number in range(2):
        host.read("wg-none")
    assert counts == {"rules": 2, "routes": 2, "netfilter": 2}
    assert open_files() == before
