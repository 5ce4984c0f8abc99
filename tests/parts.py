# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs targets of the Makefile one after the other, also after a failure, and prints at the end what came of each.

    python tests/parts.py lint unit ...

A target that cannot run on this machine says why in build/skipped/TARGET and succeeds. The last line adds up the JUnit
files that pytest wrote to build/junit, if it wrote any.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

BUILD = Path("build")


class Part(NamedTuple):
    """What came of a target: ``failed``, or why it was ``skipped``, or neither."""

    name: str
    failed: bool
    seconds: float
    skipped: str = ""


def run_parts(names: Iterable[str], build: Path = BUILD) -> list[Part]:
    for folder in ("junit", "skipped"):
        shutil.rmtree(build / folder, ignore_errors=True)
    return [_run_part(name, build / "skipped" / name) for name in names]


def _run_part(name: str, reason: Path) -> Part:
    began = time.monotonic()
    done = subprocess.run(["make", "--no-print-directory", name], check=False)
    skipped = reason.read_text().strip() if reason.exists() else ""
    return Part(name, done.returncode != 0, time.monotonic() - began, skipped)


def render_parts(parts: Sequence[Part]) -> str:
    width = max(len(part.name) for part in parts)
    return "\n".join(f"{part.name:{width}}  {part.seconds:6.0f} s  {_result(part)}" for part in parts)


def _result(part: Part) -> str:
    if part.failed:
        return "FAILED, see the errors above"
    return f"SKIPPED: {part.skipped}" if part.skipped else "ok"


def count_tests(files: Iterable[Path]) -> tuple[int, int]:
    """How many tests passed, and how many failed."""
    total = failed = 0
    for path in files:
        for suite in ElementTree.parse(path).iter("testsuite"):
            count = {name: int(suite.get(name, 0)) for name in ("tests", "errors", "failures", "skipped")}
            failed += count["errors"] + count["failures"]
            total += count["tests"] - count["skipped"]
    return total - failed, failed


def main(names: Sequence[str]) -> int:
    parts = run_parts(names)
    print(f"\n{render_parts(parts)}\n")
    files = list((BUILD / "junit").glob("*.xml"))
    if files:
        print("{} passed, {} failed".format(*count_tests(files)), flush=True)
    return int(any(part.failed for part in parts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
