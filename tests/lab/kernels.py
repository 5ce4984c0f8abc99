# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests on real kernels: one machine for each flavour, in it one run of pytest for each version of pyroute2."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from .console import LabError, say
from .lab import Lab
from .libraries import ensure_pyroute2, lacking
from .machine import Machine
from .remote import COLLECTION, GUEST_COLLECTION, ask, copy, copy_collection, fetch, run

MACHINE = "kernel"
# The tests that make a library do its part: links, addresses, routes and rules.
MARK = "pyroute2"
# Those that inject faults take long; they are for tests/faults.
ALL = "not faults"

_JUNIT = COLLECTION / "build/junit"
_GUEST_LIBRARIES = "/root/libraries"


@dataclass(frozen=True)
class Run:
    """One call of pytest. `pyroute2` is a version, or None for the guest's own; `marked` runs only what needs it."""

    pyroute2: str | None = None
    marked: bool = False

    @property
    def tests(self) -> str:
        return f"-m {MARK}" if self.marked else "all"

    @property
    def mark(self) -> str:
        return MARK if self.marked else ALL


@dataclass(frozen=True)
class Result:
    """What came of a run; `passed` and `failed` are numbers of tests, None where pytest could not begin.

    `note` says why there is nothing to count, or is empty.
    """

    flavour: str
    kernel: str
    python: str
    pyroute2: str
    tests: str
    passed: int | None = None
    failed: int | None = None
    seconds: float = 0.0
    note: str = ""


def run_all(lab: Lab, machine: Machine, runs: Iterable[Run], arguments: Sequence[str]) -> tuple[list[Result], int]:
    """All runs in one machine that is up, and the exit code of the first to fail; further arguments go to pytest."""
    copy_collection(lab, machine)
    results = []
    first = 0
    for each in runs:
        result, code = _run_one(lab, machine, each, arguments)
        results.append(result)
        first = first or code
    return results, first


def _run_one(lab: Lab, machine: Machine, wanted: Run, arguments: Sequence[str]) -> tuple[Result, int]:
    libraries = []
    if wanted.pyroute2:
        libraries = [f"{_GUEST_LIBRARIES}/{wanted.pyroute2}"]
        copy(lab, machine, {".": ensure_pyroute2(wanted.pyroute2)}, libraries[0])
    kernel, python = (_answer(lab, machine, command) for command in (["uname", "-r"], ["python3", "--version"]))
    python = python.split()[-1]
    base = Result(machine.flavour, kernel, python, wanted.pyroute2 or "packaged", wanted.tests)
    module = lacking(wanted.pyroute2, python) if wanted.pyroute2 else None
    if module:
        return _expect_import_error(lab, machine, base, module, libraries)
    say(machine.name, f"{machine.flavour}, kernel {kernel}, Python {python}, pyroute2 {base.pyroute2}: {base.tests}")
    junit = f"{GUEST_COLLECTION}/kernel.xml"
    command = ["python3", "-m", "pytest", "tests/kernel", f"--junit-xml={junit}"]
    command += ["-m", wanted.mark]
    code = run(lab, machine, ["rm", "-f", junit]) or run(lab, machine, [*command, *arguments], *libraries)
    target = _JUNIT / f"kernel-{machine.flavour}-pyroute2-{base.pyroute2}.xml"
    target.unlink(missing_ok=True)
    fetch(lab, machine, junit, target)
    return read_junit(target, base), code


def _answer(lab: Lab, machine: Machine, command: Sequence[str]) -> str:
    code, answer = ask(lab, machine, command)
    if code:
        raise LabError(f"{' '.join(command)} failed in {machine.name}: {answer}")
    return answer


def _expect_import_error(
    lab: Lab, machine: Machine, base: Result, module: str, libraries: Sequence[str]
) -> tuple[Result, int]:
    """A pair of versions that cannot be: shown to be so, and not counted as anything."""
    code, answer = ask(lab, machine, ["python3", "-c", "import pyroute2"], *libraries)
    expected = f"ModuleNotFoundError: No module named '{module}'"
    if code and answer.endswith(expected):
        return _noted(base, f"cannot be imported: {expected}"), 0
    return _noted(base, f"was to fail with {expected}, not with: {answer or 'nothing'}"), 1


def _noted(base: Result, note: str) -> Result:
    return Result(**{**vars(base), "note": note})


def read_junit(path: Path, base: Result) -> Result:
    """The numbers in pytest's report; where there is none, a note says so."""
    if not path.exists():
        return _noted(base, "pytest wrote no report")
    count = dict.fromkeys(("tests", "errors", "failures", "skipped"), 0)
    seconds = 0.0
    for suite in ElementTree.parse(path).iter("testsuite"):
        count = {name: number + int(suite.get(name, 0)) for name, number in count.items()}
        seconds += float(suite.get("time", 0))
    failed = count["errors"] + count["failures"]
    passed = count["tests"] - count["skipped"] - failed
    return Result(**{**vars(base), "passed": passed, "failed": failed, "seconds": seconds})


def render_table(results: Sequence[Result]) -> str:
    """The results in columns, one line each."""
    head = ("flavour", "kernel", "Python", "pyroute2", "tests", "passed", "failed", "seconds")
    rows = [head, *(_row(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    notes = ["", *(result.note for result in results)]
    return "\n".join(
        f"{'  '.join(map(str.ljust, row, widths))}  {note}".rstrip() for row, note in zip(rows, notes, strict=True)
    )


def _row(result: Result) -> tuple[str, ...]:
    numbers = ("-", "-", "-")
    if result.passed is not None:
        numbers = (str(result.passed), str(result.failed), f"{result.seconds:.0f}")
    return (result.flavour, result.kernel, result.python, result.pyroute2, result.tests, *numbers)
