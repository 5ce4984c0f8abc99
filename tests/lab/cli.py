# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from .console import LabError
from .flavour import FLAVOURS
from .image import ensure_images
from .kernels import MACHINE, MARK, Result, Run, render_table, run_all
from .lab import Lab, find_labs
from .libraries import PYROUTE2_VERSIONS, check_version
from .remote import copy_collection, run, ssh_command
from .settings import DEFAULT_DIR, add_options, default_machines, settings

_KERNEL_FLAVOURS = ("debian12-test", "debian13-test", "debian-unstable-test")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code. Errors that the user can put right go to standard error as text."""
    options, rest = _parser().parse_known_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    if rest and command is not _kernel:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = [argument for argument in rest if argument != "--"]
    try:
        return command(options)
    except LabError as error:
        print(f"ERROR: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted. What has been booted runs on; the command down stops it.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/lab", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str, action: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.set_defaults(run=action)
        return command

    image = add("image", "build root images, if they are not in the cache", _image)
    image.add_argument("flavour", nargs="*", help=f"{', '.join(FLAVOURS)} (default: what the default lab needs)")
    image.add_argument("--refresh", action="store_true", help="build them anew")
    add_options(add("up", "boot the machines and write an inventory for them", _up), os.environ)
    for name, text, action in (
        ("down", "stop the machines and remove the lab's files", _down),
        ("status", "list the machines; the exit code says whether all run", _status),
        ("ssh", "run a command in a machine, or a shell", _ssh),
        ("run", "copy the collection to a machine and run a command in the copy", _run),
    ):
        command = add(name, text, action)
        command.add_argument("--dir", default=os.environ.get("LAB_DIR") or str(DEFAULT_DIR), help="folder of the lab")
        if name == "down":
            command.add_argument("--below", type=Path, help="take down every lab in this folder and below instead")
        if name in ("ssh", "run"):
            command.add_argument("machine")
            command.add_argument("command", nargs=argparse.REMAINDER)
    _add_kernel_options(add("kernel", "run tests/kernel in machines; further arguments go to pytest", _kernel))
    return parser


def _add_kernel_options(kernel: argparse.ArgumentParser) -> None:
    add_options(kernel, os.environ)
    kernel.set_defaults(dir="build/kernel")

    def several(flag: str, metavar: str, text: str) -> None:
        kernel.add_argument(flag, action="append", default=[], metavar=metavar, help=f"{text}, once for each, or all")

    several("--flavour", "FLAVOUR", f"what a machine boots ({_KERNEL_FLAVOURS[0]})")
    several("--pyroute2", "VERSION", "run the tests with this version instead of the distribution's")
    several("--also-pyroute2", "VERSION", f"then run the tests marked {MARK} with this version")
    kernel.add_argument("--report", type=Path, help="write the table of results to this file, as JSON")
    kernel.add_argument("--keep", action="store_true", help="leave the machine running, for the next call")


def _image(options: argparse.Namespace) -> int:
    names = options.flavour or [spec.flavour for spec in default_machines(2)]
    for name, image in ensure_images(names, refresh=options.refresh).items():
        print(f"{name}\t{image.folder}")
    return 0


def _up(options: argparse.Namespace) -> int:
    wanted = settings(options, os.environ)
    lab = Lab(wanted.folder)
    lab.up(wanted)
    print(lab.inventory)
    return 0


def _down(options: argparse.Namespace) -> int:
    labs = find_labs(options.below.resolve()) if options.below else [_lab(options)]
    for lab in labs:
        lab.down()
    return 0


def _status(options: argparse.Namespace) -> int:
    lab = _lab(options)
    for machine in lab.machines:
        state = "runs" if machine.pid() else "does not run"
        print(f"{machine.name}\t{machine.flavour}\t{machine.accel}\tport {machine.ssh_port}\t{state}")
    return 0 if lab.machines and all(machine.pid() for machine in lab.machines) else 1


def _ssh(options: argparse.Namespace) -> int:
    lab = _lab(options)
    return subprocess.run(ssh_command(lab, lab.machine(options.machine), *options.command), check=False).returncode


def _run(options: argparse.Namespace) -> int:
    lab = _lab(options)
    machine = lab.machine(options.machine)
    copy_collection(lab, machine)
    return run(lab, machine, options.command)


def _kernel(options: argparse.Namespace) -> int:
    runs = [Run(version) for version in _versions(options.pyroute2)] or [Run()]
    runs += [Run(version, marked=True) for version in _versions(options.also_pyroute2)]
    flavours = _expanded(options.flavour, _KERNEL_FLAVOURS) or _KERNEL_FLAVOURS[:1]
    results: list[Result] = []
    first = 0
    for flavour in flavours:
        options.machine = [f"{MACHINE}={flavour}"]
        wanted = settings(options, os.environ)
        lab = Lab(wanted.folder)
        try:
            lab.up(wanted)
            more, code = run_all(lab, lab.machine(MACHINE), runs, options.rest)
        finally:
            if not options.keep:
                lab.down()
        results += more
        first = first or code
    print(render_table(results))
    if options.report:
        options.report.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n", "utf-8")
    return first


def _versions(given: Sequence[str]) -> list[str]:
    return [check_version(version) for version in _expanded(given, PYROUTE2_VERSIONS)]


def _expanded(given: Sequence[str], every: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(value for each in given for value in (every if each == "all" else (each,))))


def _lab(options: argparse.Namespace) -> Lab:
    return Lab(Path(options.dir).resolve())
