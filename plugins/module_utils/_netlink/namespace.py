# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enter named network namespaces, with the calling thread only (ip-netns(8), setns(2)).

A socket stays in the namespace in which it was opened. A child process or new thread starts in the namespace of the
thread that created it. The empty name is the host's own namespace: the one in which this thread began.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from .errors import KernelError

# iproute2's NETNS_RUN_DIR, and its path where /var/run is a separate directory.
_DIRECTORIES = ("/run/netns", "/var/run/netns")
_CURRENT = "/proc/thread-self/ns/net"
_CLONE_NEWNET = 0x40000000
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SO_NETNS_COOKIE = 71  # include/uapi/asm-generic/socket.h
_Result = TypeVar("_Result")


class _Thread(threading.local):
    """``own``: a descriptor of the host's own namespace while this thread is in a named one."""

    own: int | None = None


_thread = _Thread()


def netns_exists(name: str) -> bool:
    return not name or _find(name) is not None


@contextmanager
def open_netns(name: str) -> Iterator[int]:
    """Open a descriptor of the namespace. Raises KernelError if there is no such namespace."""
    descriptor = _open(name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def in_netns(name: str) -> Iterator[None]:
    """Run this thread in the namespace. It may be in another one already. Raises KernelError."""
    if not name and _thread.own is None:
        # Staying needs no privilege.
        yield
        return
    with open_netns(name) as inside, _current() as before:
        _setns(inside, name)
        with _back_to(before):
            yield


@contextmanager
def in_new_netns() -> Iterator[None]:
    """Run this thread in a new, empty network namespace, and remove that afterwards. Raises KernelError."""
    with _current() as before:
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
            raise KernelError(ctypes.get_errno(), "create a network namespace to try rules in")
        with _back_to(before):
            yield


@contextmanager
def _back_to(before: int) -> Iterator[None]:
    """Return this thread to the namespace ``before`` afterwards. The first one that it left is the host's own."""
    outermost = _thread.own is None
    if outermost:
        _thread.own = before
    try:
        yield
    finally:
        if outermost:
            _thread.own = None
        _setns(before, "")


def netns_identity() -> str:
    """Return what identifies the present namespace, also among past ones; before Linux 5.14 only among existing ones.

    The kernel's numbers start again at each boot, so the boot is part of it. Raises OSError.
    """
    boot = Path(_BOOT_ID).read_text(encoding="ascii").strip()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as probe:
        try:
            cookie = probe.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
        except OSError:
            status = Path(_CURRENT).stat()
            return f"{boot} inode {status.st_dev}:{status.st_ino}"
    return f"{boot} cookie {int.from_bytes(cookie, sys.byteorder)}"


def bind_to_netns(name: str, function: Callable[..., _Result]) -> Callable[..., _Result]:
    """Return the function so that it runs in the namespace, or in the host's own if that does not exist."""

    def run(*given: object) -> _Result:
        with in_netns(name if netns_exists(name) else ""):
            return function(*given)

    return run


def has_link(name: str, interface: str) -> bool:
    """Whether the namespace exists and has an interface with this name, of any kind."""
    if not netns_exists(name):
        return False
    with in_netns(name):
        try:
            return socket.if_nametoindex(interface) > 0
        except OSError:
            return False


def has_udp_port(name: str, port: int) -> bool:
    """Whether an IPv4 UDP socket in the namespace has the port; WireGuard always has one (proc_net(5))."""
    with in_netns(name):
        lines = Path("/proc/thread-self/net/udp").read_text(encoding="ascii").splitlines()[1:]
    return any(int(line.split()[1].rpartition(":")[2], 16) == port for line in lines)


@contextmanager
def _current() -> Iterator[int]:
    descriptor = os.open(_CURRENT, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(name: str) -> int:
    if not name:
        return os.open(_CURRENT, os.O_RDONLY | os.O_CLOEXEC) if _thread.own is None else os.dup(_thread.own)
    found = _find(name)
    if found is None:
        raise KernelError(errno.ENOENT, f"open network namespace {name}", "there is no such namespace")
    return os.open(found, os.O_RDONLY | os.O_CLOEXEC)


def _find(name: str) -> Path | None:
    return next((path for path in (Path(directory, name) for directory in _DIRECTORIES) if path.exists()), None)


def _setns(descriptor: int, name: str) -> None:
    """Enter the namespace of the descriptor. Raises KernelError. Python has os.setns since 3.12 only."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        raise KernelError(ctypes.get_errno(), f"enter network namespace {name}".rstrip())
