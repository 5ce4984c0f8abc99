# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for keys in whatever runs have left behind: in plain, in Ansible's packed modules, in each spelling."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import runpy
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from unittest import mock

_SCRIPT = Path(__file__).parents[2] / "molecule" / "hub_and_spoke" / "find_secrets.py"
_SETTINGS = ("MOLECULE_PROJECT_DIRECTORY", "LAB_DIR", "MOLECULE_EPHEMERAL_DIRECTORY")
_PACKED = re.compile(rb"[A-Za-z0-9+/=\n]{400,}")


def _load_forms() -> Callable[[str], dict[str, bytes]]:
    """Those of the Molecule scenario's search, which is a script that takes its settings from the environment."""
    with mock.patch.dict(os.environ, dict.fromkeys(_SETTINGS, "/nonexistent")):
        forms: Callable[[str], dict[str, bytes]] = runpy.run_path(str(_SCRIPT))["forms"]
    return forms


forms = _load_forms()


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
