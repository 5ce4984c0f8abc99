# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.lab.console import LabError
from ansible_collections.cryptokey.wireguard.tests.lab.settings import MachineSpec, Settings, add_options, settings


def read(*arguments: str, environment: Mapping[str, str] | None = None) -> Settings:
    parser = argparse.ArgumentParser()
    add_options(parser, environment or {})
    return settings(parser.parse_args(arguments), environment or {})


def test_defaults_are_a_hub_a_bare_spoke_and_one_of_another_release() -> None:
    wanted = read()
    assert wanted.machines == (
        MachineSpec("hub", "debian12"),
        MachineSpec("spoke1", "debian12-bare"),
        MachineSpec("spoke2", "debian13"),
    )
    assert wanted.folder == Path("build/lab").resolve()
    assert (wanted.memory, wanted.port, wanted.accel) == (384, 0, "auto")


def test_environment_gives_defaults_and_options_win() -> None:
    environment = {"LAB_SPOKES": "3", "LAB_MEMORY": "512", "LAB_PORT": "23000", "LAB_ACCEL": "tcg", "LAB_DIR": "/tmp/x"}
    wanted = read("--memory", "1024", environment=environment)
    assert [machine.name for machine in wanted.machines] == ["hub", "spoke1", "spoke2", "spoke3"]
    assert wanted.machines[3].flavour == wanted.machines[1].flavour
    assert (wanted.memory, wanted.port, wanted.accel, wanted.folder) == (1024, 23000, "tcg", Path("/tmp/x"))


def test_named_machines_replace_the_default_ones() -> None:
    machines = (MachineSpec("hub", "debian12"), MachineSpec("spoke9", "debian13-bare"))
    assert read("--machine", "hub=debian12", "--machine", "spoke9=debian13-bare").machines == machines
    assert read(environment={"LAB_MACHINES": "hub=debian12  spoke9=debian13-bare"}).machines == machines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--memory", "lots"], r"--memory lots: give a whole number from 192 to \d+"),
        (["--memory", "64"], "--memory 64: give a whole number"),
        (["--port", "70000"], "--port 70000"),
        (["--accel", "fast"], "--accel fast: choose one of auto, kvm, tcg"),
        (["--machine", "hub"], "'hub' is not a machine: write NAME=FLAVOUR"),
        (["--machine", "../x=debian12"], "'../x=debian12' is not a machine"),
        (["--machine", "hub=debian21"], "no flavour is called 'debian21': did you mean debian1"),
        (["--machine", "a=debian12", "--machine", "a=debian13"], "a name is there twice among a, a"),
    ],
)
def test_bad_settings_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(LabError, match=message):
        read(*arguments)
