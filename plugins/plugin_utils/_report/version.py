# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the version of this collection."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def read_version() -> str:
    """From the manifest of an installed collection, else from galaxy.yml. Empty if neither is there."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((_ROOT / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"])
    with suppress(OSError):
        found = re.search(r"^version: *(\S+)", (_ROOT / "galaxy.yml").read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else ""
    return ""
