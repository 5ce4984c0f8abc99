# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own undo: a part that cannot be read or restored keeps none of the others from being restored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface, PeerNames
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import Part, only
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import World, before

REFUSED = KernelError(22, "set the link")


class Refusing(World):
    """Refuses to set the link, once, and from then on what is in ``then`` fails."""

    then: dict[Part | type, Exception]
    refusal: Exception

    def apply(self, interface: str, operations: Sequence[ops.Operation]) -> None:
        self.locked = True
        if any(isinstance(operation, ops.SetLink) for operation in operations) and self.then is not self.broken:
            super().apply(interface, [each for each in operations if not isinstance(each, ops.SetLink)])
            self.broken = self.then
            raise self.refusal
        super().apply(interface, operations)


class Guard:
    """What the watchdog is to the engine."""

    def __init__(self, error: OSError | None = None) -> None:
        self.calls: list[str] = []
        self.revived: list[PublicKey] = []
        self.error = error

    def arm(self, _before: RunningState, _after: RunningState, _names: PeerNames) -> None:
        self.calls.append("arm")

    def disarm(self) -> None:
        self.calls.append("disarm")
        if self.error:
            raise self.error

    def revive(self, _before: RunningState, operations: Sequence[ops.Operation]) -> None:
        self.revived += [each.peer.public_key for each in operations if isinstance(each, ops.AddPeer)]


def undone(folder: Path, guard: Guard, refusal: Exception = REFUSED, **then: Exception) -> tuple[str, RunningState]:
    """What is said, and what runs, after a change that is refused in the middle; ``then`` is what fails from there."""
    world = Refusing(folder, before())
    world.refusal = refusal
    world.then = {Part[name]: error for name, error in then.items()}
    with pytest.raises(ConvergeError) as error:
        converge(DesiredInterface("wg0", mtu=1300, listen_port=51999), world, Circumstances(0.0), guard=guard)
    return str(error.value), world.state


@pytest.mark.parametrize("refusal", [REFUSED, ValueError("unexpected")])
def test_what_was_is_restored_and_the_guard_disarmed(tmp_path: Path, refusal: Exception) -> None:
    guard = Guard()
    message, state = undone(tmp_path, guard, refusal)
    assert str(refusal) in message
    assert message.endswith("The previous state has been restored.")
    assert (state, guard.calls) == (before(), ["arm", "disarm"])


@pytest.mark.parametrize("part", [Part.NETFILTER, Part.DNS])
def test_a_part_that_cannot_be_read_keeps_the_rest_from_nothing_and_the_guard_armed(tmp_path: Path, part: Part) -> None:
    guard = Guard()
    message, state = undone(tmp_path, guard, **{part.name: KernelError(5, "read it")})
    assert f"The previous state could not be fully restored: {part.value}: read it" in message
    assert only(state, Part.INTERFACE) == only(before(), Part.INTERFACE)
    assert guard.calls == ["arm"]


def test_peers_that_are_put_back_are_revived_even_if_another_part_fails(tmp_path: Path) -> None:
    world, guard = Refusing(tmp_path, before()), Guard()
    world.refusal, world.then = REFUSED, {Part.DNS: KernelError(5, "read it")}
    with pytest.raises(ConvergeError):
        converge(DesiredInterface("wg0", mtu=1300, peers=()), world, Circumstances(0.0), guard=guard)
    assert only(world.state, Part.INTERFACE) == only(before(), Part.INTERFACE)
    assert guard.revived == [*before().device.peers]


def test_a_guard_that_cannot_be_disarmed_is_named(tmp_path: Path) -> None:
    message, state = undone(tmp_path, Guard(OSError("read-only file system")))
    assert "has been restored, but the rollback of this change is still pending: read-only file system" in message
    assert state == before()
