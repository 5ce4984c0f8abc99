# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removal: name servers or a netfilter table that fail do not keep the interface from being removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import Removal, remove
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import Part
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import World, before
from ansible_collections.cryptokey.wireguard.tests.unit.converge.test_undo import Guard

HANGS = KernelError(110, "read it", "a program did not finish within 30 s")
LATER = [Part.NETFILTER, Part.DNS]
OPERATIONS: dict[Part, list[type]] = {Part.NETFILTER: [ops.SetNetfilter, ops.SetNftables], Part.DNS: [ops.SetDns]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, before(), locked=True)


def left(world: World) -> list[Part]:
    """The parts of which something is left."""
    found = (world.state.exists, bool(world.state.netfilter), world.state.dns != NO_DNS)
    return [part for part, there in zip(Part, found, strict=True) if there]


def test_all_parts_are_removed_as_check_mode_foretells(world: World) -> None:
    foretold = remove("wg0", world, check_mode=True)
    assert left(world) == [*Part]
    removal = remove("wg0", world)
    assert (left(world), removal.problem) == ([], "")
    assert removal.operations == foretold.operations
    assert remove("wg0", world) == Removal(world.state, world.state, (), {})


@pytest.mark.parametrize("part", LATER)
@pytest.mark.parametrize("error", [HANGS, ValueError("unexpected")])
def test_a_part_that_cannot_be_read_is_named_and_the_rest_is_removed(
    world: World, part: Part, error: Exception
) -> None:
    world.broken = {part: error}
    foretold = remove("wg0", world, check_mode=True)
    removal = remove("wg0", world)
    assert left(world) == [part]
    assert removal.operations == foretold.operations
    for problem in (foretold.problem, removal.problem):
        assert problem.startswith(f"{part.value}: ")
        assert str(error) in problem
    # The next run, too, says so while it is not known.
    assert remove("wg0", world).problem == removal.problem
    world.broken = {}
    assert [type(operation) for operation in remove("wg0", world).operations] == OPERATIONS[part]
    assert left(world) == []


@pytest.mark.parametrize("part", LATER)
def test_a_part_that_cannot_be_changed_is_named_and_the_rest_is_removed(world: World, part: Part) -> None:
    world.broken = dict.fromkeys(OPERATIONS[part], HANGS)
    removal = remove("wg0", world)
    told = "; ".join([str(HANGS)] * len(OPERATIONS[part]))
    assert (left(world), removal.problem) == ([part], f"{part.value}: {told}")
    assert not {*OPERATIONS[part]} & {*map(type, removal.operations)}


def test_name_servers_that_go_with_the_link_are_no_problem(tmp_path: Path) -> None:
    """As those that systemd-resolved has."""

    class Resolved(World):
        def apply(self, interface: str, operations: Sequence[ops.Operation]) -> None:
            super().apply(interface, operations)
            if not self.state.exists:
                self.state = replace(self.state, dns=NO_DNS)

    world = Resolved(tmp_path, before(), locked=True, broken={ops.SetDns: HANGS})
    assert remove("wg0", world).problem == ""
    assert left(world) == []


def test_an_interface_that_cannot_be_removed_is_restored_with_all_its_parts(world: World) -> None:
    world.broken = {ops.DeleteLink: KernelError(16, "delete the link")}
    guard = Guard()
    with pytest.raises(ConvergeError, match=r"delete the link.*The previous state has been restored\.$"):
        remove("wg0", world, guard=guard)
    assert world.state == before()
    assert guard.revived == [peer.public_key for peer in before().device.peers.values()]


def test_an_interface_that_cannot_be_read_is_not_touched(world: World) -> None:
    world.broken = {Part.INTERFACE: HANGS}
    with pytest.raises(KernelError):
        remove("wg0", world)
    assert (world.state, world.applied) == (before(), [])


def test_without_an_interface_nothing_is_done(tmp_path: Path) -> None:
    world = World(tmp_path, RunningState("wg0"))
    removal = remove("wg0", world)
    assert (removal.operations, removal.problem) == ((), "")
