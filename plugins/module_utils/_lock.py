# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between the runs on one host: whoever comes second waits for a while, and is then told who is first.

They are those of flock(2), which end with the process that holds them, however it ends. A child that outlives it must
not have the descriptor: it is closed on exec, but not on fork.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from ._model.errors import InputError
from ._model.names import parse_interface_name

# Forgotten at a reboot, as what it is for is. Watchdogs and those who follow a key have their files there as well.
DIRECTORY = "/run/cryptokey-wireguard"
# Ten thousand peers take a run a few seconds on slow hardware.
WAIT_SECONDS = 20.0
_POLL_SECONDS = 0.05
_LOCKS = "/proc/locks"

_EnsureT = TypeVar("_EnsureT", bound=Callable[..., Any])


def acquire(descriptor: int, kind: int, option: str, value: str, seconds: float | None = None) -> None:
    """Lock an open file or directory, LOCK_SH or LOCK_EX, until it is closed.

    Waits for at most so many seconds, WAIT_SECONDS if not given. Raises InputError about the option, which says who
    has it, and OSError.
    """
    seconds = WAIT_SECONDS if seconds is None else seconds
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                problem = f"another run has had it locked for {seconds:g} seconds: {_holder(descriptor)}"
                raise InputError(option, value, problem, "wait for its end, or end it, and run again") from None
        time.sleep(_POLL_SECONDS)


@contextmanager
def interface_lock(interface: str, directory: str = DIRECTORY, seconds: float | None = None) -> Iterator[None]:
    """Have an interface's running state to oneself. Raises InputError."""
    path = Path(directory, f"{interface}.lock")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        problem = f"cannot be locked: {error}"
        raise InputError("interface", interface, problem, "run the module as root, with become") from None
    try:
        # The file stays: one that is removed can be locked by two, each its own.
        acquire(descriptor, fcntl.LOCK_EX, "interface", interface, seconds)
        yield
    finally:
        os.close(descriptor)


def one_at_a_time(ensure: _EnsureT) -> _EnsureT:
    """The function of options and check mode, with the lock of the interface that the options name. Check mode, which
    writes nothing, needs none."""

    @wraps(ensure)
    def locked(options: Mapping[str, Any], check_mode: bool = False, *more: object) -> Any:
        if check_mode:
            return ensure(options, check_mode, *more)
        with interface_lock(parse_interface_name(options["interface"])):
            return ensure(options, check_mode, *more)

    return cast(_EnsureT, locked)


def _holder(descriptor: int) -> str:
    """The process that has the lock, as proc(5) tells of it in /proc/locks, by the file's inode number."""
    inode = os.fstat(descriptor).st_ino
    try:
        lines = Path(_LOCKS).read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    # "1: FLOCK  ADVISORY  WRITE 1234 00:19:567 0 EOF"; those that wait have an arrow before FLOCK.
    found = (re.fullmatch(rf"\d+: FLOCK +\S+ +\S+ +(\d+) +\S+:{inode} .*", line) for line in lines)
    # It is 0 for a process of another PID namespace.
    pids = [int(match[1]) for match in found if match and match[1] != "0"]
    return ", ".join(f"process {pid}{_called(pid)}" for pid in pids) or "a process that is not to be seen from here"


def _called(pid: int) -> str:
    try:
        return f" ({Path(f'/proc/{pid}/comm').read_text(encoding='utf-8', errors='replace').strip()})"
    except OSError:
        return ""
