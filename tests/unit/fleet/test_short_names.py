# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short names of clients, which name files and tunnels on devices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.short_names import (
    MAX_NAME,
    is_short,
    shorten_name,
)

NAMES = st.text("abcXY019-_.", min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("name", "taken", "short"),
    [
        ("phone", (), "phone"),
        ("phone", ("phone",), "phone-2"),
        ("exactly-fifteen", (), "exactly-fifteen"),
        ("mail-relay_at_home", (), "mail-relay_at"),
        ("mail-relay_at_home", ("mail-relay_at",), "mail-relay_at-2"),
        ("mail-relay_at_home", ("mail-relay_at", "mail-relay_at-2"), "mail-relay_at-3"),
        # The words of less than 8 characters would say too little.
        ("joes-thinkpadcarbonx1", (), "joes-thinkpadca"),
        ("averylongnamewithoutwords", (), "averylongnamewi"),
        ("averylongnamewithoutwords", ("averylongnamewi",), "averylongname-2"),
        ("fifteen-letters.example", (), "fifteen-letters"),
    ],
)
def test_a_short_name(name: str, taken: tuple[str, ...], short: str) -> None:
    assert shorten_name(name, taken) == short


@given(st.lists(NAMES, max_size=30))
def test_all_of_a_network_are_short_and_differ(names: list[str]) -> None:
    taken: list[str] = []
    for name in names:
        taken.append(shorten_name(name, taken))
    assert len(set(taken)) == len(names)
    assert all(1 <= len(name) <= MAX_NAME and is_short(name) for name in taken)


@given(NAMES)
def test_a_short_name_stays_as_it_is(name: str) -> None:
    assert (shorten_name(name) == name) is is_short(name)
