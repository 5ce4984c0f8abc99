# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs of Ansible's commands are given, and what they said."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan import planner

EXECUTIONS = "executions.json"
COLLECTIONS = planner.__file__.partition("/ansible_collections/")[0]


def environment(directory: Path, **settings: str) -> dict[str, str]:
    """That of a run which finds this collection, keeps its own files below ``directory`` and has them to itself."""
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
        "ANSIBLE_HOME": str(directory / ".ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "1000",
        **settings,
    }


def counting(directory: Path) -> dict[str, str]:
    """Settings that have a run list the tasks on each host in ``directory``, for ``read_executions``."""
    plugins = Path(COLLECTIONS, "ansible_collections/cryptokey/wireguard/tests/unit/callback_plugins")
    return {"ANSIBLE_CALLBACK_PLUGINS": str(plugins), "EXECUTIONS_PATH": str(directory / EXECUTIONS)}


def read_executions(directory: Path) -> dict[str, list[str]]:
    """The names of the tasks on each host, without those that run once for all hosts."""
    started: dict[str, list[str]] = json.loads((directory / EXECUTIONS).read_text())
    return started


def read_recap(output: str) -> dict[str, dict[str, int]]:
    """Each host's counts."""
    lines = re.findall(r"^(\S+) +: (ok=.*)$", output.partition("PLAY RECAP")[2], re.MULTILINE)
    return {host: {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", text)} for host, text in lines}


class Run(NamedTuple):
    """Of ansible-playbook. ``output`` is all that it printed."""

    code: int
    output: str

    @property
    def said(self) -> str:
        """The output as one line: Ansible wraps warnings, before 2.19 at 79 characters."""
        return " ".join(self.output.split())

    @property
    def results(self) -> list[dict[str, Any]]:
        """What the tasks returned, with -v and no loops."""
        texts = re.findall(r"^(?:ok|changed): \[\S+\] => (\{.*\})$", self.output, re.MULTILINE)
        return [json.loads(text) for text in texts]

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Each host's counts."""
        return read_recap(self.output)

    @property
    def changed(self) -> bool:
        assert self.code == 0, self.output
        return any(counts["changed"] for counts in self.recap.values())
