# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold secrets or startup state: read with suspicion, replaced as a whole, on disk when a function returns.

Neither a file nor the directory it is in is ever reached through a symbolic link. The directory is opened once and
locked, so that two runs at once write one after the other and the temporary file can have a fixed name: one that a
killed run left behind is gone with the next.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ._model.errors import InputError

_SELINUX = "security.selinux"
_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Nonblocking, so that opening a named pipe does not wait for a writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FileContent(NamedTuple):
    """A regular file: its bytes, permission bits and the user ID of its owner."""

    data: bytes
    mode: int
    owner: int


def read_file(path: str) -> FileContent | None:
    """The file, None when there is none. Raises InputError for what is not a regular file, and OSError."""
    try:
        with _directory(path, fcntl.LOCK_SH) as directory:
            _check_regular(path, directory)
            descriptor = os.open(Path(path).name, _READ, dir_fd=directory)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                return FileContent(file.read(), stat.S_IMODE(status.st_mode), status.st_uid)
    except FileNotFoundError:
        return None


def atomic_write(path: str, data: bytes, mode: int) -> None:
    """Write or replace a file so that every reader sees it old or new and whole, after a crash too.

    The directory must be there. An SELinux context is kept. Raises InputError for what is not a regular file, and
    OSError; the old file is then as it was.
    """
    name = Path(path).name
    temporary = _temporary(path)
    with _directory(path, fcntl.LOCK_EX) as directory:
        old = _check_regular(path, directory)
        _unlink(temporary, directory)
        descriptor = os.open(temporary, _WRITE_NEW, 0o600, dir_fd=directory)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)
                if old is not None:
                    _copy_context(name, directory, descriptor)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            _unlink(temporary, directory)
            raise
        os.fsync(directory)


def rename_file(path: str, target: str) -> None:
    """Give a file the name of another in its directory, whose place it takes, in one step that outlasts a crash.

    Raises InputError for what is not a regular file, and OSError; both files are then as they were.
    """
    with _directory(path, fcntl.LOCK_EX) as directory:
        if _check_regular(path, directory) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        _check_regular(target, directory)
        os.rename(Path(path).name, Path(target).name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)


def remove_file(path: str) -> bool:
    """Remove a file and say whether there was one. Raises InputError for what is not a regular file, and OSError."""
    try:
        with _directory(path, fcntl.LOCK_EX) as directory:
            _unlink(_temporary(path), directory)
            if _check_regular(path, directory) is None:
                return False
            os.unlink(Path(path).name, dir_fd=directory)
            os.fsync(directory)
            return True
    except FileNotFoundError:
        return False


def ensure_directory(path: str, mode: int, check_mode: bool = False) -> bool:
    """Make sure of a directory that is ours alone, with just this mode, and say whether that took a change.

    Missing parents are made with the same mode. Raises InputError for a link, a file or another owner's directory.
    """
    status = check_directory(path)
    if status is not None and stat.S_IMODE(status.st_mode) == mode:
        return False
    if check_mode:
        return True
    if status is None:
        _make_directory(path, mode)
    else:
        descriptor = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return True


def ensure_parent(path: str, own_directory: str, check_mode: bool = False) -> bool:
    """Make sure of the directory for a file with a secret, and say whether that took a change.

    ``own_directory`` is kept at mode 0700. Any other one may serve others too: it is made with that mode when it is
    missing, else left as it is, and refused when others can write to it.
    """
    directory = str(Path(path).absolute().parent)
    status = check_directory(directory)
    if status is None or directory == own_directory:
        return ensure_directory(directory, 0o700, check_mode)
    if status.st_mode & 0o022:
        raise InputError("directory", directory, "others can write to it", "chmod it to 0700, or choose another")
    return False


def _make_directory(path: str, mode: int) -> None:
    parent = Path(path).absolute().parent
    if not parent.is_dir():
        _make_directory(str(parent), mode)
    Path(path).mkdir()
    Path(path).chmod(mode)  # whatever the umask
    descriptor = os.open(parent, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_directory(path: str) -> os.stat_result | None:
    """The status of a directory that only its owner, who is this user, can write to; None when there is none."""
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
def _directory(path: str, lock: int) -> Iterator[int]:
    """The file descriptor of the directory that the file is in, locked. An OSError then has the whole path."""
    parent = str(Path(path).absolute().parent)
    try:
        descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        # Linux tells a link that O_NOFOLLOW met as ENOTDIR when O_DIRECTORY is there too.
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            check_directory(parent)
        raise
    try:
        fcntl.flock(descriptor, lock)
        yield descriptor
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        os.close(descriptor)


def _check_regular(path: str, directory: int) -> os.stat_result | None:
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


def _temporary(path: str) -> str:
    return f".{Path(path).name}.new"


def _unlink(name: str, directory: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def _copy_context(name: str, directory: int, descriptor: int) -> None:
    """Give the new file the SELinux context of the old one, where there are such contexts."""
    try:
        context = os.getxattr(Path("/proc/self/fd", str(directory), name), _SELINUX, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP, errno.ENOENT):
            return
        raise
    os.setxattr(descriptor, _SELINUX, context)
