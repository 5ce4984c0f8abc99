# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .console import LabError
from .flavour import FLAVOURS
from .image import ensure_images
from .lab import Lab, find_labs
from .remote import COLLECTION, GUEST_COLLECTION, copy_collection, fetch, run, ssh_command
from .settings import DEFAULT_DIR, add_options, default_machines, settings

_KERNEL_MACHINE = "kernel"


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
    kernel = add("kernel", "run tests/kernel in a machine; further arguments go to pytest", _kernel)
    add_options(kernel, os.environ)
    kernel.set_defaults(dir="build/kernel")
    kernel.add_argument("--flavour", default="debian12-test", help="what the machine boots (%(default)s)")
    kernel.add_argument("--keep", action="store_true", help="leave the machine running, for the next call")
    return parser


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
    options.machine = [f"{_KERNEL_MACHINE}={options.flavour}"]
    wanted = settings(options, os.environ)
    lab = Lab(wanted.folder)
    try:
        lab.up(wanted)
        machine = lab.machine(_KERNEL_MACHINE)
        copy_collection(lab, machine)
        junit = f"{GUEST_COLLECTION}/kernel.xml"
        code = run(lab, machine, ["python3", "-m", "pytest", "tests/kernel", f"--junit-xml={junit}", *options.rest])
        fetch(lab, machine, junit, COLLECTION / "build/junit/kernel.xml")
        return code
    finally:
        if not options.keep:
            lab.down()


def _lab(options: argparse.Namespace) -> Lab:
    return Lab(Path(options.dir).resolve())
