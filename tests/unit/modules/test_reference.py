# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is public: the modules and filters without an underscore. Steps of playbooks are private."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

ROOT = Path(__file__).parents[3]
PRIVATE = {"_adopt_key", "_attempt", "_examine", "_follow", "_metrics", "_rekey"}


def listed(kind: str) -> set[str]:
    command = ["ansible-doc", "--json", "--list", "--type", kind, "cryptokey.wireguard"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    return {name.removeprefix("cryptokey.wireguard.") for name in json.loads(done.stdout)}


@pytest.mark.parametrize(("kind", "folder"), [("module", "modules"), ("filter", "filter")])
def test_what_has_no_underscore_is_public(kind: str, folder: str) -> None:
    """ansible-doc lists private ones too. Those that only have an action on the controller are not listed."""
    files = {path.stem for path in (ROOT / "plugins" / folder).glob("*.py")}
    assert listed(kind) == files


def test_steps_of_playbooks_are_private() -> None:
    assert {path.stem for path in (ROOT / "plugins" / "modules").glob("_*.py")} == PRIVATE
    assert not {name.strip("_") for name in PRIVATE} & listed("module")


def test_every_module_of_a_managed_host_is_in_the_action_group() -> None:
    """Those that run on the controller have an action plugin alone."""
    group = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]["wireguard"]
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "def main" in path.read_text()}
    assert set(group) == modules
    assert sorted(group) == group


def test_a_private_filter_is_found_by_playbooks() -> None:
    peers = [{"name": "hub", "public_key": "A", "next_public_key": "B", "endpoint": "hub:51820", "allowed_ips": []}]
    text = "{{ peers | cryptokey.wireguard._peer_keys | to_json }}"
    command = ["ansible", "localhost", "--module-name", "ansible.builtin.debug", "--args", f"msg='{text}'"]
    command += ["--extra-vars", json.dumps({"peers": peers})]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    message = json.loads(done.stdout.partition("=>")[2])["msg"]
    kept = {"name": "hub", "public_key": "A", "next_public_key": "B"}
    assert [kept] == (json.loads(message) if isinstance(message, str) else message)
