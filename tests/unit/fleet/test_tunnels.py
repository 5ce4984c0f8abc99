# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of tunnels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.ping_targets import ping_targets
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.plan_document import (
    plan_document,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.running_status import fill_document
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_document import (
    DOWN,
    UP,
    StatusDocument,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.status_table import make_table
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._report.tunnels import (
    Tunnel,
    list_tunnels,
    render_tunnels,
)
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import VALUES, is_clean
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, example, key_of

Plans = dict[str, list[dict[str, Any]]]


def plans_of(*without: str) -> Plans:
    """What the action plugin makes of the example."""
    hosts = example("hub_and_spoke.yml").plan(without=without).hosts
    return {name: [{**plan, "network": "home"}] for name, plan in hosts.items()}


PLANS = plans_of()
NOW = 1_796_040_000


def document_of(plans: Plans, answers: Mapping[str, Any]) -> StatusDocument:
    """The document of these plans, with a client for each peer that is no host."""
    clients: dict[str, dict[str, Any]] = {}
    for entries in plans.values():
        for entry in entries:
            hosts = {host for host, own in plans.items() if entry["network"] in [each["network"] for each in own]}
            for each in entry["options"]["peers"]:
                if each["name"] not in hosts:
                    client = {"interface": "wg9", "addresses": [], "peers": []}
                    clients.setdefault(entry["network"], {})[each["name"]] = client
    planned = plan_document({"hosts": plans, "clients": clients, "networks": {}}, NOW, "1.0.0")
    return fill_document(planned, plans, answers)


def read_tunnels(plans: Plans, answers: Mapping[str, Any]) -> list[Tunnel]:
    return list_tunnels(document_of(plans, answers), answers)


def second_network(plans: Plans) -> Plans:
    """The same, with a network of two of the hosts beside it, and a client there that is a host at home."""
    entries = {
        "laptop": {"addresses": ["10.9.0.1/24"], "peers": [peer("office"), peer("server", "10.9.0.2/32")]},
        "server": {"addresses": ["10.9.0.2/24"], "peers": [peer("laptop", "10.9.0.1/32")]},
    }
    more = {"interface": "wg1", "peers_mode": "exact"}
    side = {name: [{"network": "side", "options": {**more, **options}}] for name, options in entries.items()}
    return {name: [*entry, *side.get(name, [])] for name, entry in plans.items()}


def peer(name: str, *allowed_ips: str) -> dict[str, Any]:
    entry = {"name": name, "public_key": key_of(name), "allowed_ips": list(allowed_ips)}
    return {**entry, "persistent_keepalive": 0}


def answer(plan: Mapping[str, Any], plans: Plans, age: int | None, lost: str = "", missing: str = "") -> dict[str, Any]:
    """What the modules return for an interface when the named peer's pings are lost, or the named peer is not there."""
    peers = [
        {"public_key": peer["public_key"], "latest_handshake_age": age, "transfer_rx": 2048, "transfer_tx": 3 << 20}
        for peer in plan["options"]["peers"]
        if peer["name"] != missing
    ]
    results = [
        {
            "address": None,
            **target,
            "reachable": target["name"] != lost,
            "rtt_ms": None if target["name"] == lost else 4.06,
        }
        for target in ping_targets(plan, plans)
    ]
    return {"interfaces": [{"interface": plan["options"]["interface"], "peers": peers}], "results": results}


def answers(host: str, age: int | None, lost: str = "", missing: str = "") -> dict[str, dict[str, Any]]:
    return {plan["options"]["interface"]: answer(plan, PLANS, age, lost, missing) for plan in PLANS[host]}


def test_a_host_pings_one_address_of_each_family_of_each_peer() -> None:
    assert ping_targets(PLANS["laptop"][0], PLANS) == [
        {"name": "hub1", "address": "10.8.0.1"},
        {"name": "hub1", "address": "fd00:8::1"},
    ]


def test_it_pings_the_address_of_the_same_network_and_no_client() -> None:
    plans = second_network(PLANS)
    assert ping_targets(plans["laptop"][1], plans) == [{"name": "server", "address": "10.9.0.2"}]


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
    assert "\n".join(render_tunnels(rows)) == (
        "HOST    PEER         HANDSHAKE     PING    PING6   RECEIVED  SENT\n"
        "hub1    laptop       12 s          4.1 ms  4.1 ms  2.0 KiB   3.0 MiB\n"
        "hub1    office       12 s          lost    lost    2.0 KiB   3.0 MiB  <- down\n"
        "hub1    server       no such peer  -       -       -         -  <- down\n"
        "laptop  hub1         2 h           4.1 ms  4.1 ms  2.0 KiB   3.0 MiB\n"
        "office  (no answer)  -             -       -       -         -  <- down\n"
        "server  hub1         never         lost    lost    2.0 KiB   3.0 MiB  <- down"
    )
    assert [row.state for row in rows] == [UP, DOWN, DOWN, UP, DOWN, DOWN]


def test_of_several_networks_each_row_says_which_one_and_clients_are_not_down() -> None:
    plans = second_network(PLANS)
    laptop = {plan["options"]["interface"]: answer(plan, plans, 12) for plan in plans["laptop"]}
    rows = read_tunnels(plans, {"laptop": laptop, "server": {}})
    assert "\n".join(render_tunnels(rows)) == (
        "HOST    NETWORK  PEER         HANDSHAKE  PING    PING6   RECEIVED  SENT\n"
        "laptop  home     hub1         12 s       4.1 ms  4.1 ms  2.0 KiB   3.0 MiB\n"
        "laptop  side     office       12 s       -       -       2.0 KiB   3.0 MiB\n"
        "laptop  side     server       12 s       4.1 ms  -       2.0 KiB   3.0 MiB\n"
        "server  home     (no answer)  -          -       -       -         -  <- down\n"
        "server  side     (no answer)  -          -       -       -         -  <- down"
    )
    assert [row.state for row in rows] == [UP, UP, UP, DOWN, DOWN]


def test_a_failed_ping_is_not_taken_for_a_missing_handshake() -> None:
    found = answers("laptop", 12)
    del found["wg0"]["results"]
    found["wg0"] |= {"failed": True, "msg": "the program ping is missing"}
    document = document_of(PLANS, {"laptop": found})
    (tunnel,) = [each for each in document["tunnels"] if each["host"] == "laptop"]
    assert (tunnel["state"], tunnel["problem"]) == (DOWN, "not pinged: the program ping is missing")


def test_a_client_that_is_no_peer_of_the_interface_is_down() -> None:
    plans = second_network(PLANS)
    running = answer(plans["laptop"][1], plans, 12, missing="office")
    rows = read_tunnels({"laptop": plans["laptop"][1:], "server": plans["server"]}, {"laptop": {"wg1": running}})
    assert [(row.peer, row.handshake, row.state) for row in rows] == [
        ("office", "no such peer", DOWN),
        ("server", "12 s", UP),
    ]


def test_a_host_whose_peers_have_no_keys_yet_is_down() -> None:
    answered: dict[str, dict[str, dict[str, Any]]] = {"laptop": {"wg0": {"interfaces": [], "results": []}}}
    (row,) = read_tunnels(plans_of("hub1"), answered)
    assert (row.host, row.peer, row.state) == ("laptop", "(none known)", DOWN)


def test_a_host_that_is_to_have_no_peers_has_no_rows() -> None:
    hub = PLANS["hub1"][0]
    alone = {"hub1": [{**hub, "options": {**hub["options"], "peers": []}}]}
    assert list(read_tunnels(alone, {"hub1": {"wg0": {"interfaces": [], "results": []}}})) == []


# A network whose hosts have one address family each.
MIXED: dict[str, Any] = {
    "all": {"vars": {"wireguard_networks": {"home": {"prefixes": ["10.8.0.0/24", "fd00:8::/64"]}}}},
    "wg_hub": {"hosts": {"hub1": {"wireguard_endpoint": "[2001:db8::1]"}}},
    "wg_spoke": {
        "hosts": {
            "v4only": {"wireguard_addresses": ["10.8.0.9"], "wireguard_tunnel": "full"},
            "v6only": {"wireguard_addresses": ["fd00:8::9"], "wireguard_tunnel": "full"},
            "v6split": {"wireguard_addresses": ["fd00:8::a"]},
        }
    },
}


def mixed(*addresses: str) -> Plans:
    """The plans of MIXED, where the hub has these addresses."""
    inventory = Inventory()
    inventory.networks = MIXED["all"]["vars"]["wireguard_networks"]
    inventory.groups = {group: list(MIXED[group]["hosts"]) for group in ("wg_hub", "wg_spoke")}
    inventory.hosts = {name: dict(variables) for group in inventory.groups for name, variables in hosts_of(group)}
    inventory.hosts["hub1"]["wireguard_addresses"] = list(addresses)
    return {name: [{**plan, "network": "home"}] for name, plan in inventory.plan().hosts.items()}


def hosts_of(group: str) -> Iterable[tuple[str, dict[str, Any]]]:
    return dict(MIXED[group]["hosts"]).items()


def pinged(plans: Plans, host: str) -> list[str]:
    """Who is pinged where, or judged by its handshake."""
    found = ping_targets(plans[host][0], plans, host=host)
    return [f"{target['name']} {target.get('address', 'handshake')}" for target in found]


def test_only_families_that_both_ends_have_are_pinged() -> None:
    plans = mixed("10.8.0.1", "fd00:8::1")
    assert pinged(plans, "hub1") == ["v4only 10.8.0.9", "v6only fd00:8::9", "v6split fd00:8::a"]
    assert pinged(plans, "v4only") == ["hub1 10.8.0.1"]
    assert pinged(plans, "v6only") == ["hub1 fd00:8::1"]
    assert pinged(plans, "v6split") == ["hub1 fd00:8::1"]


def test_without_a_common_family_the_handshake_counts_and_the_table_says_so() -> None:
    plans = mixed("10.8.0.1")
    assert pinged(plans, "v6only") == ["hub1 handshake"]
    assert pinged(plans, "hub1") == ["v4only 10.8.0.9", "v6only handshake", "v6split handshake"]
    assert ping_targets(plans["v6only"][0], plans) == [{"name": "hub1", "public_key": key_of("hub1")}]
    answered = {
        "v6only": {"wg0": answer(plans["v6only"][0], plans, 12)},
        "v6split": {"wg0": answer(plans["v6split"][0], plans, None, lost="hub1")},
    }
    rows = read_tunnels(plans, answered)
    note = "(no ping: no address family in common, judged by the handshake)"
    assert [line.rstrip() for line in render_tunnels(rows)[1:]] == [
        f"v6only   hub1  12 s       -     -      2.0 KiB   3.0 MiB  {note}",
        f"v6split  hub1  never      -     -      2.0 KiB   3.0 MiB  {note}  <- down",
    ]
    assert [row.state for row in rows] == [UP, DOWN]


def test_only_addresses_that_the_allowed_ips_carry_both_ways_are_pinged() -> None:
    inventory = example("hub_and_spoke.yml")
    inventory.hosts["server"]["wireguard_peers"] = {"hub1": {"allowed_ips": ["fd00:8::/64"]}}
    inventory.hosts["hub1"]["wireguard_peers"] = {"office": {"allowed_ips": ["10.8.0.3/32"]}}
    plans = {name: [{**plan, "network": "home"}] for name, plan in inventory.plan().hosts.items()}
    assert pinged(plans, "server") == ["hub1 fd00:8::1"]
    assert pinged(plans, "office") == ["hub1 10.8.0.1"]
    assert pinged(plans, "hub1")[:4] == ["laptop 10.8.0.2", "laptop fd00:8::2", "office 10.8.0.3", "server fd00:8::4"]
    # The hub does not know the key of the office yet: that its tunnel is down is then seen.
    without = plans_of("office")
    assert pinged(without, "office") == ["hub1 10.8.0.1", "hub1 fd00:8::1"]


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
    honest = read_tunnels(PLANS, {"laptop": answers("laptop", 3)})
    document = document_of(PLANS, {"hub1": hostile, "laptop": answers("laptop", 3)})
    rows = list_tunnels(document, ["hub1", "laptop"])
    assert rows[-len(honest) :] == honest
    of_hub = [row for row in rows if row.host == "hub1"]
    assert {row.peer for row in of_hub} <= {"(invalid answer)", "laptop", "office", "server"}
    table = make_table(document, ["hub1", "laptop"], None, "host")
    assert bool(table.warnings) is any(row.peer == "(invalid answer)" for row in of_hub)
    assert all(warning.startswith("hub1: ") for warning in table.warnings)
    assert is_clean("\n".join([*table.lines, *table.warnings]))


def test_an_answer_that_could_not_be_read_is_an_invalid_one() -> None:
    document = document_of(PLANS, {"hub1": InputError("info", 3, "expected a dictionary", "check it")})
    (row,) = list_tunnels(document, ["hub1"])
    assert (row.peer, row.state) == ("(invalid answer)", DOWN)
    assert make_table(document, ["hub1"], None, "host").warnings == [
        "hub1: info 3: expected a dictionary; check it",
    ]
