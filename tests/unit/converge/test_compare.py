# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison says whether there is something to do, and loads nothing that does it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

from hypothesis import given

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.compare import compare
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState, fresh_state
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import (
    NOW,
    desired_interfaces,
    resolve,
    running_states,
)
from ansible_collections.cryptokey.wireguard.tests.unit.converge.test_move import Machine
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

CALM = Circumstances(NOW, resolve=resolve)
PACKAGE = "ansible_collections.cryptokey.wireguard.plugins.module_utils"


@given(desired_interfaces(), running_states())
def test_it_is_equal_just_where_the_engine_does_nothing(wanted: DesiredInterface, state: RunningState) -> None:
    kernel = Machine(state).at(state.netns)
    with suppress(InputError):
        for _before_and_after in range(2):
            found = compare(wanted, kernel, CALM)
            assert found.is_equal == (converge(wanted, kernel, CALM, check_mode=True).operations == ())
            converge(wanted, kernel, CALM)
        assert found.before.exists
        assert compare(wanted, kernel, CALM).is_equal


@given(desired_interfaces(), running_states())
def test_an_interface_in_another_namespace_is_not_equal(wanted: DesiredInterface, state: RunningState) -> None:
    machine = Machine(state, fresh_state("wg0", "vpn"))
    with suppress(InputError):
        found = compare(wanted, machine.at("vpn"), CALM, machine.at(state.netns))
        assert found.origin is not None
        assert not found.is_equal


def test_it_loads_nothing_that_applies_or_restores() -> None:
    script = f"import sys, {PACKAGE}._converge.compare; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment())
    loaded = {name.removeprefix(f"{PACKAGE}.") for name in done.stdout.split() if name.startswith(PACKAGE)}
    assert "_converge.target" in loaded
    unwanted = {"engine", "diff", "move", "read_parts", "records", "restore", "show"}
    assert loaded.isdisjoint({"_model.operations", *(f"_converge.{name}" for name in unwanted)})
