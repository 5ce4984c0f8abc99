# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The size of what Ansible sends to a host for a module, in KiB. Run by itself, it prints one JSON object.

The payload has each file of the collection that the module imports anywhere, and those of Ansible, which depend on its
version. So a size is that of the version with which the limits were set: what the module adds to the ping module of
Ansible, and what that had then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PING = 165.0
# The sizes that are aimed at.
AIMS = {"member": 300, "interface": 290, "interface_info": 275, "config": 240, "config_info": 220}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "interface": {"interface": "wg-none"},
    "config": {"interface": "wg-none"},
    "member": {"interfaces": []},
}


def measure(modules: Iterable[str], folder: Path) -> dict[str, float]:
    """Run each module in check mode on an interface that does not exist, and look at the file that Ansible made."""
    names = ["ansible.builtin.ping", *(f"cryptokey.wireguard.{module}" for module in modules)]
    tasks: list[dict[str, Any]] = [
        {
            "name": "Run",
            name: ARGUMENTS.get(name.rpartition(".")[2], {}),
            "ignore_errors": True,
        }
        for name in names
    ]
    playbook = folder / "playbook.json"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    settings = {
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_PIPELINING": "0",
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = ["ansible-playbook", "--check", str(playbook), "--extra-vars"]
    command += [json.dumps({"ansible_connection": "local", "ansible_python_interpreter": sys.executable})]
    subprocess.run(command, env={**os.environ, **settings}, check=True, stdout=subprocess.DEVNULL)
    sizes = {
        path.stem.partition("_")[2]: path.stat().st_size / 1024 for path in (folder / "remote").rglob("AnsiballZ_*.py")
    }
    ping = sizes.pop("ping")
    return {module: round(size - ping + PING, 1) for module, size in sizes.items()}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sizes = measure(AIMS, Path(folder))
    rows = {
        f"payload_{name}": {"value": sizes[name], "reference": PING, "ratio": round(sizes[name] / PING, 2)}
        for name in AIMS
    }
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
