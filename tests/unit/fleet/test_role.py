# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell script of the role that tells what a host lacks."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

ROLE = Path(__file__).parents[3] / "roles" / "network"
FILES = ROLE / "files"
TOOLS = ["wg-quick", "ip", "nft", "ping"]


INTERFACE = "wg-test"
TIMER = f"cryptokey-wireguard-reresolve@{INTERFACE}.timer"
BOTH = [f"systemd {INTERFACE}", f"reresolve {INTERFACE}"]
# What the script itself needs of the system, next to what it looks for.
REAL_TOOLS = ("cat", "grep", "sha256sum")


class Asked(NamedTuple):
    """What the role asks for on an interface, as the script takes it."""

    interface: str = INTERFACE
    drop_in: str = ""
    netns: str = ""
    birth_netns: str = ""
    timer: str = ""
    program: str = ""


def look(
    tmp_path: Path,
    tools: list[str],
    *interfaces: Asked,
    libraries: bool = True,
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
    for directory in (
        "/run/systemd/system",
        "/etc/systemd/system",
        "/etc/runlevels",
        "/usr/local/libexec",
        "/etc/wireguard",
    ):
        script = script.replace(directory, f"{tmp_path}{directory}")
    asked = interfaces or (Asked(),)
    done = subprocess.run(
        ["/bin/sh", "-s", str(python), *(part for each in asked for part in each)],
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
        (TOOLS, False, ["first packages"]),
        (["wg-quick", "ip", "ping"], True, ["first packages"]),
        ([], True, ["first packages"]),
    ],
)
def test_missing_packages_are_noticed(tmp_path: Path, tools: list[str], libraries: bool, lacks: list[str]) -> None:
    assert look(tmp_path, tools, libraries=libraries) == lacks


def test_missing_namespaces_are_named(tmp_path: Path) -> None:
    interfaces = [Asked(), Asked(netns="none"), Asked(birth_netns="nowhere")]
    assert look(tmp_path, TOOLS, *interfaces) == ["first netns none", "first netns nowhere"]


def test_a_key_from_which_the_host_has_changed_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "etc/wireguard/private"
    folder.mkdir(parents=True)
    for name in ("wg0.key", "wg0.key.next", "wg1.key", "wg1.key.old"):
        (folder / name).touch()
    assert look(tmp_path, TOOLS, Asked("wg0"), Asked("wg1")) == ["rotated wg1"]


def test_without_systemd_nothing_would_make_namespaces_at_boot(tmp_path: Path) -> None:
    assert look(tmp_path, TOOLS, Asked("wg0"), Asked("wg1", drop_in="[Service]\n")) == ["first boot wg1"]


def test_each_interface_has_its_own_service(tmp_path: Path) -> None:
    with_systemd(tmp_path)
    assert look(tmp_path, TOOLS, Asked("wg0"), Asked("wg1")) == ["systemd wg0", "systemd wg1"]
    shutil.rmtree(tmp_path / "bin")
    folder = tmp_path / "etc/systemd/system/wg-quick@wg0.service.d"
    folder.mkdir(parents=True)
    shutil.copy(FILES / "50-cryptokey-adopt.conf", folder)
    assert look(tmp_path, [*TOOLS, "systemctl"], Asked("wg0"), Asked("wg1")) == ["systemd wg1"]
    shutil.rmtree(tmp_path / "bin")
    assert look(tmp_path, [*TOOLS, "systemctl"], Asked("wg0", drop_in="[Service]\n")) == ["systemd wg0"]


def test_it_looks_for_the_line_that_the_drop_in_has() -> None:
    (start,) = (line for line in (FILES / "look.sh").read_text().splitlines() if line.startswith("adopt="))
    assert (
        start.removeprefix('adopt="').removesuffix('"') in (FILES / "50-cryptokey-adopt.conf").read_text().splitlines()
    )


def with_systemd(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)


def timer_of(seconds: int) -> str:
    template = (ROLE / "templates" / "reresolve.timer.j2").read_text()
    return re.sub(r"{{ network_interface.reresolve }}", str(seconds), template)


def with_timer(tmp_path: Path, seconds: int = 60) -> str:
    """Set up the files of the timer below ``tmp_path`` as the role does; returns the digest that it looks for."""
    assert "{" not in timer_of(seconds)
    texts = {
        "usr/local/libexec/cryptokey-wireguard-reresolve": (FILES / "reresolve.sh").read_text(),
        "etc/systemd/system/cryptokey-wireguard-reresolve@.service": (FILES / "reresolve.service").read_text(),
        f"etc/systemd/system/{TIMER}": timer_of(seconds),
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return hashlib.sha256("".join(list(texts.values())[:2]).encode()).hexdigest()


EVERY_MINUTE = Asked(timer=timer_of(60), program="0" * 64)


def test_a_timer_that_is_there_is_not_set_up_again(tmp_path: Path) -> None:
    with_systemd(tmp_path)
    digest = with_timer(tmp_path)
    assert look(tmp_path, [*TOOLS, "systemctl"], EVERY_MINUTE._replace(program=digest)) == [f"systemd {INTERFACE}"]


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
    assert look(tmp_path, [*TOOLS, "systemctl"], EVERY_MINUTE._replace(program=digest)) == BOTH


def test_a_timer_of_another_interval_or_that_is_off_is_set_up(tmp_path: Path) -> None:
    with_systemd(tmp_path)
    digest = with_timer(tmp_path, 120)
    assert look(tmp_path, [*TOOLS, "systemctl"], EVERY_MINUTE._replace(program=digest)) == BOTH
    shutil.rmtree(tmp_path / "bin")
    # Without systemctl nothing is enabled or active.
    assert look(tmp_path, TOOLS, EVERY_MINUTE._replace(program=with_timer(tmp_path, 60))) == BOTH


def test_a_timer_that_is_not_wanted_is_removed(tmp_path: Path) -> None:
    with_systemd(tmp_path)
    assert look(tmp_path, TOOLS) == [f"systemd {INTERFACE}"]
    shutil.rmtree(tmp_path / "bin")
    with_timer(tmp_path)
    assert look(tmp_path, TOOLS) == [f"systemd {INTERFACE}", f"reresolve_absent {INTERFACE}"]


def test_a_timer_is_refused_where_there_is_no_systemd(tmp_path: Path) -> None:
    (line,) = look(tmp_path, TOOLS, EVERY_MINUTE)
    assert line.startswith("wireguard_reresolve: it needs systemd, which does not run on this host")


def test_the_program_is_installed_where_its_service_and_the_look_expect_it() -> None:
    (program,) = re.findall(r"^network_reresolve_program: (.*)$", (ROLE / "vars/main.yml").read_text(), re.MULTILINE)
    (units,) = re.findall(r"^network_reresolve_units: (.*)$", (ROLE / "vars/main.yml").read_text(), re.MULTILINE)
    look_script = (FILES / "look.sh").read_text()
    assert f"ExecStart={program} %i\n" in (FILES / "reresolve.service").read_text()
    assert f"\nprogram={program}\nunits={units}\n" in look_script
