# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step of the role that runs ``config`` with an entry of the plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.tests.unit.fleet.playbooks import Fleet


def run_config(fleet: Fleet) -> dict[str, Any]:
    """The result of the step in check mode on a spoke, whose key and configuration would be files of the test."""
    defaults = {"private_key_file": str(fleet.directory / "wg0.key"), "path": str(fleet.directory / "wg0.conf")}
    record = {"cryptokey.wireguard._registry": {"keypairs": "keypair"}, "run_once": True, "register": "plan"}
    tasks: list[dict[str, Any]] = [
        {"name": "Record", **record},
        {
            "name": "Write it",
            "cryptokey.wireguard._config": {"entry": "{{ plan.hosts[inventory_hostname][0] }}"},
            "check_mode": True,
        },
    ]
    play: dict[str, Any] = {
        "hosts": "server",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"cryptokey.wireguard.config": defaults},
        "tasks": tasks,
    }
    run = fleet.run_play([play])
    assert run.code == 0, run.output
    return run.results[-1]


@pytest.mark.parametrize("value", ["{{ nobody_gives_this | default(omit) }}", None, "", "off"])
def test_a_secret_that_is_not_given_and_defaults_of_the_module(tmp_path: Path, value: str | None) -> None:
    """What the operator has in ``module_defaults`` for the module holds for the step that runs it."""
    fleet = Fleet(tmp_path)
    fleet.inventory["all"]["vars"]["wireguard_networks"]["home"]["preshared_secret"] = value
    result = run_config(fleet)
    assert (result["changed"], result["path"]) == (True, str(tmp_path / "wg0.conf"))
