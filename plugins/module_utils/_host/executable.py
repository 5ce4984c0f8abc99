# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recognise a program that this collection has left on a host, by the comment at the end of its zip archive.

The comment has the version, the byte code's, and a digest of all bytes before it. So one look at the file shows whether
it is outdated or damaged.
"""

from __future__ import annotations

import hashlib
from importlib.util import MAGIC_NUMBER

_DIGEST_CHARACTERS = 64


def executable_comment(version: str) -> bytes:
    """The comment of a new archive, which ``seal_executable`` completes. ``version``: a word of ASCII characters."""
    return _stamp(version) + bytes(_DIGEST_CHARACTERS)


def seal_executable(data: bytes) -> bytes:
    """The bytes of an archive with such a comment, complete."""
    return data[:-_DIGEST_CHARACTERS] + _digest_of(data)


def is_executable_current(data: bytes, version: str) -> bool:
    """Whether these are all bytes of an executable of this version, for this Python."""
    return data[:-_DIGEST_CHARACTERS].endswith(_stamp(version)) and data.endswith(_digest_of(data))


def _stamp(version: str) -> bytes:
    return f"{version} {MAGIC_NUMBER.hex()} ".encode()


def _digest_of(data: bytes) -> bytes:
    return hashlib.sha256(data[:-_DIGEST_CHARACTERS]).hexdigest().encode()
