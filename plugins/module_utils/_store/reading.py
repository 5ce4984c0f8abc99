# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a file of the host, or explain why it cannot be read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .._model.errors import InputError

# Nonblocking, so that opening a named pipe does not wait for a writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_HINTS = {
    errno.ENOSPC: "make room on that file system and run again",
    errno.EDQUOT: "make room within the quota and run again",
    errno.EROFS: "mount it for writing and run again",
    errno.EACCES: "run the module as root, with become",
    errno.EPERM: "run the module as root, with become; as root, check whether the file is immutable (lsattr)",
    errno.EIO: "look for disk errors in the kernel log",
}


class FileError(OSError):
    """An error of a file operation, with a hint what to do."""

    def __str__(self) -> str:
        hint = _HINTS.get(self.errno or 0)
        return super().__str__() + (f"; {hint}" if hint else "")


class ChangedMeanwhile(FileError):
    """The file is no longer what was read."""


class FileContent(NamedTuple):
    """A regular file: its bytes, permission bits and the user ID of its owner."""

    data: bytes
    mode: int
    owner: int


def read_file(path: str) -> FileContent | None:
    """The file, None when there is none. Raises InputError for what is not a regular file, and OSError."""
    try:
        with opened(path) as directory:
            return read_in(path, directory)
    except FileNotFoundError:
        return None


def read_in(path: str, directory: int) -> FileContent | None:
    if check_regular(path, directory) is None:
        return None
    with os.fdopen(os.open(Path(path).name, _READ, dir_fd=directory), "rb") as file:
        status = os.fstat(file.fileno())
        return FileContent(file.read(), stat.S_IMODE(status.st_mode), status.st_uid)


def check_directory(path: str) -> os.stat_result | None:
    """Return the status of a directory of this user, or None if there is none. Raises InputError and OSError.

    The mode is not checked.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise InputError("directory", path, "a symbolic link", f"use what it points to, {Path(path).resolve()}")
    if not stat.S_ISDIR(status.st_mode):
        raise InputError("directory", path, "not a directory", "move it away, or choose another path")
    if status.st_uid != os.geteuid():
        raise InputError("directory", path, f"owned by user {status.st_uid}", f"chown it to user {os.geteuid()}")
    return status


@contextmanager
def opened(path: str) -> Iterator[int]:
    """The file descriptor of the directory that the file is in. An OSError then has the whole path."""
    parent = parent_of(path)
    try:
        descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        # Linux tells a link that O_NOFOLLOW met as ENOTDIR when O_DIRECTORY is there too.
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            check_directory(parent)
        raise explained(error, path) from error
    try:
        yield descriptor
    except ChangedMeanwhile:
        raise
    except OSError as error:
        raise explained(error, path) from error
    finally:
        os.close(descriptor)


def parent_of(path: str) -> str:
    return str(Path(path).absolute().parent)


def explained(error: OSError, path: str) -> OSError:
    """The error with the whole path, and what can be done about it; that a file is missing stays the error it is."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(error.errno, error.strerror, path)
    return FileError(error.errno, error.strerror, path)


def check_regular(path: str, directory: int) -> os.stat_result | None:
    """The status of the file, None when there is none."""
    try:
        status = os.lstat(Path(path).name, dir_fd=directory)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise InputError("path", path, "a symbolic link", "replace it by the file itself, or give the file's own path")
    if not stat.S_ISREG(status.st_mode):
        raise InputError("path", path, "not a regular file", "move it away, or choose another path")
    return status


def refuse_shared(directory: str, status: os.stat_result) -> None:
    """Raises InputError for a directory that others can write to."""
    if status.st_mode & 0o022:
        raise InputError(
            "directory", directory, "other users can write to it", "chmod it to 0700, or choose another directory"
        )
