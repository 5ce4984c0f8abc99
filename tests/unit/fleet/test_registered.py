# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a task with run_once is found without the variables of all hosts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.filter._registered import registered
from ansible_collections.cryptokey.wireguard.tests.unit.runs import Run, counting, environment, read_executions


class HostVars(dict[str, Mapping[str, Any]]):
    """Lists the hosts whose variables are read, which is what costs time."""

    def __init__(self, variables: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__(variables)
        self.read: list[str] = []

    def __getitem__(self, host: str) -> Mapping[str, Any]:
        self.read.append(host)
        return super().__getitem__(host)


def test_no_more_hosts_are_read_than_are_needed() -> None:
    hostvars = HostVars({"a": {}, "b": {"plan": {"hosts": 1}}, "c": {"plan": {"hosts": 2}}})
    assert registered("abc", hostvars, "plan") == {"hosts": 1}
    assert hostvars.read == ["a", "b"]


def test_a_result_without_the_key_is_passed_over() -> None:
    hostvars = HostVars({"a": {"plan": {"hosts": 1}}, "b": {"plan": {"hosts": 2, "affected": []}}, "c": {}})
    assert registered("abc", hostvars, "plan", "affected") == {"hosts": 2, "affected": []}
    assert hostvars.read == ["a", "b"]
    assert registered("ac", hostvars, "plan", "affected") == {}


def test_a_fact_of_a_host_is_ignored() -> None:
    hosts = {"a": {"plan": {"evil": 1}, "ansible_facts": {"plan": {"evil": 1}}}, "b": {"plan": {}, "ansible_facts": {}}}
    assert registered("ab", hosts, "plan") == {}
    assert registered("a", {"a": {}}, "plan") == {}


def test_a_play_selects_its_hosts_by_what_another_play_registered(tmp_path: Path) -> None:
    """The first host has a fact of the name. The second one alone is in the play that registers it."""
    fact = {"ansible.builtin.set_fact": {"found": {"msg": ["a"]}, "cacheable": True}}
    found = {"ansible.builtin.debug": {"msg": ["b", "c"]}, "run_once": True, "register": "found"}
    selected = "{{ (groups.all | cryptokey.wireguard._registered(hostvars, 'found')).msg }}"
    plays = [
        {"hosts": "a", "gather_facts": False, "tasks": [{"name": "Set a fact", **fact}]},
        {"hosts": "b", "gather_facts": False, "tasks": [{"name": "Register", **found}]},
        {"hosts": selected, "gather_facts": False, "tasks": [{"name": "Use it", "ansible.builtin.debug": {}}]},
    ]
    (tmp_path / "play.yml").write_text(json.dumps(plays))
    done = subprocess.run(
        ["ansible-playbook", "-i", "a,b,c", "play.yml"],
        cwd=tmp_path,
        env=environment(tmp_path, **counting(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not Run(done.returncode, done.stdout + done.stderr).changed
    assert read_executions(tmp_path) == {"a": ["Set a fact"], "b": ["Use it"], "c": ["Use it"]}
