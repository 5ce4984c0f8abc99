# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read back has the last word: a kernel on which a change has no effect makes the run fail, and is undone."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface, DesiredPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import OwnTable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import ALL_PARTS, Part
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState, fresh_state
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import KEYS, NOW, PRIVATE_KEYS

FULL = DesiredInterface(
    "wg0",
    PRIVATE_KEYS[0],
    listen_port=51820,
    addresses=(parse_interface_address("10.9.0.1/24"),),
    peers=(DesiredPeer(KEYS[0], allowed_ips=frozenset({parse_prefix("0.0.0.0/0")})),),
)


class Kernel:
    """Has what it is given, and says what ``blind`` leaves of that."""

    def __init__(self, blind: Callable[[RunningState], RunningState]) -> None:
        self.state = fresh_state("wg0")
        self._blind = blind

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        return self._blind(self.state)

    def apply(self, interface: str, operations: Sequence[ops.Operation]) -> None:
        self.state = apply_all(self.state, operations)

    def path_mtu(self, hosts: Iterable[str]) -> int:
        return 1500

    def has_routes(self, table: int) -> bool:
        return False

    def has_own_table(self, _interface: str) -> bool:
        return bool(self.state.own_table)

    def list_table(self, _interface: str, body: str) -> OwnTable:
        return OwnTable(body, body)

    def taken_address(
        self, interface: str, addresses: Iterable[InterfaceAddress]
    ) -> tuple[InterfaceAddress, str] | None:
        return None


def test_a_kernel_that_says_all_converges() -> None:
    kernel = Kernel(lambda state: state)
    assert converge(FULL, kernel, Circumstances(NOW)).operations
    assert kernel.state.netfilter
    assert converge(FULL, kernel, Circumstances(NOW)).operations == ()


@pytest.mark.parametrize(
    ("blind", "left"),
    [
        (lambda state: replace(state, netfilter={}), "set the IPv4 netfilter table wg-quick-wg0"),
        (lambda state: replace(state, routes=frozenset()), "add route 0.0.0.0/0 table 51820"),
        (lambda state: replace(state, addresses=()), "add address 10.9.0.1/24"),
        (lambda state: replace(state, rules=frozenset()), r"add rule \d+: lookup main suppress_prefixlength 0"),
    ],
    ids=["netfilter", "routes", "addresses", "rules"],
)
def test_what_is_read_back_as_nothing_fails_the_run(blind: Callable[[RunningState], RunningState], left: str) -> None:
    kernel = Kernel(blind)
    with pytest.raises(ConvergeError, match=f"still to do: {left}") as raised:
        converge(FULL, kernel, Circumstances(NOW))
    assert "The previous state has been restored." in str(raised.value)
    assert not kernel.state.exists
