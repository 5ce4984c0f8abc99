# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module as Ansible sends it to a host: one file that unpacks itself, without compiled code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# Runs a command and tells its peak in KiB. A process of its own, since a child's peak begins with that of its parent.
_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


class AnsibleModule:
    """``run`` starts the file that Ansible made for the module and its arguments.

    Ansible runs it once to make the file. ``check``: in check mode, as is the file itself then. ``runs``: how often to
    run the task, until it does not start other modules any more.
    """

    def __init__(self, folder: Path, name: str, arguments: dict[str, Any], check: bool = True, runs: int = 1) -> None:
        for number in range(runs):
            self.file = self._run_task(folder / str(number), name, arguments, check)[-1]

    def _run_task(self, folder: Path, name: str, arguments: dict[str, Any], check: bool) -> list[Path]:
        folder.mkdir(parents=True)
        playbook = folder / "playbook.yml"
        playbook.touch(0o600)
        task = {"name": "Run", name: arguments}
        playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
        environment = {
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_PIPELINING": "0",
            "ANSIBLE_COLLECTIONS_PATH": os.environ["PYTHONPATH"],
        }
        subprocess.run(
            ["ansible-playbook", *(["--check"] if check else []), str(playbook)],
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return sorted((folder / "remote").rglob(f"AnsiballZ_{name.rpartition('.')[2]}.py"))

    def run(self, changed: bool = False) -> float:
        """Return the peak of its memory in MiB. The bench ends if it fails, or does not change what it should."""
        # It finds all it needs in itself.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-c", _PEAK, sys.executable, str(self.file)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        output, peak = done.stdout.strip().splitlines()[-2:]
        if json.loads(output).get("changed", False) is not changed:
            raise SystemExit(f"{self.file.name} should{'' if changed else ' not'} change something: {output[:500]}")
        return int(peak) / 1024
