# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab is to be: where it stands, and which machines it has. Pure."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .console import LabError
from .flavour import flavour

DEFAULT_DIR = Path("build/lab")
ACCELERATORS = ("auto", "kvm", "tcg")

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_SPOKE_FLAVOURS = ("debian12-bare", "debian13")


@dataclass(frozen=True)
class MachineSpec:
    """A machine that a lab is to have: its name, which is its host name too, and its flavour."""

    name: str
    flavour: str


@dataclass(frozen=True)
class Settings:
    """A lab as it was asked for.

    `memory` is in MiB and `cpus` a number, each for one machine. `port` is the loopback's first port for SSH, one
    a machine, and the UDP port of those that have one; 0 takes free ones. `timeout` is how many seconds a machine
    may take to answer over SSH.
    """

    folder: Path
    machines: tuple[MachineSpec, ...]
    memory: int
    cpus: int
    port: int
    accel: str
    timeout: int


def default_machines(spokes: int) -> tuple[MachineSpec, ...]:
    """A hub, and spokes that begin with one on which the role has to install everything."""
    return (
        MachineSpec("hub", "debian12"),
        *(
            MachineSpec(f"spoke{number}", _SPOKE_FLAVOURS[(number - 1) % len(_SPOKE_FLAVOURS)])
            for number in range(1, spokes + 1)
        ),
    )


def parse_machine(text: str) -> MachineSpec:
    """Read NAME=FLAVOUR; LabError says what is wrong with it."""
    name, separator, kind = text.partition("=")
    if not separator or not _NAME.fullmatch(name):
        raise LabError(f"{text!r} is not a machine: write NAME=FLAVOUR, such as spoke1=debian13, in lower case")
    flavour(kind)
    return MachineSpec(name, kind)


def add_options(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """The options of a lab; each takes its default from the environment variable that its help names."""

    def option(flag: str, variable: str, default: str, text: str) -> None:
        parser.add_argument(flag, default=environment.get(variable) or default, help=f"{text} [{variable}, {default}]")

    option("--dir", "LAB_DIR", str(DEFAULT_DIR), "folder of the lab's files and of its inventory")
    parser.add_argument(
        "--machine",
        action="append",
        metavar="NAME=FLAVOUR",
        help="a machine of the lab, once for each, instead of a hub and spokes [LAB_MACHINES, separated by blanks]",
    )
    option("--spokes", "LAB_SPOKES", "2", "how many spokes the hub has, when no machine is named")
    option("--memory", "LAB_MEMORY", "384", "memory of each machine, in MiB")
    option("--cpus", "LAB_CPUS", "1", "processors of each machine")
    option("--port", "LAB_PORT", "0", "first loopback port for SSH, and for the UDP of hubs; 0 takes free ones")
    option("--accel", "LAB_ACCEL", "auto", f"how machines run, one of {', '.join(ACCELERATORS)}")
    option("--timeout", "LAB_TIMEOUT", "900", "seconds that a machine may take to answer over SSH")


def settings(options: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """Check the options' values; LabError names the option, the value and what would be right."""
    if options.accel not in ACCELERATORS:
        raise LabError(f"--accel {options.accel}: choose one of {', '.join(ACCELERATORS)}")
    named = options.machine or environment.get("LAB_MACHINES", "").split()
    if named:
        machines = tuple(parse_machine(text) for text in named)
    else:
        machines = default_machines(_number("--spokes", options.spokes, 0, 150))
    names = [machine.name for machine in machines]
    if len(set(names)) != len(names):
        raise LabError(f"--machine: a name is there twice among {', '.join(names)}: give each machine its own")
    return Settings(
        folder=Path(options.dir).resolve(),
        machines=machines,
        memory=_number("--memory", options.memory, 192, 1 << 20),
        cpus=_number("--cpus", options.cpus, 1, 255),
        port=_number("--port", options.port, 0, 65535 - len(machines)),
        accel=options.accel,
        timeout=_number("--timeout", options.timeout, 1, 86400),
    )


def _number(option: str, value: str, least: int, most: int) -> int:
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise LabError(f"{option} {value}: give a whole number from {least} to {most}")
    return int(value)
