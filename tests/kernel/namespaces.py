# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces as hosts: made and removed by the tests, entered by the test's own thread."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def run(*command: str) -> str:
    """Run a command to its end and return what it printed; a failure raises with its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


class Namespace:
    """One host. ``with host.entered():`` runs what follows inside it, child processes included."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create(self) -> None:
        run("ip", "netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")

    def delete(self) -> None:
        run("ip", "netns", "delete", self.name)

    def run(self, *command: str) -> str:
        return run("ip", "netns", "exec", self.name, *command)

    @contextmanager
    def entered(self) -> Iterator[None]:
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        inside = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(inside)
            yield
        finally:
            _setns(outside)
            os.close(inside)
            os.close(outside)

    def ping(self, address: str, count: int = 2) -> None:
        # A handshake whose first message is lost is tried again after five seconds.
        self.run("ping", "-n", "-i", "0.2", "-c", str(count), "-W", "15", address)


def _setns(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


def connect(left: Namespace, left_address: str, right: Namespace, right_address: str) -> None:
    """A cable between two hosts; each end is named after the other host."""
    run("ip", "link", "add", right.name, "netns", left.name, "type", "veth", "peer", left.name, "netns", right.name)
    for host, device, address in ((left, right.name, left_address), (right, left.name, right_address)):
        host.run("ip", "address", "add", address, "dev", device)
        host.run("ip", "link", "set", device, "up")
