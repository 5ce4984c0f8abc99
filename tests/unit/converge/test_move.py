# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves between network namespaces: nothing is left behind, nothing is forgotten, and it can be undone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import show_difference
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import (
    DesiredInterface,
    RunningDevice,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import OwnTable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import ALL_PARTS, Part
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    parse_interface_address,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState, fresh_state
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import (
    NOW,
    PRIVATE_KEYS,
    desired_interfaces,
    running_states,
)

CALM = Circumstances(NOW)
# Name servers are the host's own.
NAMELESS = desired_interfaces().map(lambda wanted: replace(wanted, dns=None, dns_search=None))


class Machine:
    """The namespaces of one host, by name. ``failing``: operations of this kind are refused there."""

    def __init__(self, *states: RunningState) -> None:
        self.states = {state.netns: state for state in states}
        self.failing: type | None = None
        self.failing_netns = ""

    def at(self, netns: str) -> Namespace:
        return Namespace(self, netns)


class Namespace:
    def __init__(self, machine: Machine, netns: str) -> None:
        self.machine = machine
        self.netns = netns

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        return self.machine.states[self.netns]

    def apply(self, interface: str, operations: Sequence[ops.Operation]) -> None:
        machine, states = self.machine, self.machine.states
        for operation in operations:
            if self.netns == machine.failing_netns and isinstance(operation, machine.failing or ()):
                machine.failing = None
                raise OSError("refused")
            before = states[self.netns]
            states[self.netns] = replace(apply_all(before, [operation]), netns=self.netns)
            if isinstance(operation, ops.MoveLink):
                target = states[operation.netns]
                assert (before.exists, target.exists) == (True, False)
                states[operation.netns] = replace(
                    target, exists=True, device=before.device, mtu=before.mtu, alias=before.alias
                )

    def path_mtu(self, hosts: Iterable[str]) -> int:
        return 1500

    def has_routes(self, table: int) -> bool:
        return False

    def has_own_table(self, _interface: str) -> bool:
        return bool(self.machine.states[self.netns].own_table)

    def list_table(self, _interface: str, body: str) -> OwnTable:
        return OwnTable(body, body)

    def taken_address(
        self, interface: str, addresses: Iterable[InterfaceAddress]
    ) -> tuple[InterfaceAddress, str] | None:
        return None


def machine_with(state: RunningState, netns: str) -> Machine:
    """The state in another namespace than ``netns``, which is new."""
    return Machine(replace(state, netns="" if netns else "old"), fresh_state("wg0", netns))


@given(NAMELESS, running_states())
def test_a_move_reaches_what_is_wanted_and_leaves_nothing_behind(wanted: DesiredInterface, state: RunningState) -> None:
    machine = machine_with(state, wanted.netns)
    old = "" if wanted.netns else "old"
    here, there = machine.at(wanted.netns), machine.at(old)
    foretold = converge(wanted, here, CALM, True, there if state.exists else None)
    done = converge(wanted, here, CALM, False, there if state.exists else None)
    assert done == foretold
    assert [op for op in done.operations if isinstance(op, ops.MoveLink)] == (
        [ops.MoveLink("wg0", wanted.netns)] if state.exists else []
    )
    assert converge(wanted, here, CALM).operations == ()
    left = machine.states[old]
    if state.exists:
        own = {rule for rule in left.rules if rule.fwmark and rule.fwmark == state.device.fwmark}
        assert (left.exists, left.netfilter, own) == (False, {}, set())
        if wanted.peers is None:
            kept = {key: peer for key, peer in state.device.peers.items() if key not in wanted.absent_peers}
            assert machine.states[wanted.netns].device.peers == kept


@pytest.mark.parametrize("kind", [ops.MoveLink, ops.SetLink, ops.SetDevice])
@given(NAMELESS, running_states())
def test_a_move_that_fails_is_undone(kind: type, wanted: DesiredInterface, state: RunningState) -> None:
    state = replace(state, exists=True, mtu=state.mtu or 1420)
    machine = machine_with(state, wanted.netns)
    old = "" if wanted.netns else "old"
    before = machine.states[old]
    machine.failing, machine.failing_netns = kind, old if kind is ops.MoveLink else wanted.netns
    foretold = converge(wanted, machine.at(wanted.netns), CALM, True, machine.at(old))
    moved = [type(op) for op in foretold.operations].index(ops.MoveLink)
    assume(kind in map(type, foretold.operations[moved:]))
    with pytest.raises(ConvergeError, match="The previous state has been restored"):
        converge(wanted, machine.at(wanted.netns), CALM, False, machine.at(old))
    after = machine.states[old]
    assert diff_states(after, before, {}) == []
    assert not machine.states[wanted.netns].exists
    assert (after.addresses, after.rules, after.routes) == (before.addresses, before.rules, before.routes)


def test_the_diff_is_between_the_two_namespaces() -> None:
    state = RunningState(
        "wg0",
        True,
        RunningDevice("wg0", 7, PRIVATE_KEYS[0], None, 51820),
        up=True,
        mtu=1420,
        addresses=(parse_interface_address("10.9.0.1/24"),),
    )
    machine = machine_with(state, "vpn")
    wanted = DesiredInterface("wg0", PRIVATE_KEYS[0], netns="vpn")
    outcome = converge(wanted, machine.at("vpn"), CALM, True, machine.at(""))
    shown = show_difference(outcome.before, outcome.after, {})
    assert ("netns" in shown["before"], shown["after"]["netns"]) == (False, "vpn")
    # Addresses that nobody asks for go with the namespace that they were in.
    assert (shown["before"]["addresses"], shown["after"]["addresses"]) == (["10.9.0.1/24"], [])
    assert [op.describe() for op in outcome.operations] == ["move interface wg0 to netns vpn", "set up"]


def test_an_interface_that_is_where_it_shall_be_is_not_looked_for_elsewhere() -> None:
    state = RunningState("wg0", True, RunningDevice("wg0", 7, PRIVATE_KEYS[0]), up=True, mtu=1420, netns="vpn")
    machine = Machine(state, replace(state, netns=""))
    wanted = DesiredInterface("wg0", PRIVATE_KEYS[0], netns="vpn")
    assert converge(wanted, machine.at("vpn"), CALM, False, machine.at("")).operations == ()


@pytest.mark.parametrize("check_mode", [True, False])
def test_sockets_in_another_namespace_are_refused_before_anything_is_touched(check_mode: bool) -> None:
    device = RunningDevice("wg0", 7, PRIVATE_KEYS[0], None, 51820)
    state = RunningState("wg0", True, device, up=True, mtu=1420, netns="vpn", sockets_elsewhere=True)
    machine = Machine(state, fresh_state("wg0"))
    for wanted in (DesiredInterface("wg0", mtu=1300, netns="vpn"), DesiredInterface("wg0", mtu=1300)):
        with pytest.raises(
            InputError, match="birth_netns: the interface's sockets are in another or a deleted network namespace"
        ):
            converge(wanted, machine.at(wanted.netns), CALM, check_mode, machine.at("vpn"))
    assert machine.states == {"vpn": state, "": fresh_state("wg0")}
