# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry in a cache that several controllers share.

Such a cache can only read and write a value: it has no lock and no comparison. So writers take turns by a value beside
the registry, with Fischer's algorithm (L. Lamport, "A fast mutual exclusion algorithm", ACM TOCS 5:1, 1987). A writer
that finds the turn free claims it, and waits until each other writer that found it free must have claimed it.
It has the turn if the claim is still its own. This holds as long as a claim takes less time than the wait. A writer
that is delayed for longer can overwrite what another wrote just then. The other one sees this when it reads back, and
merges again, unless it has already gone on. Then a key or an address is missing until the other's next run records it.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import Protocol

from .store import Change, Update, change_text
from .text import RegistryError

_KEY = "cryptokey_wireguard_{}"
_FREE = ""
_POLL = 0.1
_ATTEMPTS = 5


class Cache(Protocol):
    """The two things that every cache can do. Raises RegistryError."""

    name: str

    def read(self, key: str) -> str | None:
        """Read the present value, not a remembered one. None if there is none."""

    def write(self, key: str, text: str) -> None:
        """Write a value that never expires."""


class CacheStore:
    """A Store in a cache.

    A claim takes less than ``wait`` seconds. A writer that has had the turn for ``lease`` seconds counts as dead.
    """

    def __init__(self, cache: Cache, wait: float = 0.5, lease: float = 60.0) -> None:
        self._cache = cache
        self._wait = wait
        self._lease = lease

    def update(self, network: str, change: Change, write: bool) -> Update:
        key = _KEY.format(network)
        place = f"{key} in the cache {self._cache.name}"
        with self._turn(f"{key}_turn") if write else contextlib.nullcontext():
            for _attempt in range(_ATTEMPTS):
                update = change_text(self._cache.read(key), place, change)
                if not (write and update.changed):
                    return update
                self._cache.write(key, update.after)
                if self._cache.read(key) == update.after:
                    return update
        problem, remedy = "the cache did not store the value", "check its settings"
        raise RegistryError(f"registry {place}: {problem}; {remedy}")

    def is_writable(self, network: str) -> bool:
        return True

    @contextlib.contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        me = uuid.uuid4().hex
        seen, since = _FREE, time.monotonic()
        while True:
            holder = self._cache.read(key) or _FREE
            if holder != seen:
                seen, since = holder, time.monotonic()
            # By this machine's own clock, since the clocks of others can differ.
            if holder == _FREE or time.monotonic() - since > self._lease:
                self._cache.write(key, me)
                time.sleep(self._wait)
                if self._cache.read(key) == me:
                    break
            else:
                time.sleep(_POLL)
        try:
            yield
        finally:
            if self._cache.read(key) == me:
                self._cache.write(key, _FREE)
