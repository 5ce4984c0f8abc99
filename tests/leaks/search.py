# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for keys in whatever runs have left behind: in plain, in Ansible's packed modules, in each spelling."""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_PACKED = re.compile(rb"[A-Za-z0-9+/=\n]{400,}")


def forms(key: str) -> dict[str, bytes]:
    """A key in each of the ways in which it could be written."""
    raw = base64.b64decode(key, validate=True)
    return {
        "base64": key.encode().rstrip(b"="),
        "URL-safe base64": base64.urlsafe_b64encode(raw).rstrip(b"="),
        "base64 of base64": base64.b64encode(key.encode())[:56],
        "hex": raw.hex().encode(),
        "capital hex": raw.hex().upper().encode(),
        "raw": raw,
        "representation": repr(raw)[2:-1].encode(),
    }


def spellings(keys: Mapping[str, str]) -> dict[str, bytes]:
    """Names to keys in base64, to what is looked for, with how it is written in the name."""
    return {f"{name}, {form}": text for name, key in keys.items() for form, text in forms(key).items()}


def unpacked(content: bytes) -> Iterator[bytes]:
    """The content itself, and that of the files in each archive which it has in base64, as AnsiballZ does."""
    yield content
    for blob in _PACKED.findall(content):
        try:
            archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(blob)))
        except (binascii.Error, ValueError, zipfile.BadZipFile):
            continue
        with archive:
            yield from map(archive.read, archive.namelist())


def hits(place: str, content: bytes, wanted: Mapping[str, bytes]) -> list[str]:
    parts = list(unpacked(content))
    return [f"{place}: {name}" for name, text in wanted.items() if any(text in part for part in parts)]


def files(folder: Path, apart_from: Iterable[Path] = ()) -> Iterator[Path]:
    """All files below a folder but these, and what is below these."""
    left_out = set(apart_from)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and left_out.isdisjoint({path, *path.parents}):
            yield path


def find(folder: Path, wanted: Mapping[str, bytes], apart_from: Iterable[Path] = ()) -> list[str]:
    return [hit for path in files(folder, apart_from) for hit in hits(str(path), path.read_bytes(), wanted)]
