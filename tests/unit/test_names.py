# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds that no file, host, group or secret in the roles and playbooks is chosen by what a managed host returns.

An expression in such a place is followed through the variables that it names, as far as they are defined in the same
file or among the role's variables. It must not come to a result of a task that runs on hosts, or to facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted(str(path.relative_to(ROOT)) for part in ("roles", "playbooks") for path in (ROOT / part).rglob("*.yml"))
FILES = [path for path in FILES if "/meta/" not in path]

# Modules whose arguments choose something on the controller, and which of these do; None for all.
CHOOSING: dict[str, set[str] | None] = {
    "include_tasks": None,
    "import_tasks": None,
    "include_vars": None,
    "include_role": {"name", "tasks_from", "vars_from", "defaults_from", "handlers_from"},
    "import_role": {"name", "tasks_from", "vars_from", "defaults_from", "handlers_from"},
    "import_playbook": None,
    "template": {"src", "dest"},
    "copy": {"src", "dest"},
    "script": None,
    "fetch": {"src", "dest"},
    "group_by": None,
    "add_host": None,
    "set_fact": None,
    "plan": None,
    "registry": None,
    "_registry": None,
    "_access": None,
    "_draw": None,
    "member": {"interfaces"},
    "_adopt": None,
    "client_config": None,
}
# Keywords of a task or a play that do.
KEYWORDS = ("delegate_to", "hosts", "vars_files", "connection", "remote_user", "become_user", "environment", "serial")
# Actions of this collection that run on the controller: what they return is the controller's.
OWN = {"_access", "plan", "registry", "_registry", "_rotation", "_rolling"}
# What an expression may not come to, besides results.
FACTS = {"ansible_facts", "ansible_local", "hostvars"}
# Uses that choose nothing, each with the reason: the name of the variable or task, and what it comes to.
ALLOWED = {
    ("roles/network/handlers/main.yml", "network_member"): "selects among words and interfaces of the controller",
    ("roles/network/tasks/packages.yml", "ansible_facts"): "selects among the names of the files in vars",
    ("playbooks/site.yml", "hostvars"): "reads what plan has registered, of hosts that have no such fact",
    ("playbooks/doctor.yml", "hostvars"): "localhost's, where no module of a managed host runs",
    ("playbooks/onboard.yml", "hostvars"): "localhost's, where no module of a managed host runs",
    ("playbooks/offboard.yml", "hostvars"): "localhost's, where no module of a managed host runs",
    ("playbooks/rotate.yml", "hostvars"): "localhost's, where no module of a managed host runs",
}
_NAME = re.compile(r"(?<![\w.'])[A-Za-z_]\w*")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_LOOKUP = re.compile(r"\b(?:lookup|query|q)\(")
_SECRETS = re.compile(r"with_preshared_keys\((.*)\)")


def _tasks(node: object) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each mapping that is a play, a block or a task, with the variables of those around it."""

    def walk(each: object, known: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        if isinstance(each, list):
            for entry in each:
                yield from walk(entry, known)
        elif isinstance(each, dict):
            own = {**known, **(each.get("vars") or {})}
            control = each.get("loop_control") or {}
            own[control.get("loop_var", "item")] = each.get("loop")
            yield each, own
            for part in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always", "roles"):
                yield from walk(each.get(part), own)

    yield from walk(node, {})


def _module(key: str) -> str:
    return key.rpartition(".")[2]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _expressions(value: object) -> Iterator[str]:
    for text in _texts(value):
        yield from re.findall(r"\{[{%](.*?)[}%]\}", text, re.DOTALL)


def _chosen(task: Mapping[str, Any]) -> Iterator[object]:
    """The values of a task that choose something on the controller."""
    for key, value in task.items():
        module = _module(str(key))
        if module in CHOOSING:
            parts = CHOOSING[module]
            yield (
                value
                if parts is None or not isinstance(value, dict)
                else {part: value[part] for part in parts if part in value}
            )
        elif key in KEYWORDS:
            yield value
    for text in _texts({key: value for key, value in task.items() if key not in ("tasks", "block")}):
        yield from (f"{{{{ {each} }}}}" for each in _SECRETS.findall(text))
        if _LOOKUP.search(text):
            yield text


def _registered(node: object) -> set[str]:
    """What tasks register that run on hosts."""
    return {
        str(task["register"])
        for task, _known in _tasks(node)
        if "register" in task and not any(_module(str(key)) in OWN for key in task)
    }


def _sources(value: object, known: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names that a value comes to in the end."""
    for expression in _expressions(value):
        for name in _NAME.findall(_TEXT.sub("''", expression)):
            if name in known and name not in seen:
                yield from _sources(known[name], known, seen | {name})
            yield name


def hosts_choices(content: object, results: set[str], variables: Mapping[str, Any]) -> set[str]:
    """The results and facts that choose something in the plays or tasks of a file."""
    found: set[str] = set()
    for task, known in _tasks(content):
        for value in _chosen(task):
            found |= {name for name in _sources(value, {**variables, **known}) if name in results | FACTS}
    return found


def _load(path: str) -> object:
    return yaml.safe_load((ROOT / path).read_text())


def _all_registered() -> set[str]:
    return {name for path in FILES for name in _registered(_load(path))}


def _role_variables() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "roles/network/vars/main.yml").read_text()))


@pytest.mark.parametrize("path", FILES)
def test_nothing_is_chosen_by_a_hosts_answer(path: str) -> None:
    allowed = {name for place, name in ALLOWED if place == path}
    assert hosts_choices(_load(path), _all_registered(), _role_variables()) == allowed


def test_results_of_hosts_are_known_and_the_controllers_are_none() -> None:
    registered = _all_registered()
    assert {"network_member", "network_keypairs", "network_probe", "network_info", "adopt_lacks"} <= registered
    assert not {"network_plan", "network_comparison", "network_rotation", "network_rolled"} & registered


@pytest.mark.parametrize(
    ("task", "source"),
    [
        ({"include_tasks": "{{ answer.stdout }}.yml"}, "answer"),
        (
            {"ansible.builtin.include_tasks": {"file": "{{ item | first }}.yml"}, "loop": "{{ answer.stdout_lines }}"},
            "answer",
        ),
        (
            {"include_vars": "{{ lookup('first_found', files) }}", "vars": {"files": ["{{ ansible_facts.x }}"]}},
            "ansible_facts",
        ),
        ({"import_role": {"name": "a", "tasks_from": "{{ answer }}"}}, "answer"),
        (
            {
                "template": {"src": "a", "dest": "/etc/{{ each }}"},
                "loop": "{{ answer }}",
                "loop_control": {"loop_var": "each"},
            },
            "answer",
        ),
        ({"copy": {"src": "{{ answer.path }}", "dest": "/a"}}, "answer"),
        ({"command": "true", "delegate_to": "{{ answer.host }}"}, "answer"),
        ({"group_by": {"key": "is_{{ ansible_local.a }}"}}, "ansible_local"),
        ({"add_host": {"name": "{{ hostvars.a.b }}"}}, "hostvars"),
        (
            {"block": [{"include_tasks": "{{ a }}"}], "vars": {"a": "{{ b }}", "b": "{% if answer %}x{% endif %}"}},
            "answer",
        ),
        ({"debug": {"msg": "{{ lookup('file', answer.path) }}"}}, "answer"),
        ({"m": {"peers": "{{ a | c.w.with_preshared_keys(inventory_hostname, answer.public_key, b) }}"}}, "answer"),
        ({"hosts": "{{ hostvars.a.b }}", "tasks": []}, "hostvars"),
        ({"cryptokey.wireguard.plan": {"without": "{{ answer.names }}"}}, "answer"),
        ({"cryptokey.wireguard.member": {"interfaces": "{{ answer.entries }}"}}, "answer"),
        ({"include_tasks": "{{ of_role }}.yml"}, "answer"),
    ],
)
def test_a_choice_that_is_a_hosts_is_found(task: dict[str, Any], source: str) -> None:
    assert hosts_choices([task], {"answer"}, {"of_role": "{{ answer.x }}"}) == {source}


@pytest.mark.parametrize(
    "task",
    [
        {"include_tasks": "a.yml", "when": "answer.stdout == 'x'"},
        {"include_tasks": "{{ item }}.yml", "loop": ["a", "b"]},
        {"copy": {"content": "{{ answer }}", "dest": "/a"}},
        {"debug": {"msg": "{{ answer }} {{ ansible_facts.a }}"}},
        {"include_tasks": "{{ 'answer' }}.yml"},
        {"include_tasks": "{{ plan.answer }}.yml"},
    ],
)
def test_what_only_compares_or_shows_it_is_none(task: dict[str, Any]) -> None:
    assert hosts_choices([task], {"answer"}, {}) == set()
