# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has changed on a running interface by hand, as the report of the controller has it."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.modules.interface import result_of
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts.drift_report import HostDrift, read_drift
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.drift_table import render_drift
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, bring_up, strangers


def look(host: Host, options: dict[str, Any]) -> HostDrift:
    """What drift.yml makes of the answer of this host."""
    found = result_of(host.converge(check_mode=True, **options), with_diff=False)
    part = {"interface": "wg0", "created": False, "known": True, "lacks": [], **found}
    answer = {"packages": False, "complete": True, "interfaces": [part]}
    return read_drift(host.name, answer, [{"network": "home", "options": {"interface": "wg0", **options}}])


def test_changes_by_hand_are_found_by_name_and_a_roaming_peer_is_none(pair: tuple[Host, Host]) -> None:
    left, right = pair
    ours, theirs = bring_up(left, right)
    ours["mtu"] = 1400
    left.converge(**ours)
    assert look(left, ours).state == "planned"
    # The right one has learned where the left one is.
    assert look(right, theirs).state == "planned"

    (stranger,) = strangers(1)
    left.run("wg", "set", "wg0", "peer", stranger["public_key"], "allowed-ips", "10.77.0.1/32")
    left.run("wg", "set", "wg0", "peer", str(right.public_key), "persistent-keepalive", "11")
    left.run("ip", "link", "set", "wg0", "mtu", "1300")
    left.run("ip", "address", "delete", "10.9.0.1/24", "dev", "wg0")
    before = left.read()
    drift = look(left, ours)
    rows = {" ".join(line.split()) for line in render_drift([drift])}
    assert {
        f"left wg0 remove {stranger['public_key']} peers allowed_ips 10.77.0.1/32 -> -",
        "left wg0 set right persistent_keepalive 11 -> 25",
        "left wg0 set - mtu 1300 -> 1400",
        "left wg0 add - addresses - -> 10.9.0.1/24",
    } <= rows, rows
    assert left.read().device.peers.keys() == before.device.peers.keys()
    assert left.read().mtu == 1300

    left.converge(**ours)
    assert look(left, ours).state == "planned"
