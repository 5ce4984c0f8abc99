# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save what a playbook shows to a file on the controller, and read an earlier status document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import atomic_write
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.reading import read_file

from .status_changes import parse_document
from .status_document import StatusDocument

_MODE = 0o644


def write_report(path_text: str, text: str, check_mode: bool) -> dict[str, Any]:
    """Write the file if its text differs, and return the part of the task's result. Raises InputError and OSError."""
    path = str(Path(path_text).absolute())
    old = read_file(path)
    before = old.data.decode("utf-8", "replace") if old else ""
    if old is not None and before == text:
        return {"path": path, "changed": False}
    if not check_mode:
        atomic_write(path, text.encode("utf-8", "surrogateescape"), _MODE)
    if text.lower().startswith("<!doctype"):  # the source of a page says nothing to people, and may have megabytes
        return {"path": path, "changed": True}
    diff = {"before_header": path, "before": before, "after_header": path, "after": text}
    return {"path": path, "changed": True, "diff": diff}


def read_saved(option: str, path_text: str, remedy: str) -> tuple[str, str]:
    """Return the path and the text of a file that an earlier run has saved. Raises InputError and OSError."""
    path = str(Path(path_text).absolute())
    found = read_file(path)
    if found is None:
        raise InputError(option, path, "no such file", remedy)
    return path, found.data.decode("utf-8", "replace")


def read_baseline(path_text: str) -> StatusDocument:
    """Read an earlier status document. Raises InputError and OSError."""
    remedy = "save one with -e wireguard_format=json -e wireguard_file=PATH"
    path, text = read_saved("wireguard_baseline", path_text, remedy)
    return parse_document(text, path)
