# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember what the last collection has found for an interface, so that the next one need not find it again.

It is lost at a reboot. A file that is missing, torn or of another program is as good as none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .._model.errors import InputError
from .._store.lock import DIRECTORY
from .peers import Labels


class Memory(NamedTuple):
    """``labels_of``: the identity of the peers and names to which the labels belong. ``names``: those of peers
    outside of all groups, by key. ``state``: that of the whole state that was compared. ``operations``: what was found
    then, in words. ``stamp`` and ``table``: the generation of the rules, and the identity of the tables in it."""

    labels_of: str = ""
    labels: Sequence[Labels] = ()
    names: Mapping[str, str] = {}
    state: str = ""
    operations: tuple[str, ...] = ()
    stamp: tuple[str, int] | None = None
    table: str = ""


def load_memory(interface: str, directory: str = DIRECTORY) -> Memory:
    try:
        header, _newline, blobs = Path(_file(interface, directory)).read_bytes().partition(b"\n")
        given: dict[str, Any] = json.loads(header)
        sizes = given.pop("sizes")
        if sum(map(sum, sizes)) != len(blobs):
            return Memory()
        labels, at = [], 0
        for values, endpoints in sizes:
            middle, end = at + values, at + values + endpoints
            labels.append(Labels(blobs[at:middle], blobs[middle:end]))
            at = end
        stamp = given["stamp"] and (str(given["stamp"][0]), int(given["stamp"][1]))
        return Memory(**{**given, "labels": labels, "operations": tuple(given["operations"]), "stamp": stamp})
    except (AttributeError, LookupError, OSError, TypeError, ValueError):
        return Memory()


def save_memory(interface: str, memory: Memory, directory: str = DIRECTORY) -> None:
    """Nothing depends on it, so its failure is ignored."""
    from .._store.files import atomic_write, ensure_directory

    header = {**memory._asdict(), "sizes": [tuple(map(len, each)) for each in memory.labels]}
    del header["labels"]
    data = b"".join([json.dumps(header).encode(), b"\n", *(blob for each in memory.labels for blob in each)])
    with suppress(InputError, OSError):
        ensure_directory(directory, 0o700)
        atomic_write(_file(interface, directory), data, 0o600)


def forget_memory(interface: str, directory: str = DIRECTORY) -> None:
    """Raises OSError."""
    Path(_file(interface, directory)).unlink(missing_ok=True)


def _file(interface: str, directory: str) -> str:
    return str(Path(directory, f"{interface}.metrics"))
