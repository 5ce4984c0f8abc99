# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of tunnels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._fleet.tunnels import (
    read_tunnels,
    render_table,
    targets,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import VALUES, is_clean
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import example, key_of

Plans = dict[str, list[dict[str, Any]]]


def plans_of(*without: str) -> Plans:
    """What the action plugin makes of the example."""
    hosts = example("hub_and_spoke.yml").plan(without=without).hosts
    return {name: [{**plan, "network": "home"}] for name, plan in hosts.items()}


PLANS = plans_of()


def second_network(plans: Plans) -> Plans:
    """The same, with a network of two of the hosts beside it, and a client there that is a host at home."""
    entries = {
        "laptop": {"addresses": ["10.9.0.1/24"], "peers": [peer("server"), peer("office")]},
        "server": {"addresses": ["10.9.0.2/24"], "peers": [peer("laptop")]},
    }
    more = {"network": "side", "interface": "wg1", "peers_mode": "exact"}
    return {name: [*entry, *([{**more, **entries[name]}] if name in entries else [])] for name, entry in plans.items()}


def peer(name: str) -> dict[str, Any]:
    return {"name": name, "public_key": key_of(name)}


def answer(plan: Mapping[str, Any], plans: Plans, age: int | None, lost: str = "", missing: str = "") -> dict[str, Any]:
    """What the modules return for an interface when the named peer's pings are lost, or the named peer is not there."""
    peers = [
        {"public_key": peer["public_key"], "latest_handshake_age": age, "transfer_rx": 2048, "transfer_tx": 3 << 20}
        for peer in plan["peers"]
        if peer["name"] != missing
    ]
    results = [
        {**target, "reachable": target["name"] != lost, "rtt_ms": None if target["name"] == lost else 4.06}
        for target in targets(plan, plans)
    ]
    return {"interfaces": [{"interface": plan["interface"], "peers": peers}], "results": results}


def answers(host: str, age: int | None, lost: str = "", missing: str = "") -> dict[str, dict[str, Any]]:
    return {plan["interface"]: answer(plan, PLANS, age, lost, missing) for plan in PLANS[host]}


def test_a_host_pings_one_address_of_each_family_of_each_peer() -> None:
    assert targets(PLANS["laptop"][0], PLANS) == [
        {"name": "hub1", "address": "10.8.0.1"},
        {"name": "hub1", "address": "fd00:8::1"},
    ]


def test_it_pings_the_address_of_the_same_network_and_no_client() -> None:
    plans = second_network(PLANS)
    assert targets(plans["laptop"][1], plans) == [{"name": "server", "address": "10.9.0.2"}]


def test_the_table() -> None:
    rows = list(
        read_tunnels(
            PLANS,
            {
                "hub1": answers("hub1", 12, lost="office", missing="server"),
                "laptop": answers("laptop", 7300),
                "office": {"wg0": {"msg": "no route to host", "unreachable": True}},
                "server": answers("server", None, lost="hub1"),
            },
        )
    )
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


def test_of_several_networks_each_row_says_which_one_and_clients_are_not_down() -> None:
    plans = second_network(PLANS)
    laptop = {plan["interface"]: answer(plan, plans, 12) for plan in plans["laptop"]}
    rows = list(read_tunnels(plans, {"laptop": laptop, "server": {}}))
    assert "\n".join(render_table(rows)) == (
        "HOST    NETWORK  PEER         HANDSHAKE  PING    PING6   RECEIVED  SENT\n"
        "laptop  home     hub1         12 s       4.1 ms  4.1 ms  2.0 KiB   3.0 MiB\n"
        "laptop  side     server       12 s       4.1 ms  -       2.0 KiB   3.0 MiB\n"
        "laptop  side     office       12 s       -       -       2.0 KiB   3.0 MiB\n"
        "server  home     (no answer)  -          -       -       -         -  <- down\n"
        "server  side     (no answer)  -          -       -       -         -  <- down"
    )
    assert [row.up for row in rows] == [True, True, None, False, False]


def test_a_client_that_is_no_peer_of_the_interface_is_down() -> None:
    plans = second_network(PLANS)
    running = answer(plans["laptop"][1], plans, 12, missing="office")
    rows = list(read_tunnels({"laptop": plans["laptop"][1:], "server": plans["server"]}, {"laptop": {"wg1": running}}))
    assert [(row.peer, row.handshake, row.up) for row in rows] == [
        ("server", "12 s", True),
        ("office", "no such peer", False),
    ]


def test_a_host_whose_peers_have_no_keys_yet_is_down() -> None:
    answered: dict[str, dict[str, dict[str, Any]]] = {"laptop": {"wg0": {"interfaces": [], "results": []}}}
    (row,) = read_tunnels(plans_of("hub1"), answered)
    assert (row.host, row.peer, row.up) == ("laptop", "(none known)", False)


def test_a_host_that_is_to_have_no_peers_has_no_rows() -> None:
    alone = {"hub1": [{**PLANS["hub1"][0], "peers": []}]}
    assert list(read_tunnels(alone, {"hub1": {"wg0": {"interfaces": [], "results": []}}})) == []


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", ["interfaces", "peers", "peer", "public_key", "latest_handshake_age", "transfer_rx"])
def test_a_malformed_state_is_a_line_of_its_host_alone(place: str, kind: str) -> None:
    hostile = answers("hub1", 12)
    found = hostile["wg0"]["interfaces"]
    if place == "interfaces":
        hostile["wg0"]["interfaces"] = VALUES[kind]
    elif place == "peers":
        found[0]["peers"] = VALUES[kind]
    elif place == "peer":
        found[0]["peers"][0] = VALUES[kind]
    else:
        found[0]["peers"][0][place] = VALUES[kind]
    check_alone(hostile)


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", ["results", "result", "name", "address", "reachable", "rtt_ms"])
def test_a_malformed_probe_is_a_line_of_its_host_alone(place: str, kind: str) -> None:
    hostile = answers("hub1", 12)
    if place == "results":
        hostile["wg0"]["results"] = VALUES[kind]
    elif place == "result":
        hostile["wg0"]["results"][0] = VALUES[kind]
    else:
        hostile["wg0"]["results"][0][place] = VALUES[kind]
    check_alone(hostile)


def check_alone(hostile: dict[str, Any]) -> None:
    """The other host's lines are as ever, and what is printed can be."""
    honest = list(read_tunnels(PLANS, {"laptop": answers("laptop", 3)}))
    rows = list(read_tunnels(PLANS, {"hub1": hostile, "laptop": answers("laptop", 3)}))
    assert rows[-len(honest) :] == honest
    of_hub = [row for row in rows if row.host == "hub1"]
    assert {row.peer for row in of_hub} <= {"(invalid answer)", "laptop", "office", "server"}
    assert all(row.problem.startswith("hub1: ") for row in of_hub if row.peer == "(invalid answer)")
    assert is_clean("\n".join([*render_table(rows), *(row.problem for row in rows)]))


def test_an_answer_that_could_not_be_read_is_an_invalid_one() -> None:
    (row,) = read_tunnels(PLANS, {"hub1": InputError("info", 3, "expected a dictionary", "check it")})
    assert (row.peer, row.up, row.problem) == (
        "(invalid answer)",
        False,
        "hub1: info 3: expected a dictionary; check it",
    )
