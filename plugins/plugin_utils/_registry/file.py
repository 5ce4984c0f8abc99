# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry in files: one YAML file per network in a directory, by default next to the inventory.

A file is replaced as a whole, so readers need no lock. Writers take turns, and each merges into what it finds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import write_locked
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import REMEDY, LockedError, locked

from .store import Change, Update, change_text
from .text import RegistryError

_REMEDY = "make its directory writable, with free space, or set wireguard_registry_read_only"


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
        """List the networks that have a file."""
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
    """Writers take turns by a file beside the registry, which the last one removes. They may be on several machines."""
    real = Path(os.path.realpath(path))
    lock = real.with_name(f".{real.name}.lock")
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(lock, keep=False))
        except LockedError as error:
            raise RegistryError(f"registry {path}: {error}; {REMEDY}") from None
        except OSError as error:
            raise RegistryError(f"registry {path}: cannot be locked: {error}; {_REMEDY}") from error
        yield


def _replace(path: Path, text: str) -> None:
    """Replace the file atomically, also in a power cut. A symbolic link stays."""
    try:
        write_locked(os.path.realpath(path), text.encode(), 0o644)
    except (OSError, InputError) as error:
        problem = getattr(error, "strerror", None) or error
        raise RegistryError(f"registry {path}: cannot be written: {problem}; {_REMEDY}") from error
