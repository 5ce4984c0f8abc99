# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output that the pages show is what the commands print.

The playbooks run config-only, on hosts that all are this machine. In what a page shows, ``...`` stands for text that is
left out, and each key and each day for any other.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.tunnels import Tunnel, render_tunnels
from ansible_collections.cryptokey.wireguard.tests.unit.docs.pages import (
    PAGES,
    ROOT,
    Block,
    Command,
    read_blocks,
    read_commands,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.managed import CONFIG_ONLY, Managed

PLAYBOOK = "ansible-playbook -i inventory.yml cryptokey.wireguard."
# Commands with output that no test of this kind can run, and what shows the same.
ELSEWHERE = {
    "make site": "virtual machines; the target prints it, and the scenario hub_and_spoke does the same",
    "sudo /usr/local/libexec/cryptokey-wireguard-metrics --drift": "a real kernel; tests/kernel/test_metrics.py",
}
# Commands besides the playbooks that run for their output.
PROGRAMS = {"cat", "ls", "openssl"}
# These look at tunnels, of which there are none here.
NOT_RUN = {"doctor", "status", "remove"}

_VARYING = (
    (re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}="), "KEY"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\*{3,}$"), "***"),
)


def plain(line: str) -> str:
    for pattern, word in _VARYING:
        line = pattern.sub(word, line)
    return line.rstrip()


def is_shown(shown: tuple[str, ...], printed: str) -> bool:
    """Whether what a page shows is what was printed, but for what it leaves out."""
    pattern = ""
    for line in map(plain, shown):
        if line == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(map(re.escape, line.split("..."))) + r"\n"
    return re.fullmatch(pattern, "".join(f"{plain(line)}\n" for line in printed.strip().splitlines())) is not None


def commands(page: str) -> list[Command]:
    blocks = [block for block in read_blocks(page) if block.language == "console"]
    return [command for block in blocks for command in read_commands(block)]


def runs_here(command: Command) -> bool:
    if command.text.startswith(PLAYBOOK):
        return command.text.removeprefix(PLAYBOOK).split()[0] not in NOT_RUN
    return bool(command.output) and command.text.split()[0] in PROGRAMS


def is_wanted(command: Command) -> bool:
    """Whether it prints what a page shows, or writes it."""
    return runs_here(command) and (bool(command.output) or "wireguard_file=" in command.text)


def steps(page: str) -> list[Block | Command]:
    """What a reader does, up to the last thing that the page shows: inventories to write, and commands."""
    found: list[Block | Command] = []
    for block in read_blocks(page):
        if block.is_inventory:
            found.append(block)
        elif block.language == "console":
            found += [command for command in read_commands(block) if runs_here(command)]
    while found and not (isinstance(found[-1], Command) and is_wanted(found[-1])):
        found.pop()
    # Check mode leaves nothing behind that a later command would need.
    return [step for step in found if isinstance(step, Block) or is_wanted(step) or "--check" not in step.text]


SHOWING = [page for page in PAGES if steps(page)]


class Reader:
    """Does what a page says, from top to bottom."""

    def __init__(self, directory: Path) -> None:
        self.fleet = Managed(directory)
        self.wrong: list[str] = []

    def write_inventory(self, text: str) -> None:
        self.fleet.inventory = yaml.safe_load(text)
        hosts = [host for group in self.fleet.inventory.values() for host in group.get("hosts") or {}]
        self.fleet.add(*dict.fromkeys(hosts))
        (self.fleet.directory / "inventory.yml").write_text(text)

    def run(self, command: Command) -> None:
        words = shlex.split(command.text) if command.text.startswith(PLAYBOOK) else ["bash", "-c", command.text]
        if words[0] == "ansible-playbook":
            words += CONFIG_ONLY
        # One host after the other, so that they are always in the same order.
        run = self.fleet.call(words, ANSIBLE_FORKS="1")
        failing = any("FAILED!" in line for line in command.output)
        if (run.code != 0) != failing or (command.output and not is_shown(command.output, run.output)):
            self.wrong.append(f"$ {command.text}\n{run.output}")


@pytest.mark.parametrize("page", SHOWING)
def test_the_output_is_what_the_commands_print(page: str, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for step in steps(page):
        if isinstance(step, Block):
            reader.write_inventory(step.text)
        else:
            reader.run(step)
    assert not reader.wrong, "\n".join(reader.wrong)
    graph = tmp_path / "net.mmd"
    if graph.exists() and "This is `net.mmd`" in (ROOT / page).read_text():
        assert graph.read_text() in [block.text for block in read_blocks(page) if block.language == "mermaid"]


def test_no_page_shows_output_that_nothing_holds() -> None:
    held = [command.text for page in PAGES for command in commands(page) if command.output and not runs_here(command)]
    assert set(held) <= set(ELSEWHERE)


def read_tunnel(line: str) -> Tunnel:
    host, peer, handshake, ping, ping6, received, sent = re.split(" {2,}", line)
    return Tunnel(host, "home", peer, handshake, ping, ping6, received, sent, up=True)


def test_tables_of_tunnels_have_the_form_that_status_gives_them() -> None:
    """Their numbers are those of a lab; ``make site`` prints such a table."""
    found = 0
    for page in PAGES:
        for table in re.findall(r"^HOST +.*\n(?:(?!\.\.\.|```).*\n)+", (ROOT / page).read_text(), re.MULTILINE):
            lines = table.splitlines()
            tunnels = [read_tunnel(line) for line in lines[1:]]
            assert render_tunnels(tunnels) == lines
            found += 1
    assert found >= 2


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        (("a", "b"), "a\nb\n", True),
        (("a", "b"), "a\nc\n", False),
        (("a",), "a\nb\n", False),
        (("...", "b"), "a\nb\n", True),
        (("...", "b"), "b\n", True),
        (("a", "...", "c"), "a\nx\ny\nc\n", True),
        (("a", "...", "c"), "a\nx\n", False),
        (("a", "...", "b", "..."), "b\na\n", False),
        (("ok=... failed=0 ...",), "ok=12 failed=0 skipped=3\n", True),
        (("ok=... failed=0 ...",), "ok=12 failed=1 skipped=3\n", False),
        (("last_seen: 2026-11-28",), "last_seen: 2027-01-01\n", True),
    ],
)
def test_what_is_left_out_may_be_anything_and_nothing_else(shown: tuple[str, ...], printed: str, fits: bool) -> None:
    assert is_shown(shown, printed) is fits
