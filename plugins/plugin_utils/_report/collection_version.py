# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of the collection that runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def collection_version(root: Path = _ROOT) -> str:
    """From the manifest of an installed collection, or else from the galaxy.yml of a clone; empty without either."""
    manifest, source = root / "MANIFEST.json", root / "galaxy.yml"
    if manifest.is_file():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    found = (
        re.search(r"^version: *(\S+)", source.read_text(encoding="utf-8"), re.MULTILINE) if source.is_file() else None
    )
    return found[1] if found else ""
