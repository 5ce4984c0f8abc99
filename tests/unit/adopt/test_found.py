# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host was found with, as one of its file and its running state, and what cannot be adopted."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.components import find_components
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.found import (
    FoundInterface,
    check_found_keys,
    read_found,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError, Problems
from ansible_collections.cryptokey.wireguard.tests.unit.adopt.finds import FILE, PEER, STATE
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import JINJA, VALUES, is_clean
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

OWN, ADA, BOB = map(key_of, ("own", "ada", "bob"))
WG0 = "/etc/wireguard/wg0.conf"


def peer(key: str, *allowed_ips: str, **options: Any) -> dict[str, Any]:
    return {**PEER, "public_key": key, "allowed_ips": list(allowed_ips), **options}


def file(**options: Any) -> dict[str, Any]:
    return {**FILE, "public_key": OWN, "addresses": ["10.8.0.1/24"], **options}


def state(**options: Any) -> dict[str, Any]:
    return {**STATE, "public_key": OWN, "addresses": ["10.8.0.1/24"], **options}


def read(files: list[dict[str, Any]], states: list[dict[str, Any]]) -> tuple[FoundInterface, list[str]]:
    problems = Problems()
    found, notes = read_found("hub", files, states, problems)
    problems.refuse()
    (interface,) = found
    return interface, notes


def test_a_host_whose_file_says_what_runs() -> None:
    peers = [peer(ADA, "10.8.0.2/32")]
    found, notes = read([file(peers=peers, listen_port=51820)], [state(peers=peers)])
    assert (found.public_key, found.listen_port, notes) == (OWN, 51820, [])
    assert found.peers[ADA].allowed_ips == {parse_prefix("10.8.0.2")}


def test_an_endpoint_is_the_configured_one_and_not_what_was_learned() -> None:
    learned = peer(ADA, endpoint="192.0.2.9:40000")
    found, notes = read([file(peers=[peer(ADA, endpoint="hub.example.org:1")])], [state(peers=[learned])])
    assert str(found.peers[ADA].endpoint) == "hub.example.org:1"
    assert notes == []
    found, notes = read([file(peers=[peer(ADA)])], [state(peers=[learned])])
    assert found.peers[ADA].endpoint is None
    found, notes = read([file()], [state(peers=[learned])])
    assert str(found.peers[ADA].endpoint) == "192.0.2.9:40000"


def test_what_runs_counts_and_what_only_one_has_is_kept() -> None:
    running = state(
        addresses=["10.8.0.1/24", "10.8.0.77/32"], peers=[peer(ADA, "10.8.0.2/32", "10.8.0.3/32")], listen_port=4000
    )
    written = file(
        addresses=["10.8.0.1/24", "fd00::1/64"],
        peers=[peer(ADA, "10.8.0.2/32", persistent_keepalive=25), peer(BOB, "10.8.0.3/32", "10.8.0.4/32")],
    )
    found, notes = read([written], [running])
    assert [str(address) for address in found.addresses] == ["10.8.0.1/24", "10.8.0.77/32", "fd00::1/64"]
    assert found.peers[ADA].allowed_ips == {parse_prefix("10.8.0.2"), parse_prefix("10.8.0.3")}
    assert found.peers[ADA].persistent_keepalive == 0
    assert found.peers[BOB].allowed_ips == {parse_prefix("10.8.0.4")}
    assert (found.listen_port, found.running_port) == (0, 4000)
    keepalive = f"persistent_keepalive of the peer {ADA} is 0, but 25 in the file; the running value is used"
    allowed = f"allowed_ips of the peer {ADA} is 10.8.0.2/32, 10.8.0.3/32, but 10.8.0.2/32 in the file"
    assert sorted(notes) == sorted(
        [
            f"hub wg0: {allowed}; the running value is used",
            f"hub wg0: {keepalive}",
            f"hub wg0: the peer {BOB} is only in the file; site.yml adds it to the interface",
            "hub wg0: addresses only on the interface: 10.8.0.77/32; site.yml adds them to the file",
            "hub wg0: addresses only in the file: fd00::1/64; site.yml adds them to the interface",
        ]
    )


def test_preshared_keys_are_told_of_and_stay() -> None:
    _found, notes = read([file(peers=[peer(ADA)])], [state(peers=[peer(ADA, has_preshared_key=True)])])
    assert notes == [f"hub wg0: has_preshared_key of the peer {ADA} is True, but False in the file; both stay"]


def test_hooks_that_name_something_else_are_none_of_our_business() -> None:
    kept = ["PostUp = ip route add 110.8.0.1 dev %i", "PostUp = ip route add 10.8.0.1/32 via 10.8.0.10"]
    found, _notes = read([file(kept=kept)], [state(addresses=["10.8.0.1/24", "10.8.0.100/24", "10.8.0.9/32"])])
    assert list(found.kept) == kept


def test_an_interface_that_does_not_run() -> None:
    found, notes = read([file()], [])
    assert (found.public_key, notes) == (OWN, ["hub wg0: does not run; only its file was read"])


def test_a_file_that_others_can_read_is_told_of() -> None:
    _found, notes = read([file(mode="0644")], [state()])
    assert notes == [
        f"hub wg0: {WG0} has mode 0644, so other users can know its keys; it gets 0600, but new keys are safer"
    ]


@pytest.mark.parametrize(
    ("table", "allowed_ips", "routes", "rules", "others"),
    [
        ("auto", ["10.8.0.2/32", "10.1.0.0/16"], ["10.1.0.0/16"], [], []),
        ("auto", ["10.1.0.0/16"], ["10.1.0.0/16", "203.0.113.0/24"], [], ["203.0.113.0/24"]),
        ("auto", ["10.1.0.0/16"], ["10.1.0.0/16 table 7"], [], ["10.1.0.0/16 table 7"]),
        ("auto", ["0.0.0.0/0"], ["0.0.0.0/0 table 51820"], ["-4 1: not fwmark 0x1 lookup 1"], []),
        (
            "7",
            ["0.0.0.0/0"],
            ["0.0.0.0/0 table 7"],
            ["-4 1: not fwmark 0x7 lookup 7"],
            ["rule -4 1: not fwmark 0x7 lookup 7"],
        ),
        (
            "off",
            ["0.0.0.0/0"],
            ["0.0.0.0/0 table 7"],
            ["-4 1: not fwmark 0x7 lookup 7"],
            ["rule -4 1: not fwmark 0x7 lookup 7"],
        ),
        ("off", ["0.0.0.0/0"], ["0.0.0.0/0 table 7"], [], []),
    ],
)
def test_what_hooks_have_added(
    table: str, allowed_ips: list[str], routes: list[str], rules: list[str], others: list[str]
) -> None:
    peers = [peer(ADA, *allowed_ips)]
    found, _notes = read([file(table=table, peers=peers)], [state(routes=routes, rules=rules, peers=peers)])
    assert list(found.routes) == others


@pytest.mark.parametrize(
    ("files", "states", "problem"),
    [
        ([], [state()], f"{WG0}: wg0 runs without this file; to use wg-quick, write the file"),
        (
            [file()],
            [state(public_key=ADA)],
            f"{WG0}: its PrivateKey belongs to {OWN}, but the interface runs with {ADA}",
        ),
        ([file(public_key=None)], [], f"{WG0}: neither the file nor the running interface has a private key; add"),
        ([file(public_key=None)], [state(public_key=None)], f"{WG0}: neither the file nor the running interface"),
        ([file(table="False")], [], f"{WG0} 'Table = False': wg-quick reads this as the name of a table; rename"),
        ([file(netns="vpn")], [], f"{WG0} 'vpn': its PostUp lines put the interface into a network namespace; set"),
        (
            [file(addresses=[], kept=["PostUp = ip address add 10.8.0.1/24 dev %i"])],
            [state()],
            f"{WG0} 'PostUp = ip address add 10.8.0.1/24 dev %i': at boot this hook repeats what the new file",
        ),
        (
            [file(kept=["PreUp = true", "PostUp = ip route add 10.5.0.0/16 dev %i"])],
            [state(peers=[peer(ADA, "10.5.0.0/16")])],
            f"{WG0} 'PostUp = ip route add 10.5.0.0/16 dev %i': at boot this hook repeats what the new file",
        ),
        ([file(peers=[peer(OWN)])], [], f"{WG0} '{OWN}': a peer has the interface's own key; remove the peer"),
    ],
)
def test_what_cannot_be_adopted(files: list[dict[str, Any]], states: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(FleetError) as caught:
        read(files, states)
    assert str(caught.value).startswith(f"hub: {problem}")


def test_one_key_at_two_hosts_is_refused() -> None:
    problems = Problems()
    found = [read_found(host, [file()], [], problems)[0][0] for host in ("hub", "clone")]
    check_found_keys(found, problems)
    assert [problem.problem for problem in problems] == ["hub has the key of wg0 too, on its wg0"]
    assert [problem.host for problem in problems] == ["clone"]


def test_a_stranger_at_two_hosts_is_refused() -> None:
    problems = Problems()
    one = read_found("one", [file(public_key=ADA, peers=[peer(OWN), peer(BOB)])], [], problems)[0]
    other = read_found("other", [file(public_key=BOB, peers=[peer(OWN)])], [], problems)[0]
    find_components([*one, *other], (), problems)
    assert [problem.problem for problem in problems] == ["this peer of one, other is not an adopted host"]


def test_two_interfaces_of_a_host_in_one_network_are_refused() -> None:
    problems = Problems()
    one = read_found("one", [file(public_key=ADA, peers=[peer(BOB)])], [], problems)[0]
    other = read_found("one", [file(public_key=BOB, interface="wg1")], [], problems)[0]
    find_components([*one, *other], (), problems)
    assert {problem.problem for problem in problems} == {"two interfaces of the host are in one network"}


def test_networks_are_told_apart_and_named() -> None:
    problems = Problems()
    hosts = [("a", ADA, BOB), ("b", BOB, ADA), ("c", key_of("c"), key_of("d")), ("e", OWN, None)]
    found = [
        each
        for host, own, other in hosts
        for each in read_found(host, [file(public_key=own, peers=[peer(other)] if other else [])], [], problems)[0]
    ]
    components, notes = find_components(found, (), problems)
    assert [(each.name, list(each.members), [s.name for s in each.strangers]) for each in components] == [
        ("wg0", ["a", "b"], []),
        ("wg0_2", ["c"], [f"client_{key_of('d')[:8]}".replace("/", "_").replace("+", "_")]),
    ]
    assert notes == ["e wg0: has no peers, left alone"]
    assert not problems


STATE_OF = {**STATE, "public_key": key_of("hub1"), "addresses": ["10.8.0.1/24"]}
FILE_OF = {**FILE, "public_key": key_of("hub1"), "addresses": ["10.8.0.1/24"]}
A_PEER = {**PEER, "public_key": key_of("a"), "allowed_ips": ["10.8.0.2/32"]}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", [*FILE_OF, *(f"peers.{name}" for name in A_PEER), "", "file", "state", "peer"])
def test_a_malformed_answer_is_a_problem_of_its_host(place: str, kind: str) -> None:
    value = VALUES[kind]
    file: Any = {**FILE_OF, "peers": [{**A_PEER}]}
    state: Any = {**STATE_OF, "peers": [{**A_PEER}]}
    files: Any = [file]
    states: Any = [state]
    if place == "":
        files = states = value
    elif place in ("file", "state"):
        (files if place == "file" else states)[0] = value
    elif place == "peer":
        file["peers"][0] = value
    elif place.startswith("peers."):
        file["peers"][0][place.partition(".")[2]] = value
    else:
        file[place] = value
    problems = Problems()
    found, notes = read_found("hub1", files, states, problems)
    assert is_clean("\n".join([str(FleetError(problems)), *notes]))
    assert {each.host for each in problems} <= {"hub1"}
    assert JINJA not in str([(each._replace(kept=(), comments=())) for each in found])


@pytest.mark.parametrize(
    ("option", "value"),
    [("interface", JINJA), ("table", JINJA), ("path", f"/etc/{JINJA}"), ("name", JINJA), ("endpoint", f"{JINJA}:1")],
)
def test_a_template_never_gets_into_the_inventory(option: str, value: str) -> None:
    peer = {**A_PEER, **({option: value} if option in ("name", "endpoint") else {})}
    file = {**FILE_OF, "peers": [peer], **({} if option in ("name", "endpoint") else {option: value})}
    problems = Problems()
    assert read_found("hub1", [file], [], problems) == ([], [])
    assert "template expressions are not allowed" in str(FleetError(problems))
