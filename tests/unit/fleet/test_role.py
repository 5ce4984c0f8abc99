# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shell script of the role, which tells what a host lacks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

FILES = Path(__file__).parents[3] / "roles" / "network" / "files"


def look(tmp_path: Path, tools: list[str], libraries: bool, *namespaces: str) -> list[str]:
    """What the script prints of packages and namespaces where just these tools are, and a Python with or without the
    libraries."""
    for tool in tools:
        (tmp_path / tool).write_text("#!/bin/sh\n")
        (tmp_path / tool).chmod(0o755)
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexit {int(not libraries)}\n")
    python.chmod(0o755)
    script = (FILES / "look.sh").read_text()
    done = subprocess.run(
        ["/bin/sh", "-s", "wg-test", str(python), "", *namespaces],
        input=script.replace("PATH=$PATH:/usr/sbin:/sbin", ""),
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line in ("packages", "netns")]


@pytest.mark.parametrize(
    ("tools", "libraries", "lacks"),
    [
        (["wg-quick", "ip", "nft", "ping"], True, []),
        (["wg-quick", "ip", "nft", "ping"], False, ["packages"]),
        (["wg-quick", "ip", "ping"], True, ["packages"]),
        ([], True, ["packages"]),
    ],
)
def test_missing_packages_are_noticed(tmp_path: Path, tools: list[str], libraries: bool, lacks: list[str]) -> None:
    assert look(tmp_path, tools, libraries) == lacks


@pytest.mark.parametrize(
    ("namespaces", "lacks"),
    [(["", ""], []), (["no-such-namespace", ""], ["netns"]), (["", "no-such-namespace"], ["netns"])],
)
def test_missing_namespaces_are_noticed(tmp_path: Path, namespaces: list[str], lacks: list[str]) -> None:
    assert look(tmp_path, ["wg-quick", "ip", "nft", "ping"], True, *namespaces) == lacks


def test_it_looks_for_the_line_that_the_drop_in_has() -> None:
    (start,) = (line for line in (FILES / "look.sh").read_text().splitlines() if line.startswith("adopt="))
    assert (
        start.removeprefix('adopt="').removesuffix('"') in (FILES / "50-cryptokey-adopt.conf").read_text().splitlines()
    )
