# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual machine: its files, its QEMU process, its console."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import apt
from .console import LabError, say, tail
from .image import Image
from .qemu import machine_command, pidfile
from .seed import pack_seed
from .tools import tool

_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Machine:
    """A machine of a lab, as it was made; `memory` is in MiB. One that the others call has a UDP port."""

    name: str
    flavour: str
    folder: Path
    image: Image
    accel: str
    memory: int
    cpus: int
    ssh_port: int
    udp_port: int | None

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    def is_usable(self) -> bool:
        """Whether the disk has been made, over the image as it is now."""
        try:
            made = (self.folder / "seed.tar").stat().st_mtime
        except FileNotFoundError:
            return False
        return made > self.image.folder.stat().st_mtime

    def create(self, authorized_key: str) -> str:
        """Make the disk and the machine's own files; returns its public host key."""
        self.folder.mkdir()
        disk = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(self.image.disk)]
        _run([*disk, str(self.folder / "disk.qcow2")])
        key = self.folder / "host_key"
        make_key(key, f"root@{self.name}")
        seed = pack_seed(
            name=self.name,
            machine_id=secrets.token_hex(16),
            host_key=key.read_text(encoding="ascii"),
            authorized_keys=authorized_key,
            apt_conf=apt.for_guest(apt.read_settings()),
        )
        path = self.folder / "seed.tar"
        path.touch(mode=0o600)
        path.write_bytes(seed)
        key.unlink()
        return key.with_suffix(".pub").read_text(encoding="ascii")

    def start(self) -> None:
        """Start QEMU in the background; LabError says why it could not, such as a port that is taken."""
        command = machine_command(
            name=self.name,
            folder=self.folder,
            image=self.image,
            accel=self.accel,
            memory=self.memory,
            cpus=self.cpus,
            ssh_port=self.ssh_port,
            udp_port=self.udp_port,
        )
        try:
            _run(command)
        except LabError as error:
            remedy = ""
            if "host forwarding" in str(error):
                ports = f"TCP {self.ssh_port}" + (f" or UDP {self.udp_port}" if self.udp_port else "")
                remedy = f"\n    {ports} of 127.0.0.1 is taken: give other ones with --port or LAB_PORT"
            raise LabError(f"{self.name} could not be started: {error}{remedy}") from None

    def pid(self) -> int | None:
        """The process id of this machine's QEMU while it runs; a stale file or another process counts as none."""
        path = pidfile(self.folder)
        try:
            pid = int(path.read_text(encoding="ascii"))
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(path) in arguments else None

    def stop(self) -> None:
        """End this machine's QEMU and wait until it is gone; nothing happens when it does not run."""
        for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            pid = self.pid()
            if pid is None:
                return
            os.kill(pid, number)
            deadline = time.monotonic() + seconds
            while self.pid() is not None and time.monotonic() < deadline:
                time.sleep(0.05)
        if self.pid() is not None:
            raise LabError(f"{self.name} does not end: look at process {self.pid()}")

    def remove(self) -> None:
        """Stop the machine and delete its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self, seconds: float) -> None:
        """Wait until SSH answers; LabError quotes the console when it does not in time, or the machine ended."""
        began = time.monotonic()
        while not self._answers():
            if self.pid() is None:
                raise LabError(f"{self.name} ended while booting; its console, {self.console}:\n{tail(self.console)}")
            if time.monotonic() - began > seconds:
                raise LabError(
                    f"{self.name} does not answer over SSH after {seconds:.0f} s: give it longer with --timeout, or "
                    f"see its console, {self.console}:\n{tail(self.console)}"
                )
            time.sleep(_POLL_SECONDS)
        say(self.name, f"is up, port {self.ssh_port}")

    def _answers(self) -> bool:
        """Whether an SSH server greets. QEMU accepts connections before the guest does, so that says nothing."""
        try:
            with socket.create_connection(("127.0.0.1", self.ssh_port), timeout=5) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def make_key(path: Path, comment: str) -> None:
    """Make an Ed25519 key pair for SSH, without a passphrase, at `path` and `path`.pub."""
    _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def _run(command: list[str]) -> None:
    done = subprocess.run(
        [tool(command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"{command[0]} failed: {done.stderr.strip() or f'exit code {done.returncode}'}")
