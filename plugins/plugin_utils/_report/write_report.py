# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what people or programs read to a file on the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.files import atomic_write
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.reading import read_file


def write_report(path: str, text: str, check_mode: bool) -> dict[str, Any]:
    """Make the file have the text, and return ``changed``, ``path`` and ``diff`` for the result of a task.

    A relative path starts at the current directory. Raises InputError and OSError.
    """
    absolute = str(Path(path).absolute())
    old = read_file(absolute)
    before = old.data.decode("utf-8", "replace") if old else ""
    if before == text:
        return {"changed": False, "path": absolute}
    if not check_mode:
        atomic_write(absolute, text.encode(), 0o644)
    diff = {"before_header": absolute, "before": before, "after_header": absolute, "after": text}
    return {"changed": True, "path": absolute, "diff": diff}
