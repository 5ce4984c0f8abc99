# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory files that describe what was found: one for all hosts, and one for each host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from .._inventory.errors import Problems
from .._inventory.option_parsers import NETWORKS

_HEADER = """\
# Written by cryptokey.wireguard.adopt from the state of the hosts. You can edit it.
---
"""
_NAME = "wireguard.yml"


class Document(NamedTuple):
    """A file of variables as it must be. ``before``: its present text, or None. ``old``: its present variables."""

    path: Path
    host: str
    before: str | None
    old: Mapping[str, Any]
    variables: Mapping[str, Any]

    @property
    def text(self) -> str:
        """A text that says the same in other words stays as its author wrote it."""
        if self.before is not None and self.old == self.variables:
            return self.before
        dumped = yaml.dump(dict(self.variables), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
        return _HEADER + str(dumped)

    @property
    def is_changed(self) -> bool:
        return self.text != self.before


class _Dumper(yaml.SafeDumper):
    """Lists stand in from their names, as elsewhere in this collection, and nothing is an alias of something else."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _plain_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Ansible's own kinds of text are text, too."""
    return dumper.represent_str(str(text))


_Dumper.add_multi_representer(str, _plain_text)


def open_documents(directory: Path, hosts: Iterable[str], problems: Problems) -> dict[str, Document]:
    """Read the present files below ``directory``, by host. The empty name is for all hosts."""
    documents = {"": _open(directory, "group_vars", "all", "", problems)}
    return {**documents, **{host: _open(directory, "host_vars", host, host, problems) for host in sorted(hosts)}}


def _open(directory: Path, kind: str, name: str, host: str, problems: Problems) -> Document:
    folder = directory / kind / name
    path = folder / _NAME
    _check_folder(folder, host, problems)
    before: str | None = None
    content: object = {}
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else None
        content = yaml.safe_load(before) if before else {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problems.add(host, str(path), None, f"cannot be read: {error}", "correct it, or move it away")
    return Document(path, host, before, content if isinstance(content, dict) else {}, {})


def fill_documents(
    opened: Mapping[str, Document], networks: Mapping[str, Any], hosts: Mapping[str, Mapping[str, Any]]
) -> list[Document]:
    """Fill in what must be written, for all hosts first. Networks that are already in the file stay in it."""
    fleet = opened[""]
    there = fleet.old.get(NETWORKS)
    known = dict(there) if isinstance(there, Mapping) else {}
    whole = fleet._replace(variables={**fleet.old, NETWORKS: {**known, **networks}})
    return [whole, *(opened[host]._replace(variables=hosts[host]) for host in sorted(hosts))]


def _check_folder(folder: Path, host: str, problems: Problems) -> None:
    """Ansible reads the directory of a name, or else the file of that name, not both."""
    if folder.is_dir():
        return
    for suffix in ("", ".yml", ".yaml", ".json"):
        file = folder.with_name(folder.name + suffix)
        if file.is_file():
            problem = f"Ansible ignores this file if the directory {folder.name} exists"
            remedy = (
                f"move it to {folder / 'main.yml'}, or adopt into another directory, with -e wireguard_adopt_directory"
            )
            problems.add(host, str(file), None, problem, remedy)


def check_overwriting(documents: Iterable[Document], problems: Problems) -> None:
    """Refuse to change existing values. Adding a network is allowed."""
    for document in documents:
        lost = [name for name, value in document.old.items() if document.variables.get(name) != value]
        if NETWORKS in lost and not document.host:
            old, new = document.old[NETWORKS], document.variables[NETWORKS]
            if isinstance(old, Mapping) and all(new.get(name) == value for name, value in old.items()):
                lost.remove(NETWORKS)
        if lost:
            remedy = "remove the file, or change it with -e wireguard_adopt_overwrite=true; --check --diff shows how"
            problem = f"already exists and differs in {', '.join(sorted(map(str, lost)))}"
            problems.add(document.host, str(document.path), None, problem, remedy)


def check_defined(
    documents: Iterable[Document], given: Mapping[str, Mapping[str, Any]], networks: object, problems: Problems
) -> None:
    """Refuse what the inventory defines elsewhere, since one of the two places would be ignored."""
    fleet, *hosts = documents
    if networks is not None and networks != fleet.old.get(NETWORKS):
        problem = f"is already defined, but not in {fleet.path}"
        remedy = "remove it, or adopt into another directory, with -e wireguard_adopt_directory, and merge by hand"
        problems.add("", NETWORKS, None, problem, remedy)
    for document in hosts:
        for name, value in given.get(document.host, {}).items():
            if name in document.variables and value != document.variables[name]:
                problem = f"is already defined, but the host has {document.variables[name]!r}"
                problems.add(document.host, name, value, problem, "remove it, or change the host first")
