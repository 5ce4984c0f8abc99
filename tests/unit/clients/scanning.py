# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads QR codes the way that a phone does, with a decoder that has nothing in common with what made them."""

from __future__ import annotations

import io

import zxingcpp
from PIL import Image

_HALVES = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}


def scan(picture: bytes) -> bytes:
    """What the one QR code in a PNG says."""
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    assert found.format == zxingcpp.BarcodeFormat.QRCode
    return bytes(found.bytes)


def scan_terminal(text: str) -> bytes:
    """What a QR code in half blocks says, seen as a terminal that is bright on dark shows it."""
    lines = [line for line in text.splitlines() if line]
    rows = [[_HALVES[block][half] for block in line] for line in lines for half in (0, 1)]
    scale = 4
    image = Image.new("L", (len(rows[0]) * scale, len(rows) * scale))
    for y, row in enumerate(rows):
        for x, bright in enumerate(row):
            image.paste(255 if bright else 0, (x * scale, y * scale, (x + 1) * scale, (y + 1) * scale))
    (found,) = zxingcpp.read_barcodes(image)
    return bytes(found.bytes)
