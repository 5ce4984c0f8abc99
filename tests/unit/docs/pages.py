# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides, as tests read them: their code blocks, and the commands and the output in these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
# By their paths in the repository.
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md"), *ROOT.glob("roles/*/README.md"))
)

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, and its text with the last newline."""

    language: str
    text: str

    @property
    def is_inventory(self) -> bool:
        return self.language == "yaml" and re.search(r"^all:$", self.text, re.MULTILINE) is not None


class Command(NamedTuple):
    """What is typed, without the prompt, and the lines that it prints."""

    text: str
    output: tuple[str, ...]


def read_blocks(page: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall((ROOT / page).read_text())]


def read_commands(block: Block) -> Iterator[Command]:
    """Those of a console block. A command goes on in the next line after a backslash."""
    text = ""
    output: list[str] = []
    for line in block.text.splitlines():
        if text.endswith("\\"):
            text += f"\n{line}"
        elif line.startswith("$ "):
            if text:
                yield Command(text, tuple(output))
            text, output = line[2:], []
        else:
            output.append(line)
    if text:
        yield Command(text, tuple(output))
