# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text as a QR code, for the file and for the terminal. All in memory, as the text has a private key in it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary, package_hint

if TYPE_CHECKING:
    import segno

# What the largest one, of version 40 at the lowest level of correction, holds (ISO/IEC 18004, table 7).
MOST_BYTES = 2953
_PIXELS = 6
_QUIET = 4
_TERMINAL_QUIET = 2  # so that the usual code fits into 80 columns


def check_library() -> None:
    """Raises MissingLibrary."""
    try:
        import segno  # noqa: F401
    except ImportError:
        hint = package_hint("segno")
        raise MissingLibrary(
            f"QR codes need the Python library segno: {hint}, or turn them off with qr=false"
        ) from None


def encode_qr(text: str, option: str) -> segno.QRCode:
    """The code, which scans back to just this text. Raises InputError where it is too long, with its size alone."""
    import segno

    size = len(text.encode())
    if size > MOST_BYTES:
        problem = f"its configuration has {size} bytes, and a QR code holds at most {MOST_BYTES}"
        raise InputError(
            option, None, problem, "use fewer allowed IPs or DNS entries, or turn QR codes off with qr=false"
        )
    return segno.make_qr(text.encode(), mode="byte")


def png(code: segno.QRCode) -> bytes:
    """The picture, black on white, with the margin that scanners need."""
    buffer = io.BytesIO()
    code.save(buffer, kind="png", scale=_PIXELS, border=_QUIET)
    return buffer.getvalue()


def lines(code: segno.QRCode) -> str:
    """The same in half blocks, for a terminal that is bright on dark."""
    buffer = io.StringIO()
    code.terminal(buffer, border=_TERMINAL_QUIET, compact=True)
    return buffer.getvalue()
