# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry in a cache that several controllers share.

Such a cache can read and write a value, and no more: it has no lock and no comparison. So writers take turns by a
value beside the registry, by Fischer's algorithm (L. Lamport, "A fast mutual exclusion algorithm", ACM TOCS 5:1, 1987):
whoever finds the turn free claims it, waits until each that found it free too must have claimed it as well, and has it
when the claim is still its own. That holds as long as a claim takes less time than the wait. A writer that is held up
for longer can overwrite what another wrote just then; reading back shows it to the other, which merges again, unless it
has gone on already. Then a key or an address is missing, which the other's next run records again.
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
        """As it is now, not as it was when this was asked before; None where there is nothing."""

    def write(self, key: str, text: str) -> None:
        """For ever."""


class CacheStore:
    """A Store in a cache.

    A claim takes less than ``wait`` seconds, and whoever has had the turn for ``lease`` seconds is taken for dead.
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
            # By this machine's own clock: those of others may differ.
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
