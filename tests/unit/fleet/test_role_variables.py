# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's own argument specification lets pass what the planner takes as not given."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.option_parsers import (
    FLEET_VARIABLES,
    HOST_VARIABLES,
    PLAYBOOK_VARIABLES,
)
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, environment

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"


def test_no_run_warns_of_a_variable_that_a_playbook_reads() -> None:
    read = {name for path in PLAYBOOKS.glob("*.yml") for name in re.findall(r"\bwireguard_\w+", path.read_text())}
    assert len(read) > 20
    assert read <= {*FLEET_VARIABLES, *HOST_VARIABLES, *PLAYBOOK_VARIABLES}


def run_role(directory: Path, variables: dict[str, Any]) -> Run:
    inventory = {
        "all": {
            "hosts": {"web": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}},
            "vars": {"wireguard_networks": {"home": {"prefixes": ["10.8.0.0/24"]}}, **variables},
        },
        "wg_hub": {"hosts": {"hub1": {"wireguard_endpoint": "vpn.example.org"}}},
        "wg_spoke": {"hosts": {"s1": {}}},
    }
    (directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
    play = [{"hosts": "web", "gather_facts": False, "roles": ["cryptokey.wireguard.network"]}]
    (directory / "role.yml").write_text(yaml.safe_dump(play))
    done = subprocess.run(
        ["ansible-playbook", "-v", "-i", "inventory.yml", "role.yml"],
        cwd=directory,
        env=environment(directory),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return Run(done.returncode, done.stdout)


@pytest.mark.parametrize("value", ["{{ nowhere | default(omit) }}", "{{ nowhere | default(none) }}", "", None])
def test_every_variable_can_be_not_given(tmp_path: Path, value: object) -> None:
    """On a host that is in no network, which the role leaves alone after it has looked at the inventory."""
    variables = dict.fromkeys((*HOST_VARIABLES, "wireguard_registry", "wireguard_registry_read_only"), value)
    run = run_role(tmp_path, variables)
    assert run.code == 0, run.output
    assert "In no WireGuard network, left alone: web" in run.output
