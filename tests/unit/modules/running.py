# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module as Ansible does, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

PREFIX = "ansible_collections.cryptokey.wireguard.plugins.modules"


class Run(NamedTuple):
    """``output`` is every byte that came out, decoded."""

    result: dict[str, Any]
    output: str

    @property
    def changed(self) -> object:
        return self.result.get("changed")

    @property
    def message(self) -> str:
        """Why it failed; a test that asks for it expects that it did."""
        assert self.result.get("failed") is True, self.result
        return str(self.result["msg"])


def run_module(
    name: str, arguments: dict[str, Any], check: bool = False, diff: bool = False, path: str | None = None
) -> Run:
    """The module's result. ``path`` is the PATH that it sees."""
    settings = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_verbosity": 4}
    # ansible-core 2.19 asks which way values are encoded; older versions do not mind.
    request = {"ANSIBLE_MODULE_ARGS": {**arguments, **settings}}
    wrapper = (
        "import sys, runpy; from ansible.module_utils import basic; "
        "basic._ANSIBLE_PROFILE = getattr(basic, '_ANSIBLE_PROFILE', None) or 'legacy'; "
        f"runpy.run_module('{PREFIX}.{name}', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapper],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**environment(), **({"PATH": path} if path is not None else {})},
    )
    output = done.stdout + done.stderr
    assert done.stdout.lstrip().startswith("{"), output
    assert done.stderr == ""
    return Run(json.loads(done.stdout), output)


class Task(NamedTuple):
    """``output`` is what was printed and logged, ``remains`` what the files say that were left on the host."""

    output: str
    remains: str


def run_task(name: str, arguments: dict[str, Any], home: Path, *flags: str) -> Task:
    """The module as a task, as loud as can be and with its files kept. ``home`` is a folder of its own for that."""
    ansible = [
        sys.executable,
        "-m",
        "ansible.cli.adhoc",
        "localhost",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
    ]
    done = subprocess.run(
        [*ansible, "-m", f"cryptokey.wireguard.{name}", "-a", json.dumps(arguments), "-vvvv", "--diff", *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={
            **environment(),
            "ANSIBLE_HOME": str(home / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(home / "local"),
            "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
            "ANSIBLE_INJECT_INVOCATION": "1",  # what all versions before ansible-core 2.21 do
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_LOG_PATH": str(home / "log"),
            "ANSIBLE_NOCOLOR": "1",
        },
    )
    remains = [path.read_text("latin-1") for path in home.rglob("*") if path.is_file()]
    return Task("\n".join([done.stdout, done.stderr, (home / "log").read_text()]), "\n".join(remains))


def environment() -> dict[str, str]:
    """Where this process finds the collection, the module does too."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, "ANSIBLE_COLLECTIONS_PATH": paths}
