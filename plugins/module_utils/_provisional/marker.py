# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that is there while a change of an interface waits to be confirmed.

Each run looks for it, so this file imports next to nothing. What is in it: ``record``.
"""

from __future__ import annotations

import os

from .._store.keyfile import DIRECTORY


def record_path(interface: str, directory: str = DIRECTORY) -> str:
    """The file that is there while a change waits for being confirmed."""
    return f"{directory}/{interface}.unconfirmed"


def is_recorded(interface: str, directory: str = DIRECTORY) -> bool:
    return os.path.lexists(record_path(interface, directory))
