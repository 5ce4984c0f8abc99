# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, routes and rules with all that one can give them are back after the link was gone, down or changed.

This machine's kernel is used, in a network namespace with a link that is not WireGuard's. What is compared is what the
kernel says before and after, byte by byte; our own decoder has no part in that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.tests.kernel import belongings
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

NEW_LINK = ["link del d0", "link add d0 type TYPE", "link set d0 addrgenmode none"]
CHANGES = {
    "the link was removed": NEW_LINK,
    "the link was removed, and is up": [*NEW_LINK, "link set d0 up"],
    "the link is down": ["link set d0 down"],
    "the link was down": ["link set d0 down", "link set d0 up"],
    "its addresses were flushed": ["-4 address flush dev d0", "-6 address flush dev d0"],
    "its IPv4 addresses were flushed": ["-4 address flush dev d0"],
    "its routes were flushed": [
        *(f"-{family} route flush dev d0 proto {protocol}" for family in (4, 6) for protocol in ("boot", "static", 87)),
        *(f"-{family} route flush dev d0 table 1234" for family in (4, 6)),
    ],
    "the primary address of a network was removed": ["address del 10.9.0.1/24 dev d0"],
    "the secondary address of a network was removed": ["address del 10.9.0.2/24 dev d0"],
    "addresses were made in another way": [
        *("address del 10.5.0.1/24 dev d0", "address add 10.5.0.1/24 dev d0"),
        *("address del 10.4.0.1/24 dev d0", "address add 10.4.0.1/24 dev d0 brd + label d0:x"),
        *("address del 10.8.0.1/32 peer 10.8.0.3/32 dev d0", "address add 10.8.0.1/32 peer 10.8.0.9/32 dev d0"),
        *("address del fd04::1/128 dev d0", "address add fd04::1/128 dev d0"),
        *("address del fd03::1/64 dev d0", "address add fd03::1/64 dev d0 noprefixroute"),
    ],
    "routes were made in another way": [
        "route replace 10.20.0.0/16 metric 200 dev d0",
        "route del 10.20.0.0/16 metric 100 dev d0",
        "route add 10.20.0.0/16 metric 300 dev d0",
        "route replace 10.21.0.0/16 metric 32 proto bird dev d0 mtu 1400",
        "route replace 10.24.0.0/16 table 1234 dev d0",
        "-6 route replace fd20::/64 metric 100 dev d0",
        "-6 route replace fd22::/64 proto static dev d0",
        "-6 route del fd25::/64",
        "-6 route add fd25::/64 dev d0",
    ],
    "routes of prefixes that have several came": [
        "-6 route add fd20::/64 metric 50 dev d0",
        "-6 route add fd28::/64 dev d0",
        "-6 route add fd26::/64 metric 50 dev d0",
        "-6 route add fd26::/64 dev d0 metric 2000",
        "route add 10.28.0.0/16 dev d0",
        "route add 10.28.0.0/16 dev d0 metric 500",
    ],
    "rules were removed and made in another way": [
        *("-4 rule del priority 899", "-6 rule del priority 899"),
        *("-4 rule del priority 900", "-4 rule add not fwmark 51820 table 51820 priority 900"),
        *("-6 rule del priority 900", "-6 rule add not fwmark 51820 table 51820 priority 777"),
    ],
}


def in_namespace(*steps: list[str]) -> Any:
    """Furnish a link, do the steps, each followed by a restore, and return what was found."""
    command = [sys.executable, "-m", belongings.__name__, json.dumps(steps)]
    command = ["unshare", "--map-root-user", "--net", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_restored_is_what_was(change: str) -> None:
    (found,) = in_namespace(CHANGES[change])
    assert found["changed"] > 0
    assert found["different"] == []
    assert found["left"] == []
    assert found["shorter"] <= 3


def test_one_after_another() -> None:
    for found in in_namespace(*CHANGES.values()):
        assert found["changed"] > 0
        assert (found["different"], found["left"]) == ([], [])
