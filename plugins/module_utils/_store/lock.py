# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes: the second one waits for a while, and its error then names the first.

They are those of flock(2), which end with the process that holds them, however it ends. A child that outlives it must
not have the descriptor: it is closed on exec, but not on fork. Everybody who can open a file can lock it, so that lock
files have mode 0600, in a directory that only their owner can enter. The holder writes its name into the file, as
/proc/locks has none for another machine or another PID namespace.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from .._model.errors import InputError
from .._model.names import parse_interface_name

# Forgotten at a reboot, as what it is for is. Watchdogs and followers of keys have their files there as well.
DIRECTORY = "/run/cryptokey-wireguard"
# Ten thousand peers take a run a few seconds on slow hardware.
WAIT_SECONDS = 20.0
_POLL_SECONDS = 0.05
_NAME_BYTES = 200
REMEDY = "wait until it ends, or stop it, and run again"

_EnsureT = TypeVar("_EnsureT", bound=Callable[..., Any])


class LockedError(Exception):
    """Another process holds the lock. The message says for how long this one waited, and which one that is."""


@contextmanager
def locked(path: Path, seconds: float | None = None, keep: bool = True) -> Iterator[None]:
    """Hold the lock that a file stands for, and remove the file in the end unless it is kept.

    Waits for at most so many seconds, WAIT_SECONDS if not given. Raises LockedError and OSError.
    """
    with _held(path, _acquire(path, seconds), keep):
        yield


@contextmanager
def _held(path: Path, descriptor: int, keep: bool) -> Iterator[None]:
    try:
        yield
    finally:
        try:
            if not keep:
                # Before it is unlocked: one that waits for this very file then finds that it is gone, and begins again.
                with suppress(OSError):
                    path.unlink()
        finally:
            os.close(descriptor)


def _acquire(path: Path, seconds: float | None) -> int:
    seconds = WAIT_SECONDS if seconds is None else seconds
    deadline = time.monotonic() + seconds
    while True:
        descriptor, holder = _try(path)
        if descriptor is not None:
            return descriptor
        if time.monotonic() > deadline:
            raise LockedError(f"locked by another run for {seconds:g} seconds: {holder}")
        time.sleep(_POLL_SECONDS)


def _try(path: Path) -> tuple[int | None, str]:
    """A descriptor that holds the lock, or None and who holds it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except PermissionError:
        # Of another user, who shares the directory with this one.
        with suppress(FileNotFoundError):
            return None, f"user {_user(path.lstat().st_uid)}; if none of their runs is active, remove {path}"
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.lstat()):
            with suppress(OSError):  # a full disk
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, _own_name().encode(), 0)
            return descriptor, ""
    except BlockingIOError:
        holder = _printable(os.pread(descriptor, _NAME_BYTES, 0)) or "an unknown process"
        os.close(descriptor)
        return None, holder
    except FileNotFoundError:
        pass  # its holder has just removed it
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None, "several runs that take turns"


def _own_name() -> str:
    program = Path(sys.argv[0]).name if sys.argv else ""
    if program in ("", "-", "-c"):
        program = Path(sys.executable or "python").name
    return f"process {os.getpid()} ({program}) on {socket.gethostname()}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _printable(name: bytes) -> str:
    return "".join(filter(str.isprintable, name.decode("utf-8", "replace"))).strip()


@contextmanager
def interface_lock(interface: str, directory: str = DIRECTORY, seconds: float | None = None) -> Iterator[None]:
    """Lock an interface's running state. Raises InputError."""
    # The file stays: flock(1) in a script cannot tell a file that was removed.
    with _private_lock("interface", interface, Path(directory, f"{interface}.lock"), seconds, keep=True):
        yield


@contextmanager
def directory_lock(path: str, status: os.stat_result) -> Iterator[None]:
    """Lock a directory of that status for writing. Raises InputError.

    Others can open the directory itself, such as /etc/sysctl.d, and could then lock it. So the lock is elsewhere, under
    its number, with more characters than an interface's name can have.
    """
    name = f"directory-{status.st_dev:08x}-{status.st_ino:016x}.lock"
    with _private_lock("directory", path, Path(_directory_of_user(), name), None, keep=False):
        yield


@contextmanager
def _private_lock(option: str, value: str, path: Path, seconds: float | None, keep: bool) -> Iterator[None]:
    try:
        check_private_directory(path.parent)
        descriptor = _acquire(path, seconds)
    except LockedError as error:
        raise InputError(option, value, str(error), REMEDY) from None
    except OSError as error:
        raise InputError(option, value, f"cannot be locked: {error}", "run the module as root, with become") from None
    with _held(path, descriptor, keep):
        yield


def check_private_directory(path: Path) -> None:
    """Make sure of a directory that only this user can enter. Raises InputError and OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISDIR(status.st_mode):
        problem = "not a directory, so it cannot hold locks"
    elif status.st_uid != os.geteuid():
        problem = f"owned by user {status.st_uid}, who could hold the locks in it"
    elif mode & 0o022:
        problem = f"mode {mode:04o}: others could hold the locks in it"
    else:
        if mode != 0o700:
            path.chmod(0o700)
        return
    raise InputError("directory of locks", str(path), problem, "remove it and run again")


def _directory_of_user() -> str:
    """For users other than root, as on a controller, a place that does not depend on how a run was started."""
    if os.geteuid() == 0:
        return DIRECTORY
    try:
        home = pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:
        return f"/tmp/cryptokey-wireguard-{os.geteuid()}"
    return f"{home}/.cache/cryptokey-wireguard"


def one_at_a_time(ensure: _EnsureT) -> _EnsureT:
    """The function of options and check mode, with the lock of the interface that the options name. Check mode, which
    writes nothing, needs none."""

    @wraps(ensure)
    def alone(options: Mapping[str, Any], check_mode: bool = False, *more: object) -> Any:
        if check_mode:
            return ensure(options, check_mode, *more)
        with interface_lock(parse_interface_name(options["interface"])):
            return ensure(options, check_mode, *more)

    return cast(_EnsureT, alone)
