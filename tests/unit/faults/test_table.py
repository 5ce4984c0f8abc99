# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What make faults prints."""

from __future__ import annotations

from ansible_collections.cryptokey.wireguard.tests.faults.__main__ import render_table


def test_the_kills_of_one_kind_are_a_line() -> None:
    faults = [
        {"fault": "config: a file: killed at rename 1", "survived": True, "packets_lost": 0},
        {"fault": "config: a file: killed at write 1", "survived": True, "packets_lost": 0},
        {"fault": "config: a file: killed at write 12", "survived": False, "packets_lost": 3},
        {"fault": "interface: the clock says 1970", "survived": True, "packets_lost": 0},
    ]
    assert render_table(faults).splitlines()[2:] == [
        "| config: a file: killed at rename | 1 | 1 | 0 |",
        "| config: a file: killed at write | 2 | 1 | 3 |",
        "| interface: the clock says 1970 | 1 | 1 | 0 |",
        "| all | 4 | 3 | 3 |",
    ]
