# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work inside a machine: a command over SSH, and a copy of the collection to run it in."""

from __future__ import annotations

import shlex
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

from .console import LabError
from .lab import Lab
from .machine import Machine
from .tools import tool

COLLECTION = Path(__file__).resolve().parents[2]

# The path by which Python and Ansible find a collection.
GUEST_COLLECTIONS = "/root/collections"
GUEST_COLLECTION = f"{GUEST_COLLECTIONS}/ansible_collections/cryptokey/wireguard"

_COPIED = ("galaxy.yml", "meta", "playbooks", "plugins", "pyproject.toml", "roles", "tests")


def ssh_command(lab: Lab, machine: Machine, *arguments: str) -> list[str]:
    """The call of ssh that reaches a machine, and nothing else than it."""
    options = (
        f"UserKnownHostsFile={lab.known_hosts}",
        "IdentitiesOnly=yes",
        "LogLevel=ERROR",
        "ServerAliveInterval=30",
    )
    return [
        *(tool("ssh"), "-F", "none", "-i", str(lab.key), "-p", str(machine.ssh_port)),
        *(part for option in options for part in ("-o", option)),
        *("root@127.0.0.1", *arguments),
    ]


def copy_collection(lab: Lab, machine: Machine) -> None:
    """Replace the guest's copy of the collection with the work tree's modules, role and tests."""
    copy(lab, machine, {name: COLLECTION / name for name in _COPIED if (COLLECTION / name).exists()}, GUEST_COLLECTION)


def copy(lab: Lab, machine: Machine, sources: Mapping[str, Path], target: str) -> None:
    """Replace a folder of the guest's with files and folders from here, each under the name given."""
    unpack = f"rm -rf {target} && mkdir -p {target} && tar -C {target} -xf -"
    with (
        subprocess.Popen(ssh_command(lab, machine, unpack), stdin=subprocess.PIPE) as process,
        tarfile.open(fileobj=cast(IO[bytes], process.stdin), mode="w|") as archive,
    ):
        for name, source in sources.items():
            archive.add(source, name, filter=_wanted)
    if process.returncode != 0:
        raise LabError(f"copying to {target} of {machine.name} failed: is there room on its disk?")


def run(lab: Lab, machine: Machine, command: Sequence[str], *libraries: str) -> int:
    """Run a command in the guest's copy of the collection, its output going where ours goes; returns its exit code.

    Python finds what is in the folders of `libraries` before the guest's own.
    """
    line = _in_collection(command, libraries)
    return subprocess.run(ssh_command(lab, machine, line), stdin=subprocess.DEVNULL, check=False).returncode


def ask(lab: Lab, machine: Machine, command: Sequence[str], *libraries: str) -> tuple[int, str]:
    """The same, but also returns what the command printed, blanks around it stripped."""
    line = _in_collection(command, libraries) + " 2>&1"
    done = subprocess.run(
        ssh_command(lab, machine, line), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stdout.strip()


def _in_collection(command: Sequence[str], libraries: Sequence[str]) -> str:
    path = ":".join([*libraries, GUEST_COLLECTIONS])
    return f"cd {GUEST_COLLECTION} && PYTHONPATH={path} exec {shlex.join(command)}"


def fetch(lab: Lab, machine: Machine, source: str, target: Path) -> None:
    """Copy a file of the guest's here; one that is not there leaves nothing here either."""
    done = subprocess.run(ssh_command(lab, machine, "cat", source), stdout=subprocess.PIPE, check=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    if done.returncode == 0:
        target.write_bytes(done.stdout)


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = Path(member.name).name
    return None if name == "__pycache__" or name.endswith("_cache") else member
