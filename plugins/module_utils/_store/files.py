# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold secrets or startup state: read with suspicion, replaced as a whole, on disk when a function returns.

Neither a file nor the directory it is in is ever reached through a symbolic link. The directory is opened once. Who
writes in it holds its lock, so that two runs at once write one after the other and the temporary file can have a fixed
name: one that a killed run left behind is gone with the next. Readers need no lock, as a file is replaced as a whole.
A function that reads a file to write another one in its place does not write over what came in between.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from .lock import directory_lock
from .reading import (
    ChangedMeanwhile,
    FileContent,
    check_directory,
    check_regular,
    explained,
    opened,
    parent_of,
    read_in,
    refuse_shared,
)

_SELINUX = "security.selinux"
_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ATTEMPTS = 20

_EnsureT = TypeVar("_EnsureT", bound=Callable[..., Any])


def atomic_write(path: str, data: bytes, mode: int) -> None:
    """Write or replace a file so that every reader sees it old or new and whole, after a crash too.

    The directory must be there. An SELinux context is kept. Raises InputError for what is not a regular file, and
    OSError; the old file is then as it was.
    """
    with _locked(path) as directory:
        _replace(path, directory, data, mode)


def write_locked(path: str, data: bytes, mode: int) -> None:
    """The same as ``atomic_write``, for a caller that holds a lock of its own for this file."""
    with opened(path) as directory:
        _replace(path, directory, data, mode)


def replace_file(path: str, old: FileContent | None, data: bytes, mode: int) -> None:
    """As ``atomic_write``, but only while the file still is what was read. Raises ChangedMeanwhile where it is not."""
    with _locked(path) as directory:
        if read_in(path, directory) != old:
            raise ChangedMeanwhile(errno.EAGAIN, "another run keeps changing the file", path)
        _replace(path, directory, data, mode)


def again_when_changed(ensure: _EnsureT) -> _EnsureT:
    """Repeat the function, which reads a file and replaces it, if another run has changed the file in between."""

    @wraps(ensure)
    def repeated(*arguments: Any, **named: Any) -> Any:
        for _attempt in range(_ATTEMPTS - 1):
            with suppress(ChangedMeanwhile):
                return ensure(*arguments, **named)
        return ensure(*arguments, **named)

    return cast(_EnsureT, repeated)


def sweep(path: str) -> None:
    """Remove what a killed run has left behind of a file that was to be this one. Raises as ``atomic_write`` does."""
    with suppress(FileNotFoundError), _locked(path) as directory:
        _unlink(_temporary(path), directory)


def check_room(path: str, size: int) -> None:
    """Fail now if a file of this size could not be written later: the disk is full, or mounted read-only.

    Raises as ``atomic_write`` does.
    """
    temporary = _temporary(path)
    with _locked(path) as directory:
        check_regular(path, directory)
        _unlink(temporary, directory)
        descriptor = os.open(temporary, _WRITE_NEW, 0o600, dir_fd=directory)
        with _removed_on_failure(temporary, directory):
            try:
                os.posix_fallocate(descriptor, 0, max(size, 1))
            except OSError as error:
                # Not every file system can promise room.
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise
            finally:
                os.close(descriptor)
        _unlink(temporary, directory)


def _replace(path: str, directory: int, data: bytes, mode: int) -> None:
    _write_temporary(path, directory, data, mode)
    with _removed_on_failure(_temporary(path), directory):
        _use_temporary(path, directory)


def _write_temporary(path: str, directory: int, data: bytes, mode: int) -> None:
    temporary = _temporary(path)
    old = check_regular(path, directory)
    _unlink(temporary, directory)
    descriptor = os.open(temporary, _WRITE_NEW, 0o600, dir_fd=directory)
    with _removed_on_failure(temporary, directory), os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        if old is not None:
            _copy_context(Path(path).name, directory, descriptor)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _use_temporary(path: str, directory: int) -> None:
    os.rename(_temporary(path), Path(path).name, src_dir_fd=directory, dst_dir_fd=directory)
    os.fsync(directory)


def stage_file(path: str, data: bytes, mode: int) -> None:
    """Write what is to take a file's place later beside it. What is then left to do needs no room on the disk.

    Any other write to the file, and ``sweep``, removes it. Raises as ``atomic_write`` does.
    """
    with _locked(path) as directory:
        _write_temporary(path, directory, data, mode)


def use_staged(path: str, old: FileContent | None, data: bytes) -> None:
    """Replace the file by the staged one. Raises ChangedMeanwhile if either of them has changed."""
    with _locked(path) as directory:
        staged = read_in(_beside(path), directory)
        if staged is None or staged.data != data or read_in(path, directory) != old:
            raise ChangedMeanwhile(errno.EAGAIN, "another run has changed the file", path)
        _use_temporary(path, directory)


def rename_file(path: str, target: str) -> None:
    """Give a file the name of another in its directory, whose place it takes, in one step that outlasts a crash.

    Raises InputError for what is not a regular file, and OSError; both files are then as they were.
    """
    with _locked(path) as directory:
        if check_regular(path, directory) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        check_regular(target, directory)
        os.rename(Path(path).name, Path(target).name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)


def link_file(path: str, target: str) -> None:
    """Give a file a second name in its directory, in the place of a file that had it. Needs no room on the disk.

    Raises InputError for what is not a regular file, and OSError; both names are then as they were.
    """
    with _locked(path) as directory:
        if check_regular(path, directory) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        check_regular(target, directory)
        temporary = _temporary(target)
        _unlink(temporary, directory)
        os.link(Path(path).name, temporary, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        os.rename(temporary, Path(target).name, src_dir_fd=directory, dst_dir_fd=directory)
        # Where both are one file already, the rename does nothing (rename(2)).
        _unlink(temporary, directory)
        os.fsync(directory)


def remove_file(path: str) -> bool:
    """Remove a file and say whether there was one. Raises InputError for what is not a regular file, and OSError."""
    try:
        with _locked(path) as directory:
            _unlink(_temporary(path), directory)
            if check_regular(path, directory) is None:
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
    try:
        if status is None:
            _make_directory(path, mode)
        else:
            _change_mode(path, mode)
    except OSError as error:
        raise explained(error, path) from error
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
    refuse_shared(directory, status)
    return False


def _change_mode(directory: str, mode: int) -> None:
    descriptor = os.open(directory, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_directory(path: str, mode: int) -> None:
    parent = Path(path).absolute().parent
    if not parent.is_dir():
        _make_directory(str(parent), mode)
    Path(path).mkdir(exist_ok=True)  # another run may have come first
    check_directory(path)
    Path(path).chmod(mode)  # whatever the umask
    descriptor = os.open(parent, os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: str) -> Iterator[int]:
    """Open the directory of the file as ``opened`` does, and hold the lock of all that write there."""
    with opened(path) as directory, directory_lock(parent_of(path), os.fstat(directory)):
        yield directory


def _temporary(path: str) -> str:
    return f".{Path(path).name}.new"


def _beside(path: str) -> str:
    return str(Path(path).with_name(_temporary(path)))


def _unlink(name: str, directory: int) -> None:
    """Remove it if it is there. What is mounted read-only refuses to remove also what is not."""
    with suppress(FileNotFoundError):
        os.lstat(name, dir_fd=directory)
        os.unlink(name, dir_fd=directory)


@contextmanager
def _removed_on_failure(name: str, directory: int) -> Iterator[None]:
    """Remove the file where the block fails. That this fails too must not hide the first error."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            _unlink(name, directory)
        raise


def _copy_context(name: str, directory: int, descriptor: int) -> None:
    """Give the new file the SELinux context of the old one, where there are such contexts."""
    try:
        context = os.getxattr(Path("/proc/self/fd", str(directory), name), _SELINUX, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP, errno.ENOENT):
            return
        raise
    os.setxattr(descriptor, _SELINUX, context)
