# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry in files: one YAML file per network in a directory, by default next to the inventory.

A file is replaced as a whole, so that a reader needs no lock; writers take turns, and each merges into what it finds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from .store import Change, Update, change_text
from .text import RegistryError

_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEDY = "make its directory writable, with room in it, or set wireguard_registry_read_only"


class FileStore:
    """A Store in the files of ``directory``, which is made when it is first written to."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def path(self, network: str) -> Path:
        return self._directory / f"{network}.yml"

    def update(self, network: str, change: Change, write: bool) -> Update:
        path = self.path(network)
        with _lock(path) if write else contextlib.nullcontext():
            update = change_text(_read(path), str(path), change)
            if write and update.changed:
                _replace(path, update.after)
        return update

    def networks(self) -> list[str]:
        """Those that have a file."""
        return sorted(path.stem for path in self._directory.glob("*.yml") if not path.name.startswith("."))

    def is_writable(self, network: str) -> bool:
        existing = next(each for each in (self._directory, *self._directory.absolute().parents) if each.exists())
        return os.access(existing, os.W_OK | os.X_OK)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        problem, remedy = f"cannot be read: {error}", "restore it from version control, or make it readable"
        raise RegistryError(f"registry {path}: {problem}; {remedy}") from error


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Writers take turns by a file beside the registry, which the last one removes."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(lock)
    except OSError as error:
        raise RegistryError(f"registry {path}: cannot be locked: {error}; {_REMEDY}") from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(lock: Path) -> int:
    """A descriptor that holds the lock on the file of this name, not on one that its owner has just removed."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    """Readers see the old file or the new one, also after a power cut. The temporary file's name is always the same, so
    that one which a killed run has left behind is gone with the next; the lock keeps two writers apart."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, _WRITE_NEW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        temporary.replace(path)
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RegistryError(f"registry {path}: cannot be written: {error}; {_REMEDY}") from error
