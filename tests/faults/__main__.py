# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make faults``: injects every fault in a VM, prints a table and writes them to build/faults.json, as a list of
{"fault", "survived", "packets_lost"}. The packets are those of a ping that runs through a tunnel of the host meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, str(ROOT / "tests/lab")]
RESULTS = ROOT / "build/faults.json"
MACHINE = "faults"
_NUMBER = re.compile(r"(killed at|ENOBUFS at) (\w+) \d+$")

Fault = dict[str, Any]


def inject(flavour: str, arguments: Sequence[str]) -> tuple[int, list[Fault]]:
    """Boot a VM, run the tests that inject faults there, take it down; gives pytest's exit code, and what it wrote."""
    folder = ["--dir", "build/faults"]
    machine = ["--memory", "768", "--machine", f"{MACHINE}={flavour}"]
    subprocess.run([*LAB, "up", *folder, *machine], check=True, cwd=ROOT)
    try:
        pytest = ["python3", "-m", "pytest", "tests/kernel", "-m", "faults", "--faults", "/root/faults.json"]
        code = subprocess.run([*LAB, "run", *folder, MACHINE, *pytest, *arguments], check=False, cwd=ROOT).returncode
        written = subprocess.run(
            [*LAB, "ssh", *folder, MACHINE, "cat", "/root/faults.json"], check=True, cwd=ROOT, stdout=subprocess.PIPE
        )
        return code, json.loads(written.stdout)
    finally:
        subprocess.run([*LAB, "down", *folder], check=True, cwd=ROOT)


def grouped(faults: Iterable[Fault]) -> dict[str, list[Fault]]:
    """Those of one kind together: a run that is killed at each of its calls is a line, not fifty."""
    groups: dict[str, list[Fault]] = {}
    for fault in faults:
        groups.setdefault(_NUMBER.sub(r"\1 \2", fault["fault"]), []).append(fault)
    return groups


def render_table(faults: Iterable[Fault]) -> str:
    """In Markdown, as the docs have it."""
    lines = ["| fault | injected | survived | packets lost |", "|---|---|---|---|"]
    total = [0, 0, 0]
    for name, group in grouped(faults).items():
        survived = sum(fault["survived"] for fault in group)
        row = [len(group), survived, sum(fault["packets_lost"] for fault in group)]
        total = [before + more for before, more in zip(total, row, strict=True)]
        lines.append(f"| {name} | {' | '.join(map(str, row))} |")
    lines.append(f"| all | {' | '.join(map(str, total))} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests/faults", description=__doc__)
    parser.add_argument("--flavour", default="debian12-test", help="what the machine boots (%(default)s)")
    options, rest = parser.parse_known_args(arguments)
    os.chdir(ROOT)
    code, faults = inject(options.flavour, rest)
    RESULTS.write_text(json.dumps(faults, indent=1) + "\n")
    print(render_table(faults))
    return code


if __name__ == "__main__":
    sys.exit(main())
