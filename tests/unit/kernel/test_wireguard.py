# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernels are told to take a prefix from a peer, and which are given a peer that takes it."""

from __future__ import annotations

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.wireguard import _knows_removal_flag


@pytest.mark.parametrize(
    ("release", "known"),
    [
        ("5.6.0", False),
        ("6.1.0-56-cloud-amd64", False),
        ("6.12.57+deb13-amd64", False),
        ("6.16-rc1", True),
        ("6.16.0", True),
        ("7.0.1", True),
        ("10.2", True),
        ("custom", False),
    ],
)
def test_the_flag_came_with_6_16(release: str, known: bool) -> None:
    assert _knows_removal_flag(release) is known
