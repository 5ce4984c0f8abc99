# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the README's commands with the collection that a tarball has, in an empty folder.

    python tests/readme.py TARBALL

The README's inventory is written to inventory.yml. Its hosts do not exist, so playbooks are read only, with
--syntax-check, except for plan, which contacts no host. Of make's targets, only the names are checked.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INSTALL = "ansible-galaxy collection install"
# Playbooks that contact no host.
LOCAL = ("cryptokey.wireguard.plan",)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:ansible(?:-\w+)?|make) ")


def find_inventory(text: str) -> str:
    """The only YAML block that defines networks."""
    blocks = [body for language, body in _FENCE.findall(text) if language == "yaml" and "wireguard_networks:" in body]
    if len(blocks) != 1:
        raise ValueError(f"README.md: expected one YAML block with wireguard_networks, found {len(blocks)}")
    return str(blocks[0])


def find_commands(text: str) -> list[str]:
    """The commands after a prompt in console blocks, and those in backquotes, without repetition."""
    found = []
    for language, body in _FENCE.findall(text):
        if language == "console":
            found += [line[2:] for line in body.replace("\\\n", " ").splitlines() if line.startswith("$ ")]
    found += _SPAN.findall(_FENCE.sub("", text))
    return list(dict.fromkeys(command for command in found if _COMMAND.match(command)))


def runnable(command: str, tarball: Path) -> list[str]:
    """The words of a command, such that it needs no host and no package index."""
    words = shlex.split(command, comments=True)
    if command.startswith(INSTALL):
        if words[3:] not in (["cryptokey.wireguard"], [tarball.name]):
            raise ValueError(f"README.md: {command!r}: expected cryptokey.wireguard or {tarball.name}")
        return [*words[:3], "--offline", str(tarball)]
    if words[0] == "ansible-playbook":
        words += [] if "-i" in words else ["-i", "inventory.yml"]
        words += [] if set(LOCAL) & set(words) else ["--syntax-check"]
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        if unknown := [word for word in words[1:] if word not in targets]:
            raise ValueError(f"README.md: {command!r}: the Makefile has no target {unknown[0]}")
        return []
    return words


def run_commands(text: str, tarball: Path) -> int:
    """Run a README's commands, after the installation, until one fails; returns how many there are."""
    commands = find_commands(text)
    if not any(command.startswith(INSTALL) for command in commands):
        raise ValueError(f"README.md: expected a command that begins with {INSTALL!r}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "inventory.yml").write_text(find_inventory(text))
        environment = {**os.environ, "HOME": folder, "ANSIBLE_COLLECTIONS_PATH": f"{folder}/collections"}
        for command in sorted(commands, key=lambda command: not command.startswith(INSTALL)):
            if not (words := runnable(command, tarball)):
                continue
            print(f"readme: {shlex.join(words)}", flush=True)
            done = subprocess.run(
                words,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise ValueError(f"README.md: {command!r} fails:\n{done.stdout}{done.stderr}")
    return len(commands)


def main(arguments: Sequence[str]) -> int:
    try:
        number = run_commands((ROOT / "README.md").read_text(), Path(arguments[0]).resolve())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"readme: {number} commands: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
