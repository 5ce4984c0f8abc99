# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find words that readers stumble over in what people read: documentation, option texts, task names, messages.

Prints each place with the plainer words that say the same, and exits with 1 where there is one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "changelogs",
    "docs",
    "plugins",
    "roles",
    "playbooks",
    "molecule",
)
# What is gone, as a regular expression of whole words, and what to write instead.
GONE = {
    r"heed(s|ed|ing)?|unheeded": "use, follow or ignore",
    r"anew": "again",
    r"whom": "name the hosts: 'the hosts that', 'which hosts'",
    r"who(m|so)?ever": "a user, a program, 'any host that'",
    r"nobody|no one": "no user, no host, nothing",
    r"thereby": "this, so",
    r"hence": "so, therefore",
    r"seldom": "rarely",
    r"shall": "must, should or will",
    r"lest": "so that … not",
    r"rather have": "prefer",
    r"(has|have) it otherwise": "say what differs",
    r"(see|sees|seeing|saw|seen) to( it)?": "make sure that, check, or the verb itself: create, set, install",
    r"put(s|ting)? right": "correct, fix",
    r"com(e|es|ing) undone": "is rolled back, fails",
}
# A phrase may go on in the next line, where a comment's sign comes first.
_SPACE = r"\s+(?:#\s+)?"
_PATTERN = re.compile("|".join(rf"\b({words})\b".replace(" ", _SPACE) for words in GONE), re.IGNORECASE)


def find(text: str) -> Iterator[tuple[int, str, str]]:
    """Each gone word of a text: its line, counted from 1, itself, and what to write instead."""
    for match in _PATTERN.finditer(text):
        word = " ".join(match.group().replace("#", " ").split())
        (remedy,) = (remedy for words, remedy in GONE.items() if re.fullmatch(words, word, re.IGNORECASE))
        yield text.count("\n", 0, match.start()) + 1, word, remedy


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *PLACES],
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    count = 0
    for name in filter(None, listed.split("\0")):
        path = Path(name)
        if not path.is_file() or path.suffix in (".svg", ".png", ".js"):
            continue
        for line, word, remedy in find(path.read_text(encoding="utf-8")):
            print(f"{name}:{line}: {word!r}: write {remedy}")
            count += 1
    print(f"words: {count or 'none'} that are gone")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
