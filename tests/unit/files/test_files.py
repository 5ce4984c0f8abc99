# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: whole or not at all, never through a link, and nothing left behind."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import (
    atomic_write,
    check_room,
    ensure_directory,
    ensure_parent,
    remove_file,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.reading import FileContent, read_file

Operation = Callable[[str], Any]
OPERATIONS: list[Operation] = [read_file, remove_file, lambda path: atomic_write(path, b"new", 0o600)]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def name_of(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


@pytest.fixture(autouse=True)
def _wide_umask() -> Any:
    """No mode may depend on it."""
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.mark.parametrize("wanted", [0o600, 0o644])
def test_write_read_replace_remove(tmp_path: Path, wanted: int) -> None:
    path = tmp_path / "file"
    assert read_file(str(path)) is None
    for data in (b"one", b"", b"three\0\xff"):
        atomic_write(str(path), data, wanted)
        assert read_file(str(path)) == FileContent(data, wanted, os.geteuid())
    assert names(tmp_path) == ["file"]
    assert remove_file(str(path)) is True
    assert remove_file(str(path)) is False
    assert names(tmp_path) == []


def test_nothing_is_read_or_removed_where_there_is_no_directory(tmp_path: Path) -> None:
    assert read_file(str(tmp_path / "none" / "file")) is None
    assert remove_file(str(tmp_path / "none" / "file")) is False
    with pytest.raises(FileNotFoundError):
        atomic_write(str(tmp_path / "none" / "file"), b"", 0o600)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("target", ["there", "dangling"])
def test_a_link_is_refused_and_what_it_points_to_untouched(tmp_path: Path, operation: Operation, target: str) -> None:
    (tmp_path / "there").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / target)
    with pytest.raises(InputError, match="a symbolic link; replace it"):
        operation(str(tmp_path / "link"))
    assert (tmp_path / "there").read_text() == "precious"
    assert names(tmp_path) == ["link", "there"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_linked_directory_is_refused(tmp_path: Path, operation: Operation) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("precious")
    (tmp_path / "link").symlink_to("there")
    with pytest.raises(InputError, match=f"directory .*a symbolic link; use what it points to, {tmp_path}/there"):
        operation(str(tmp_path / "link" / "file"))
    assert (tmp_path / "there" / "file").read_text() == "precious"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused(tmp_path: Path, operation: Operation, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x")
    with pytest.raises(InputError, match="not a regular file; move it away"):
        operation(str(tmp_path / "x"))


def test_what_a_killed_run_left_behind_goes_with_the_next(tmp_path: Path) -> None:
    for operation in (lambda path: atomic_write(path, b"new", 0o600), remove_file):
        (tmp_path / ".file.new").write_text("half a sec")
        operation(str(tmp_path / "file"))
        assert ".file.new" not in names(tmp_path)


@pytest.mark.parametrize("planted", ["link", "file"])
def test_a_planted_temporary_file_is_not_written_to(tmp_path: Path, planted: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    temporary = tmp_path / ".file.new"
    temporary.symlink_to(victim) if planted == "link" else temporary.hardlink_to(victim)
    atomic_write(str(tmp_path / "file"), b"secret", 0o600)
    assert victim.read_text() == "precious"
    assert names(tmp_path) == ["file", "victim"]


@pytest.mark.parametrize("call", ["fchmod", "fsync", "rename"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*_args: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)):
        atomic_write(str(path), b"new", 0o600)
    assert names(tmp_path) == ["file"]
    assert path.read_text() == "old"


@pytest.mark.parametrize("call", ["fchmod", "fsync", "rename", "posix_fallocate"])
def test_the_first_failure_is_told_even_if_nothing_can_be_removed_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """As on a disk that the kernel mounts read-only at its first error."""
    path = str(tmp_path / "file")

    def fail(*_args: object, **_named: object) -> None:
        monkeypatch.setattr(os, "unlink", read_only)
        raise OSError(errno.EIO, "broken")

    def read_only(*_args: object, **_named: object) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match=r"broken: '.*/file'; look for disk errors in the kernel log$"):
        check_room(path, 5) if call == "posix_fallocate" else atomic_write(path, b"new", 0o600)


def test_file_and_directory_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(name_of(fd)))
    atomic_write(str(tmp_path / "file"), b"new", 0o600)
    assert synced == [str(tmp_path / ".file.new"), str(tmp_path)]
    remove_file(str(tmp_path / "file"))
    assert synced[2:] == [str(tmp_path)]


def test_writers_at_once_do_not_get_in_each_other_s_way(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    texts = [letter.encode() * 5000 for letter in "ab"]
    atomic_write(path, texts[0], 0o600)
    failures: list[BaseException] = []

    def write(data: bytes) -> None:
        try:
            for _round in range(40):
                atomic_write(path, data, 0o600)
                content = read_file(path)
                if content is None or content.data not in texts:
                    raise AssertionError("a torn file")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names(tmp_path) == ["file"]


def test_the_selinux_context_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    contexts: dict[str, bytes] = {}

    def getxattr(where: object, name: str, follow_symlinks: bool = True) -> bytes:
        assert (name, follow_symlinks) == ("security.selinux", False)
        assert Path(str(where)).read_text() == "old"
        return b"system_u:object_r:wireguard_etc_t:s0\0"

    monkeypatch.setattr(os, "getxattr", getxattr)
    monkeypatch.setattr(os, "setxattr", lambda fd, _name, value: contexts.update({name_of(fd): value}))
    atomic_write(str(path), b"new", 0o600)
    assert contexts == {str(tmp_path / ".file.new"): b"system_u:object_r:wireguard_etc_t:s0\0"}


def test_without_selinux_there_is_no_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("old")
    for number in (errno.ENODATA, errno.ENOTSUP):
        error = OSError(number, "none")

        def getxattr(*_args: object, error: OSError = error, **_named: object) -> bytes:
            raise error

        monkeypatch.setattr(os, "getxattr", getxattr)
        atomic_write(str(tmp_path / "file"), b"new", 0o600)


# --- directories ---


def test_a_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert ensure_directory(str(path), 0o700, check_mode=True) is True
    assert names(tmp_path) == []
    assert ensure_directory(str(path), 0o700) is True
    assert (mode(path), mode(path.parent)) == (0o700, 0o700)
    assert ensure_directory(str(path), 0o700) is False


def test_the_mode_of_a_directory_is_mended(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert ensure_directory(str(tmp_path), 0o700, check_mode=True) is True
    assert mode(tmp_path) == 0o755
    assert ensure_directory(str(tmp_path), 0o700) is True
    assert mode(tmp_path) == 0o700


def test_what_is_no_directory_of_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="not a directory"):
        ensure_directory(str(tmp_path / "file"), 0o700)
    with pytest.raises(InputError, match="a symbolic link"):
        ensure_directory(str(tmp_path / "link"), 0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(InputError, match=f"owned by user {owner}; chown it to user {owner + 1}"):
        ensure_directory(str(tmp_path), 0o700)


def test_only_our_own_directory_has_its_mode_changed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = str(tmp_path / "file")
    assert ensure_parent(path, "/elsewhere") is False
    assert mode(tmp_path) == 0o755
    assert ensure_parent(path, str(tmp_path)) is True
    assert mode(tmp_path) == 0o700
    assert ensure_parent(str(tmp_path / "new" / "file"), "/elsewhere") is True
    assert mode(tmp_path / "new") == 0o700
    tmp_path.chmod(0o777)
    with pytest.raises(InputError, match="other users can write to it; chmod it to 0700"):
        ensure_parent(path, "/elsewhere")
