# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that exists while a change of an interface is unconfirmed.

Every run looks for it, so this module imports almost nothing. ``record`` reads and writes it.
"""

from __future__ import annotations

import os

from .._store.private_key import DIRECTORY


def record_path(interface: str, directory: str = DIRECTORY) -> str:
    """Return the path of that file."""
    return f"{directory}/{interface}.unconfirmed"


def is_recorded(interface: str, directory: str = DIRECTORY) -> bool:
    return os.path.lexists(record_path(interface, directory))
