# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a restore that fails: every refusal, and never nothing."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.restore import restore_state
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import ALL_PARTS, Part, only
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import World, after, before

REFUSED = KernelError(22, "set the device")
UNREADABLE = KernelError(5, "read the device")


class Vanishing(World):
    """Refuses to set the device, and cannot be read any more from its ``reads``-th read on after that."""

    reads = 1
    refused = False

    def apply(self, interface: str, operations: Sequence[ops.Operation]) -> None:
        self.refused |= any(isinstance(operation, ops.SetDevice) for operation in operations)
        super().apply(interface, operations)

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        if self.refused:
            self.reads -= 1
            if self.reads < 0:
                raise UNREADABLE
        return super().read(interface, parts)


@pytest.mark.parametrize("reads", [0, 1])
def test_a_refusal_is_not_hidden_by_a_read_that_fails_after_it(tmp_path: Path, reads: int) -> None:
    world = Vanishing(tmp_path, after(), broken={ops.SetDevice: REFUSED}, locked=True)
    world.reads = reads
    problem = restore_state(before(), world, None, {}, [Part.INTERFACE]).problem
    assert problem == f"interface: {REFUSED}; {UNREADABLE}"


@pytest.mark.parametrize("error", [OSError(), TimeoutError(), ValueError()])
def test_an_error_without_words_is_a_problem_too(tmp_path: Path, error: Exception) -> None:
    world = World(tmp_path, after(), broken={Part.DNS: error}, locked=True)
    assert restore_state(before(), world, None, {}).problems == {Part.DNS: type(error).__name__}


@pytest.mark.parametrize("part", [Part.NETFILTER, Part.DNS])
def test_what_is_left_in_another_namespace_keeps_nothing_from_coming_back(tmp_path: Path, part: Part) -> None:
    world = World(tmp_path, after(), locked=True)
    elsewhere = World(tmp_path, RunningState("wg0", netns="vpn"), broken={part: UNREADABLE}, locked=True)
    assert restore_state(before(), world, elsewhere, {}).problems == {part: str(UNREADABLE)}
    assert only(world.state, part) == only(before(), part)


def test_an_interface_that_may_still_be_elsewhere_is_not_made_twice(tmp_path: Path) -> None:
    world = World(tmp_path, RunningState("wg0"), locked=True)
    elsewhere = World(tmp_path, RunningState("wg0", netns="vpn"), broken={Part.INTERFACE: UNREADABLE}, locked=True)
    assert restore_state(before(), world, elsewhere, {}).problems == {Part.INTERFACE: str(UNREADABLE)}
    assert not world.state.exists
