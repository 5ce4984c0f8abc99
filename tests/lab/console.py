# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab says: progress lines, and errors that say what to do."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

_start = time.monotonic()
_lock = threading.Lock()


class LabError(Exception):
    """Something that the user can put right.

    The message says on its first line what is wrong and what to do; further lines may quote the end of a log.
    """


def say(subject: str, text: str) -> None:
    """Print a progress line to standard error, with the seconds since the command began. Safe from threads."""
    with _lock:
        print(f"[{time.monotonic() - _start:4.0f} s] {subject}: {text}", file=sys.stderr, flush=True)


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a log, indented, for quoting in an error; says so when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"    ({path}: {error.strerror})"
    last = [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"    | {line}" for line in last) or f"    ({path} is empty)"
