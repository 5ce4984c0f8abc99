# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab: a folder with machines, keys and an inventory, brought to what was asked for."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .accel import choose_accel
from .console import LabError, say
from .image import Image, ensure_images
from .inventory import Host, has_endpoint, render_inventory
from .machine import Machine, make_key
from .settings import MachineSpec, Settings
from .tools import check_architecture, tool

_STATE = "lab.json"

# Where the role keeps public facts about the inventory's hosts by default; those of a lab end with it.
_REGISTRY = "wireguard_registry"


class Lab:
    """The machines of one folder. What is known about them between commands is in its lab.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = folder / "id_ed25519"
        self.known_hosts = folder / "known_hosts"
        self.inventory = folder / "inventory.yml"
        self._state = folder / _STATE
        self.machines: list[Machine] = []
        self._load()

    def machine(self, name: str) -> Machine:
        """A machine by its name; LabError says which there are."""
        for machine in self.machines:
            if machine.name == name:
                return machine
        names = ", ".join(machine.name for machine in self.machines) or "none"
        raise LabError(f"{self.folder} has no machine {name!r} (there are: {names}): boot it with the command up")

    def up(self, wanted: Settings) -> None:
        """Bring the lab to what is wanted: boot what is missing, remove what is superfluous, keep what runs."""
        check_architecture()
        for name in ("qemu-system-x86_64", "qemu-img", "ssh", "ssh-keygen"):
            tool(name)
        images = ensure_images(spec.flavour for spec in wanted.machines)
        accel = choose_accel(wanted.accel, next(iter(images.values())))
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder):
            self._load()
            self._replace(plan_machines(wanted, self.machines, images, accel))
            self._boot(wanted.timeout)

    def down(self) -> None:
        """Stop every machine and remove all that is the lab's; nothing happens where there is none."""
        if not self._state.exists():
            return
        with _locked(self.folder):
            self._load()
            for machine in self.machines:
                machine.remove()
            made = (self.key, self.key.with_suffix(".pub"), self.known_hosts, self.inventory, self._state)
            for path in made:
                path.unlink(missing_ok=True)
            shutil.rmtree(self.folder / _REGISTRY, ignore_errors=True)
            with suppress(OSError):
                self.folder.rmdir()
        say("lab", f"is down: {', '.join(machine.name for machine in self.machines) or 'it had no machines'}")

    def _load(self) -> None:
        with suppress(FileNotFoundError):
            self.machines = [decode_machine(item) for item in json.loads(self._state.read_text(encoding="utf-8"))]

    def _replace(self, machines: list[Machine]) -> None:
        """Remove the machines that are no longer wanted and write down the new ones, before any of them is made."""
        for old in self.machines:
            if old not in machines:
                say(old.name, "is removed")
                old.remove()
        self.machines = machines
        _write(self._state, json.dumps([asdict(machine) for machine in machines], indent=2, default=str))

    def _boot(self, timeout: int) -> None:
        """Start what does not run, wait until all answer and write the inventory."""
        if not self.key.exists():
            make_key(self.key, "lab")
        down = [machine for machine in self.machines if machine.pid() is None]
        for machine in down:
            if not machine.is_usable():
                self._create(machine)
            say(machine.name, f"boots {machine.flavour} ({machine.accel})")
            machine.start()
        with ThreadPoolExecutor(max(len(self.machines), 1)) as pool:
            list(pool.map(lambda machine: machine.wait(timeout), self.machines))
        hosts = [Host(machine.name, machine.ssh_port, machine.udp_port) for machine in self.machines]
        _write(self.inventory, render_inventory(hosts))

    def _create(self, machine: Machine) -> None:
        machine.remove()
        public = machine.create(self.key.with_suffix(".pub").read_text(encoding="ascii"))
        name = f"[127.0.0.1]:{machine.ssh_port}"
        lines = self.known_hosts.read_text(encoding="ascii").splitlines() if self.known_hosts.exists() else []
        lines = [line for line in lines if line.split()[0] != name]
        _write(self.known_hosts, "".join(f"{line}\n" for line in [*lines, f"{name} {' '.join(public.split()[:2])}"]))


def find_labs(folder: Path) -> list[Lab]:
    """The labs in a folder and below it."""
    return [Lab(path.parent) for path in sorted(folder.rglob(_STATE))]


def plan_machines(wanted: Settings, existing: list[Machine], images: dict[str, Image], accel: str) -> list[Machine]:
    """The machines that the lab is to have. One that exists keeps its ports, unless others are asked for."""
    ports = {machine.name: machine.ssh_port for machine in existing}
    if wanted.port:
        ports = {spec.name: wanted.port + number for number, spec in enumerate(wanted.machines)}
    new = [spec.name for spec in wanted.machines if spec.name not in ports]
    ports |= dict(zip(new, _free_ports(len(new)), strict=True))

    def machine(spec: MachineSpec) -> Machine:
        port = ports[spec.name]
        return Machine(
            name=spec.name,
            flavour=spec.flavour,
            folder=wanted.folder / spec.name,
            image=images[spec.flavour],
            accel=accel,
            memory=wanted.memory,
            cpus=wanted.cpus,
            ssh_port=port,
            udp_port=port if has_endpoint(spec.name) else None,
        )

    return [machine(spec) for spec in wanted.machines]


def decode_machine(item: dict[str, Any]) -> Machine:
    """Read a machine from lab.json."""
    return Machine(**{**item, "folder": Path(item["folder"]), "image": Image(Path(item["image"]["folder"]))})


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback that are free now for both TCP and UDP, all different."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with suppress(OSError):
                udp.bind(("127.0.0.1", port))
                ports.append(port)
    return ports


def _write(path: Path, text: str) -> None:
    """Replace a file all at once."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one command at a time work on a lab; others wait."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
