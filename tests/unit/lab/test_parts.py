# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` and `make nightly` say at the end."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests import parts

MAKEFILE = """
good:
\tmkdir -p build/junit && echo '{junit}' >build/junit/good.xml
bad:
\tfalse
lacking:
\tmkdir -p build/skipped && echo 'there is no Python for it' >build/skipped/lacking
"""
JUNIT = '<testsuites><testsuite tests="9" errors="1" failures="2" skipped="3"/></testsuites>'
NEWEST = Path(__file__).parents[2] / "newest.sh"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("Makefile").write_text(MAKEFILE.format(junit=JUNIT))


def lines(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """Of the summary, without the times."""
    printed = [" ".join(line.split()) for line in capfd.readouterr().out.splitlines()]
    return [re.sub(r"^(\w+) \d+ s", r"\1", line) for line in printed if re.search(r"^\w+ \d+ s |passed,", line)]


def test_what_comes_after_a_failure_runs_and_each_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    assert parts.main(["bad", "lacking", "good"]) == 1
    assert lines(capfd) == [
        "bad FAILED, see the errors above",
        "lacking SKIPPED: there is no Python for it",
        "good ok",
        "3 passed, 3 failed",
    ]


def test_what_was_left_by_an_earlier_run_does_not_count(capfd: pytest.CaptureFixture[str]) -> None:
    parts.main(["good", "lacking"])
    Path("Makefile").write_text("good lacking:\n\ttrue\n")
    capfd.readouterr()
    assert parts.main(["good", "lacking"]) == 0
    assert lines(capfd) == ["good ok", "lacking ok"]


def test_without_a_python_for_the_newest_ansible_core_the_reason_is_left(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "mkdir", "sed", "tee"):
        (tools / name).symlink_to(str(shutil.which(name)))
    broken = tools / "python3.13"  # as a pyenv shim of a version that is not switched on
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    done = subprocess.run(
        [tools / "bash", NEWEST, "sanity-newest", "false"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=True,
    )
    reason = Path("build/skipped/sanity-newest").read_text()
    assert "needs Python 3.12 or newer" in reason
    assert done.stderr == f"sanity-newest: skipped: {reason}"
