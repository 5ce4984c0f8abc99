# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of tunnels."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.tunnels import (
    read_tunnels,
    render_table,
    targets,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import example

PLANS = example("hub_and_spoke.yml").plan().hosts


def answer(host: str, age: int | None, lost: str = "", missing: str = "") -> dict[str, Any]:
    """What a host's modules return when the named peer's pings are lost, or the named peer is not there."""
    peers = [
        {"public_key": peer["public_key"], "latest_handshake_age": age, "transfer_rx": 2048, "transfer_tx": 3 << 20}
        for peer in PLANS[host]["peers"]
        if peer["name"] != missing
    ]
    results = [
        {**target, "reachable": target["name"] != lost, "rtt_ms": None if target["name"] == lost else 4.06}
        for target in targets(PLANS[host], PLANS)
    ]
    return {"interfaces": [{"interface": "wg0", "peers": peers}], "results": results}


def test_a_host_pings_one_address_of_each_family_of_each_peer() -> None:
    assert targets(PLANS["laptop"], PLANS) == [
        {"name": "hub1", "address": "10.8.0.1"},
        {"name": "hub1", "address": "fd00:8::1"},
    ]


def test_the_table() -> None:
    answers = {
        "hub1": answer("hub1", 12, lost="office", missing="server"),
        "laptop": answer("laptop", 7300),
        "office": {"msg": "no route to host", "unreachable": True},
        "server": answer("server", None, lost="hub1"),
    }
    rows = list(read_tunnels(PLANS, answers))
    assert "\n".join(render_table(rows)) == (
        "HOST    PEER         HANDSHAKE     PING    PING6   RECEIVED  SENT\n"
        "hub1    laptop       12 s          4.1 ms  4.1 ms  2.0 KiB   3.0 MiB\n"
        "hub1    office       12 s          lost    lost    2.0 KiB   3.0 MiB  <- down\n"
        "hub1    server       no such peer  -       -       -         -  <- down\n"
        "laptop  hub1         2 h           4.1 ms  4.1 ms  2.0 KiB   3.0 MiB\n"
        "office  (no answer)  -             -       -       -         -  <- down\n"
        "server  hub1         never         lost    lost    2.0 KiB   3.0 MiB  <- down"
    )
    assert [row.up for row in rows] == [True, False, False, True, False, False]


def test_a_host_whose_peers_have_no_keys_yet_is_down() -> None:
    plans = example("hub_and_spoke.yml").plan(without=["hub1"]).hosts
    (row,) = read_tunnels(plans, {"laptop": {"interfaces": [], "results": []}})
    assert (row.host, row.peer, row.up) == ("laptop", "(none known)", False)
