# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""QR codes scan back to the very same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._clients.qr import MOST_BYTES, encode_qr, lines, png
from ansible_collections.cryptokey.wireguard.tests.unit.clients.scanning import scan, scan_terminal


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400))
def test_any_text_scans_back(text: str) -> None:
    code = encode_qr(text, "phone")
    assert scan(png(code)) == text.encode()
    assert scan_terminal(lines(code)) == text.encode()


def test_the_largest_scans_back_and_one_byte_more_is_refused_with_the_sizes() -> None:
    text = "PrivateKey=" * 268 + "Endp"
    assert len(text) == MOST_BYTES - 1
    assert scan(png(encode_qr(text + "o", "phone"))) == (text + "o").encode()
    with pytest.raises(InputError) as caught:
        encode_qr(text + "é", "phone")
    assert str(caught.value) == (
        "phone: its configuration has 2954 bytes, and a QR code holds at most 2953; "
        "use fewer allowed IPs or DNS entries, or turn QR codes off with qr=false"
    )


def test_the_same_text_gives_the_same_picture() -> None:
    assert png(encode_qr("x", "phone")) == png(encode_qr("x", "phone"))
