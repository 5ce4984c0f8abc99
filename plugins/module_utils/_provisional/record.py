# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of an unconfirmed change: the state before it, and its deadline.

The record is a file in the directory of the private keys, since it has preshared keys in it, and the interface's own
key where no other file has that. It is removed when the change is confirmed or rolled back. After a reboot it has no
meaning, since the host then starts with the state before the change.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from .._converge.records import Record
from .._model.errors import InputError
from .._model.interface import PeerNames
from .._model.keys import PrivateKey, PublicKey, parse_public_key
from .._model.state import RunningState
from .._store.endpoints import DIRECTORY as STATE_DIRECTORY
from .._store.files import atomic_write, ensure_directory, ensure_parent, remove_file
from .._store.private_key import DIRECTORY, find_private_key
from .._store.public_key import public_key_of
from .._store.reading import read_file
from .marker import record_path
from .snapshot import decode_state, encode_state

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True)
class Unconfirmed:
    """One provisional change of an interface.

    ``change`` names it, ``armed_at`` is in seconds since 1970, ``deadline`` in seconds of ``clock()``, which counts
    from the boot ``boot``. ``before`` is what is put back, ``key_file`` what has its private key, empty where the
    record itself has it. ``netns`` and ``birth_netns`` are where the change has put the interface, ``with_dns`` whether
    name servers were looked at. ``endpoints``: what is to be remembered as applied once it is confirmed. ``program``
    and ``unit``: the watchdog's file and its timer, which is empty without systemd.
    """

    interface: str
    change: str
    boot: str
    armed_at: float
    deadline: float
    before: RunningState
    key_file: str
    names: PeerNames
    netns: str
    birth_netns: str
    with_dns: bool
    endpoints: Mapping[PublicKey, str]
    program: str
    unit: str

    @property
    def seconds_left(self) -> float:
        return self.deadline - clock()

    def delayed(self, seconds: float) -> Unconfirmed:
        """The same, armed now, and waiting for so many seconds from now on."""
        return replace(self, armed_at=time.time(), deadline=clock() + seconds)

    @property
    def date(self) -> str:
        """The deadline by the time of day."""
        return render_date(time.time() + self.seconds_left)


class Report(NamedTuple):
    """What was rolled back of ``change``, at ``at`` in seconds since 1970: ``changes`` in words, ``operations`` as
    ``list_operations`` has them. ``problem`` is empty if all was."""

    change: str
    at: float
    changes: list[str]
    problem: str
    operations: list[Record]

    @property
    def date(self) -> str:
        return render_date(self.at)


def clock() -> float:
    """Seconds since boot, those of sleep included, whatever becomes of the time of day."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def render_date(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def boot_id() -> str:
    return Path(_BOOT_ID).read_text(encoding="ascii").strip()


def record_change(change: Unconfirmed, directory: str = DIRECTORY) -> None:
    """Write the record. Raises InputError and OSError."""
    plain = {
        **vars(change),
        "before": encode_state(change.before, with_private_key=not change.key_file),
        "names": {str(key): name for key, name in change.names.items()},
        "endpoints": {str(key): endpoint for key, endpoint in change.endpoints.items()},
    }
    path = record_path(change.interface, directory)
    ensure_parent(path, directory)
    atomic_write(path, json.dumps(plain).encode(), 0o600)


def find_change(interface: str, directory: str = DIRECTORY) -> Unconfirmed | None:
    """Read the change that waits, None if there is none. A record from before a reboot is removed.

    Raises InputError, which never has the file's content, and OSError.
    """
    path = record_path(interface, directory)
    content = read_file(path)
    if content is None:
        return None
    if content.owner != os.geteuid() or content.mode & 0o077:
        raise InputError("interface", interface, f"other users can read or write {path}", "check it, and remove it")
    try:
        plain = json.loads(content.data)
        if plain["boot"] == boot_id():
            return _decode(plain)
    except (KeyError, TypeError, ValueError):
        remedy = "remove it, and check the state of the interface"
        raise InputError("interface", interface, f"{path} is damaged", remedy) from None
    remove_file(path)
    return None


def _decode(plain: dict[str, Any]) -> Unconfirmed:
    private_key = _read_key(plain["key_file"], plain["before"]["device"]["public_key"])
    return Unconfirmed(
        **{
            **plain,
            "before": decode_state(plain["before"], private_key),
            "names": {parse_public_key(key): name for key, name in plain["names"].items()},
            "endpoints": {parse_public_key(key): endpoint for key, endpoint in plain["endpoints"].items()},
        }
    )


def _read_key(path: str, public_key: str | None) -> PrivateKey | None:
    """The key in the file, None where that has another one by now."""
    with suppress(InputError, OSError):
        private_key = find_private_key(path) if path else None
        with suppress(ImportError):
            if private_key and str(public_key_of(private_key)) != public_key:
                return None
        return private_key
    return None


def forget_change(interface: str, directory: str = DIRECTORY) -> None:
    """Remove the record. Raises InputError and OSError."""
    remove_file(record_path(interface, directory))


def record_report(interface: str, report: Report, directory: str = STATE_DIRECTORY) -> None:
    """Keep the report of the last rollback. Raises InputError and OSError."""
    ensure_directory(directory, 0o700)
    atomic_write(f"{directory}/{interface}.rollback.json", json.dumps(report).encode(), 0o600)


def find_report(interface: str, directory: str = STATE_DIRECTORY) -> Report | None:
    """Read the report of the last rollback, None if there is none or it cannot be read."""
    try:
        content = read_file(f"{directory}/{interface}.rollback.json")
        return Report(*json.loads(content.data)) if content else None
    except (InputError, OSError, TypeError, ValueError):
        return None
