# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.tests.lab.cli import main
from ansible_collections.cryptokey.wireguard.tests.lab.console import LabError
from ansible_collections.cryptokey.wireguard.tests.lab.kernels import Result, Run, read_junit, render_table
from ansible_collections.cryptokey.wireguard.tests.lab.libraries import PYROUTE2_VERSIONS, check_version, lacking

BASE = Result("debian12-test", "6.1.0-56-cloud-amd64", "3.11.2", "0.7.2", Run("0.7.2").tests)


def test_the_numbers_are_pytests(tmp_path: Path) -> None:
    report = tmp_path / "kernel.xml"
    report.write_text(
        '<testsuites><testsuite tests="10" errors="1" failures="2" skipped="3" time="61.2"/></testsuites>'
    )
    result = read_junit(report, BASE)
    assert (result.passed, result.failed, result.seconds, result.note) == (4, 3, 61.2, "")


def test_no_report_is_told(tmp_path: Path) -> None:
    result = read_junit(tmp_path / "kernel.xml", BASE)
    assert (result.passed, result.failed, result.note) == (None, None, "pytest wrote no report")


def test_the_table_has_a_line_for_each_run() -> None:
    done = Result("debian12-test", "6.1.0", "3.11.2", "0.7.2", "all", 100, 0, 251.4)
    short = Result("debian12-test", "6.1.0", "3.11.2", "0.9.7", "-m pyroute2", 6, 1, 9.6)
    other = Result("debian13-test", "6.12.9", "3.13.5", "0.5.14", "all", note="not importable")
    assert render_table([done, short, other]).splitlines() == [
        "flavour        kernel  Python  pyroute2  tests        passed  failed  seconds",
        "debian12-test  6.1.0   3.11.2  0.7.2     all          100     0       251",
        "debian12-test  6.1.0   3.11.2  0.9.7     -m pyroute2  6       1       10",
        "debian13-test  6.12.9  3.13.5  0.5.14    all          -       -       -        not importable",
    ]


@pytest.mark.parametrize(
    ("version", "python", "module"),
    [
        ("0.5.14", "3.11.2", None),
        ("0.5.14", "3.12.0", "distutils"),
        ("0.5.14", "3.13.5", "distutils"),
        ("0.7.2", "3.13.5", None),
    ],
)
def test_what_a_newer_python_lacks(version: str, python: str, module: str | None) -> None:
    assert lacking(version, python) == module


def test_versions_are_checked_before_a_machine_boots(capsys: pytest.CaptureFixture[str]) -> None:
    assert [check_version(version) for version in PYROUTE2_VERSIONS] == list(PYROUTE2_VERSIONS)
    with pytest.raises(LabError, match=r"--pyroute2 newest: give a version such as 0\.9\.7, or all"):
        check_version("newest")
    assert main(["kernel", "--pyroute2", "newest"]) == 1
    assert "--pyroute2 newest" in capsys.readouterr().err
