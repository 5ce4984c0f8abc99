# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong clocks: the host's and the controller's."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.clock import clock_warning, is_plausible
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reconcile import reconcile
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._registry.member_record import MemberRecord, Records
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory


def seconds(text: str) -> float:
    return datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize(
    ("text", "plausible"),
    [
        ("1970-01-01 00:00:10", False),
        ("2025-12-31 23:59:59", False),
        ("2026-01-01 00:00:00", True),
        ("2045-06-01 12:00:00", True),
        ("2060-01-01 00:00:00", False),
    ],
)
def test_which_times_can_be_right(text: str, plausible: bool) -> None:
    assert is_plausible(seconds(text)) is plausible


def test_the_warning_has_the_time_and_what_to_do() -> None:
    warning = clock_warning(seconds("1970-01-02 03:04:05"))
    assert warning.startswith("The clock of this host is wrong: it says 1970-01-02 03:04 UTC.")
    assert "Set the clock" in warning


@pytest.mark.parametrize(
    ("records", "latest"),
    [
        (Records({"ada": MemberRecord(last_seen="2026-06-09")}), "2026-06-09"),
        (Records({"ada": MemberRecord(first_seen="2026-07-01", last_seen="2026-06-01")}), "2026-07-01"),
        (Records(resting={"10.8.0.99": "2031-01-01"}), "2031-01-01"),
        (Records({"ada": MemberRecord(last_seen="2026-06-02")}, {"10.8.0.99": "2026-05-01"}), None),
        (Records(), None),
    ],
)
def test_a_registry_from_the_future(records: Records, latest: str | None) -> None:
    (network,) = Inventory().read()
    warnings = reconcile(network, records, {}, "2026-06-01").warnings
    found = [text for text in warnings if text.startswith("The clock of the controller shows 2026-06-01")]
    assert len(found) == (latest is not None)
    assert all(f"the later date {latest}." in text for text in found)
