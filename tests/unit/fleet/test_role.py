# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell script of the role that tells what a host lacks."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

ROLE = Path(__file__).parents[3] / "roles" / "network"
FILES = ROLE / "files"
TOOLS = ["wg-quick", "ip", "nft", "ping"]


INTERFACE = "wg-test"
TIMER = f"cryptokey-wireguard-reresolve@{INTERFACE}.timer"
# What the script itself needs of the system, next to what it looks for.
REAL_TOOLS = ("cat", "grep", "sha256sum")


def look(
    tmp_path: Path,
    tools: list[str],
    libraries: bool = True,
    reresolve: str = "off",
    namespaces: Sequence[str] = (),
) -> list[str]:
    """What the script prints where just these tools are, and a Python with or without the libraries.

    The directories of systemd are below ``tmp_path`` too.
    """
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    for tool in tools:
        (bin_directory / tool).write_text("#!/bin/sh\n")
        (bin_directory / tool).chmod(0o755)
    for tool in REAL_TOOLS:
        (bin_directory / tool).symlink_to(str(shutil.which(tool)))
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexit {int(not libraries)}\n")
    python.chmod(0o755)
    script = (FILES / "look.sh").read_text().replace("PATH=$PATH:/usr/sbin:/sbin", "")
    for directory in ("/run/systemd/system", "/etc/systemd/system", "/etc/runlevels", "/usr/local/libexec"):
        script = script.replace(directory, f"{tmp_path}{directory}")
    done = subprocess.run(
        ["/bin/sh", "-s", INTERFACE, str(python), reresolve, "", *namespaces],
        input=script,
        env={"PATH": str(bin_directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


@pytest.mark.parametrize(
    ("tools", "libraries", "lacks"),
    [
        (TOOLS, True, []),
        (TOOLS, False, ["packages"]),
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
    assert look(tmp_path, TOOLS, namespaces=namespaces) == lacks


def test_it_looks_for_the_line_that_the_drop_in_has() -> None:
    (start,) = (line for line in (FILES / "look.sh").read_text().splitlines() if line.startswith("adopt="))
    assert (
        start.removeprefix('adopt="').removesuffix('"') in (FILES / "50-cryptokey-adopt.conf").read_text().splitlines()
    )


def with_systemd(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)


def with_timer(tmp_path: Path, seconds: int = 60) -> str:
    """Set up the files of the timer below ``tmp_path`` as the role does; returns the digest that it looks for."""
    template = (ROLE / "templates" / "reresolve.timer.j2").read_text()
    timer = re.sub(r"{{ network_plan.hosts.inventory_hostname..reresolve }}", str(seconds), template)
    assert "{" not in timer
    texts = {
        "usr/local/libexec/cryptokey-wireguard-reresolve": (FILES / "reresolve.sh").read_text(),
        "etc/systemd/system/cryptokey-wireguard-reresolve@.service": (FILES / "reresolve.service").read_text(),
        f"etc/systemd/system/{TIMER}": timer,
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return hashlib.sha256("".join(texts.values()).encode()).hexdigest()


def test_a_timer_that_is_there_is_not_set_up_again(tmp_path: Path) -> None:
    with_systemd(tmp_path)
    digest = with_timer(tmp_path)
    assert look(tmp_path, [*TOOLS, "systemctl"], reresolve=digest) == ["systemd"]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param("usr/local/libexec/cryptokey-wireguard-reresolve", id="program"),
        pytest.param("etc/systemd/system/cryptokey-wireguard-reresolve@.service", id="service"),
        pytest.param(f"etc/systemd/system/{TIMER}", id="timer"),
    ],
)
@pytest.mark.parametrize("missing", [True, False])
def test_a_timer_with_an_old_or_missing_part_is_set_up(tmp_path: Path, spoil: str, missing: bool) -> None:
    with_systemd(tmp_path)
    digest = with_timer(tmp_path)
    if missing:
        (tmp_path / spoil).unlink()
    else:
        (tmp_path / spoil).write_text("# older\n")
    assert look(tmp_path, [*TOOLS, "systemctl"], reresolve=digest) == ["systemd", "reresolve"]


def test_a_timer_of_another_interval_or_that_is_off_is_set_up(tmp_path: Path) -> None:
    with_systemd(tmp_path)
    digest = with_timer(tmp_path, 60)
    with_timer(tmp_path, 120)
    assert look(tmp_path, [*TOOLS, "systemctl"], reresolve=digest) == ["systemd", "reresolve"]
    shutil.rmtree(tmp_path / "bin")
    # Without systemctl nothing is enabled or active.
    assert look(tmp_path, TOOLS, reresolve=with_timer(tmp_path, 60)) == ["systemd", "reresolve"]


def test_a_timer_that_is_not_wanted_is_removed(tmp_path: Path) -> None:
    with_systemd(tmp_path)
    assert look(tmp_path, TOOLS) == ["systemd"]
    shutil.rmtree(tmp_path / "bin")
    with_timer(tmp_path)
    assert look(tmp_path, TOOLS) == ["systemd", "reresolve_absent"]


def test_a_timer_is_refused_where_there_is_no_systemd(tmp_path: Path) -> None:
    (line,) = look(tmp_path, TOOLS, reresolve="0" * 64)
    assert line.startswith("wireguard_reresolve: it is a timer of systemd, which does not run here")


def test_the_program_is_installed_where_its_service_and_the_look_expect_it() -> None:
    (program,) = re.findall(r"^network_reresolve_program: (.*)$", (ROLE / "vars/main.yml").read_text(), re.MULTILINE)
    (units,) = re.findall(r"^network_reresolve_units: (.*)$", (ROLE / "vars/main.yml").read_text(), re.MULTILINE)
    look_script = (FILES / "look.sh").read_text()
    assert f"ExecStart={program} %i\n" in (FILES / "reresolve.service").read_text()
    assert f"\nprogram={program}\nunits={units}\n" in look_script
