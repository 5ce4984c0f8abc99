# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: what it decides, and that carrying out its plan leaves nothing to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import show_difference
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.target import derive_absence, derive_target
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS, Dns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import (
    DesiredInterface,
    DesiredPeer,
    RunningDevice,
    RunningPeer,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    Prefix,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import Route, Rule, RunningState
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import (
    ENDPOINTS,
    KEYS,
    NAMES,
    NOW,
    PRESHARED_KEYS,
    PRIVATE_KEYS,
    desired_interfaces,
    resolve,
    running_states,
)

CALM = Circumstances(NOW, resolve=resolve)


def prefixes(*texts: str) -> frozenset[Prefix]:
    return frozenset(map(parse_prefix, texts))


def running(*peers: RunningPeer, **fields: object) -> RunningState:
    device = RunningDevice("wg0", 7, PRIVATE_KEYS[0], None, 51820, 0, {peer.public_key: peer for peer in peers})
    priorities = {2: (0, 32766, 32767), 10: (0, 32766)}
    state = RunningState("wg0", True, device, up=True, mtu=1420, priorities=priorities)
    return replace(state, **fields)  # type: ignore[arg-type]


def desired(*peers: DesiredPeer, **fields: object) -> DesiredInterface:
    return DesiredInterface("wg0", PRIVATE_KEYS[0], peers=peers, **fields)  # type: ignore[arg-type]


def plan(wanted: DesiredInterface, state: RunningState, circumstances: Circumstances = CALM) -> list[ops.Operation]:
    return diff_states(state, derive_target(wanted, state, circumstances), {})


@given(desired_interfaces(), running_states())
def test_a_plan_carried_out_leaves_nothing_to_do(wanted: DesiredInterface, state: RunningState) -> None:
    after = derive_target(wanted, state, CALM)
    reached = apply_all(state, diff_states(state, after, {}))
    assert reached.device.peers == after.device.peers
    assert plan(wanted, reached) == []


@given(desired_interfaces(), running_states())
def test_no_plan_sends_port_0(wanted: DesiredInterface, state: RunningState) -> None:
    """The kernel would choose another port, at each run."""
    for before, after in ((state, derive_target(wanted, state, CALM)), (derive_target(wanted, state, CALM), state)):
        for operation in diff_states(before, after, {}):
            assert not isinstance(operation, ops.SetDevice) or operation.listen_port != 0


@given(desired_interfaces(), running_states())
def test_what_was_running_can_be_restored(wanted: DesiredInterface, state: RunningState) -> None:
    changed = apply_all(state, plan(wanted, state))
    restored = apply_all(changed, diff_states(changed, state, {}))
    assert diff_states(restored, state, {}) == []
    if state.exists:
        kept = {key: peer._replace(endpoint=None) for key, peer in state.device.peers.items()}
        got = {
            key: peer._replace(endpoint=None, latest_handshake=kept[key].latest_handshake)
            for key, peer in restored.device.peers.items()
        }
        assert got == kept
    assert (restored.routes, restored.rules, restored.addresses) == (state.routes, state.rules, state.addresses)
    assert (restored.dns, restored.alias, restored.up) == (state.dns, state.alias, state.up)
    assert (restored.netfilter, restored.src_valid_mark) == (state.netfilter, state.src_valid_mark)


@given(running_states())
def test_absent_leaves_nothing_to_do(state: RunningState) -> None:
    reached = apply_all(state, diff_states(state, derive_absence(state), {}))
    assert not reached.exists
    assert reached.dns == NO_DNS
    assert diff_states(reached, derive_absence(reached), {}) == []


@given(desired_interfaces(), running_states())
def test_nothing_shown_holds_a_secret(wanted: DesiredInterface, state: RunningState) -> None:
    after = derive_target(wanted, state, CALM)
    shown = repr(show_difference(state, after, {})) + repr([op.describe() for op in plan(wanted, state)])
    shown += repr(plan(wanted, state)) + repr(state) + repr(wanted)
    for secret in (*PRIVATE_KEYS, *PRESHARED_KEYS[1:]):
        assert secret.reveal_base64() not in shown
        assert secret.reveal_bytes().hex() not in shown


def test_a_new_interface_is_made_in_wg_quicks_order() -> None:
    peer = DesiredPeer(KEYS[0], "hub", endpoint=ENDPOINTS[0], allowed_ips=prefixes("10.9.0.0/24", "10.1.0.0/16"))
    wanted = desired(peer, listen_port=51820, addresses=(parse_interface_address("10.9.0.2/24"),))
    state = RunningState("wg0", priorities={2: (0, 32766, 32767)})
    described = [op.describe() for op in diff_states(state, derive_target(wanted, state, CALM), {KEYS[0]: "hub"})]
    assert described == [
        "create interface wg0",
        "set private_key, set listen_port 51820",
        f"peer hub ({KEYS[0]}): add, set endpoint 192.0.2.1:51820, add allowed_ips 10.1.0.0/16, 10.9.0.0/24",
        "add address 10.9.0.2/24",
        "set mtu 1420, set up",
        "add route 10.1.0.0/16",
    ]


@pytest.mark.parametrize(
    ("known", "handshake_age", "recorded", "sent"),
    [
        pytest.param(ENDPOINTS[1], 10, None, None, id="learned, session alive"),
        pytest.param(ENDPOINTS[1], 10, ENDPOINTS[0], None, id="learned, session alive, configured as before"),
        pytest.param(ENDPOINTS[1], 10, ENDPOINTS[2], ENDPOINTS[0], id="configured value changed"),
        pytest.param(ENDPOINTS[1], 181, ENDPOINTS[0], ENDPOINTS[0], id="session dead"),
        pytest.param(ENDPOINTS[1], NOW, None, ENDPOINTS[0], id="never a handshake"),
        pytest.param(ENDPOINTS[0], 181, None, None, id="session dead, endpoint as configured"),
        pytest.param(None, 10, None, ENDPOINTS[0], id="no endpoint known"),
    ],
)
def test_a_learned_endpoint_is_not_drift(
    known: Endpoint | None, handshake_age: float, recorded: Endpoint | None, sent: Endpoint | None
) -> None:
    state = running(RunningPeer(KEYS[0], endpoint=known, latest_handshake=NOW - handshake_age))
    memory = {KEYS[0]: str(recorded)} if recorded else {}
    planned = plan(desired(DesiredPeer(KEYS[0], endpoint=ENDPOINTS[0])), state, Circumstances(NOW, memory))
    assert planned == ([ops.SetPeer(KEYS[0], endpoint=sent)] if sent else [])


@pytest.mark.parametrize("policy", ["initial", "enforce"])
def test_a_name_without_an_address_keeps_the_endpoint(policy: str) -> None:
    wanted = desired(DesiredPeer(KEYS[0], endpoint=Endpoint("gone.example.org", 51820)), endpoint_policy=policy)
    assert plan(wanted, running(RunningPeer(KEYS[0], endpoint=ENDPOINTS[1]))) == []
    assert plan(wanted, running()) == [ops.AddPeer(RunningPeer(KEYS[0]))]


FIRST, SECOND = NAMES[Endpoint("hub.example.org", 51820)]
OTHER = Endpoint("192.0.2.99", 51820)
FIRSTS_FAMILY = FIRST._replace(host="2001:db8::99")


@pytest.mark.parametrize(
    ("policy", "age", "known", "addresses", "sent", "asked"),
    [
        pytest.param("initial", 10, OTHER, (FIRST, SECOND), None, False, id="alive"),
        pytest.param("initial", 181, OTHER, (FIRST, SECOND), FIRST, True, id="dead"),
        pytest.param("initial", 181, FIRST, (FIRST, SECOND), None, True, id="dead at the first"),
        pytest.param("initial", 181, SECOND, (FIRST, SECOND), FIRST, True, id="dead at one of a lost family"),
        pytest.param("initial", 181, FIRST, (FIRSTS_FAMILY, FIRST), None, True, id="dead, addresses in turn"),
        pytest.param("initial", None, None, (FIRST, SECOND), FIRST, True, id="new"),
        pytest.param("initial", 10, None, (FIRST, SECOND), FIRST, True, id="no endpoint known"),
        pytest.param("enforce", 10, OTHER, (FIRST, SECOND), FIRST, True, id="enforced, alive elsewhere"),
        pytest.param("enforce", 10, SECOND, (FIRST, SECOND), None, True, id="enforced, alive at the second"),
        pytest.param("enforce", 181, SECOND, (FIRST, SECOND), FIRST, True, id="enforced, dead at a lost family's"),
        pytest.param("enforce", 10, OTHER, (), None, True, id="enforced, no address"),
    ],
)
def test_a_name_is_asked_for_when_it_matters(
    policy: str,
    age: float | None,
    known: Endpoint | None,
    addresses: tuple[Endpoint, ...],
    sent: Endpoint | None,
    asked: bool,
) -> None:
    questions = []

    def answer(endpoint: Endpoint, peer: str) -> tuple[Endpoint, ...]:
        questions.append((endpoint, peer))
        return addresses

    state = running() if age is None else running(RunningPeer(KEYS[0], endpoint=known, latest_handshake=NOW - age))
    name = Endpoint("hub.example.org", 51820)
    wanted = desired(DesiredPeer(KEYS[0], "hub", endpoint=name), endpoint_policy=policy)
    (peer,) = derive_target(wanted, state, Circumstances(NOW, resolve=answer)).device.peers.values()
    assert peer.endpoint == (sent or known)
    assert questions == ([(name, f"hub ({KEYS[0]})")] if asked else [])


def test_an_option_that_is_not_given_is_left_alone_and_an_empty_one_clears() -> None:
    peer = RunningPeer(KEYS[0], PRESHARED_KEYS[1], ENDPOINTS[0], prefixes("10.9.0.1/32"), 25, NOW)
    state = running(peer, addresses=(parse_interface_address("10.9.0.2/24"),), routes=frozenset(), mtu=1280)
    assert plan(DesiredInterface("wg0", PRIVATE_KEYS[0]), state) == []
    assert plan(desired(DesiredPeer(KEYS[0])), state) == []
    cleared = DesiredPeer(KEYS[0], None, PRESHARED_KEYS[0], None, frozenset(), 0)
    assert [op.describe() for op in plan(desired(cleared, addresses=()), state)] == [
        f"peer {KEYS[0]}: remove allowed_ips 10.9.0.1/32",
        f"peer {KEYS[0]}: clear preshared_key, set persistent_keepalive off",
        "remove address 10.9.0.2/24",
    ]


def test_ipv4_routes_that_go_with_the_last_address_are_made_again() -> None:
    state = running(
        RunningPeer(KEYS[0], allowed_ips=prefixes("10.1.0.0/16", "fd01::/64")),
        addresses=(parse_interface_address("10.9.0.1/24"), parse_interface_address("fd00::1/64")),
        routes=frozenset(map(Route, prefixes("10.1.0.0/16", "10.2.0.0/16", "fd01::/64"))),
    )
    wanted = desired(DesiredPeer(KEYS[0]), addresses=(parse_interface_address("fd00::1/64"),))
    assert [op.describe() for op in plan(wanted, state)] == ["remove address 10.9.0.1/24", "add route 10.1.0.0/16"]


def test_a_prefix_moves_in_one_step_from_its_old_owner() -> None:
    moved = prefixes("192.168.7.0/24")
    state = running(RunningPeer(KEYS[0], allowed_ips=moved), RunningPeer(KEYS[1]), routes=frozenset(map(Route, moved)))
    wanted = desired(DesiredPeer(KEYS[0], allowed_ips=frozenset()), DesiredPeer(KEYS[1], allowed_ips=moved))
    assert plan(wanted, state) == [ops.SetPeer(KEYS[1], add=tuple(moved))]


def test_a_replaced_key_keeps_its_address_throughout() -> None:
    own = prefixes("192.168.7.0/24")
    state = running(RunningPeer(KEYS[0], allowed_ips=own), routes=frozenset(map(Route, own)))
    assert plan(desired(DesiredPeer(KEYS[1], allowed_ips=own)), state) == [
        ops.AddPeer(RunningPeer(KEYS[1], allowed_ips=own)),
        ops.RemovePeer(KEYS[0]),
    ]


def test_merge_leaves_other_peers_and_their_routes() -> None:
    own = prefixes("192.168.7.0/24")
    state = running(RunningPeer(KEYS[0], allowed_ips=own), routes=frozenset(map(Route, own)))
    wanted = desired(DesiredPeer(KEYS[1], allowed_ips=prefixes("192.168.8.0/24")), peers_mode="merge")
    assert [op.describe() for op in plan(wanted, state)] == [
        f"peer {KEYS[1]}: add, add allowed_ips 192.168.8.0/24",
        "add route 192.168.8.0/24",
    ]


@pytest.mark.parametrize("mode", ["exact", "merge"])
@pytest.mark.parametrize("listed", [True, False])
def test_an_absent_peer_is_removed_with_its_routes_in_each_mode_and_only_once(mode: str, listed: bool) -> None:
    own, other = prefixes("192.168.7.0/24"), prefixes("192.168.8.0/24")
    kept = RunningPeer(KEYS[1], allowed_ips=other)
    state = running(RunningPeer(KEYS[0], allowed_ips=own), kept, routes=frozenset(map(Route, own | other)))
    wanted = desired(DesiredPeer(KEYS[1], allowed_ips=other), peers_mode=mode, absent_peers=frozenset(KEYS[:1]))
    if not listed:
        wanted = replace(wanted, peers=None)
    done = [op.describe() for op in plan(wanted, state)]
    assert done == [f"peer {KEYS[0]}: remove", "remove route 192.168.7.0/24"]
    assert plan(wanted, derive_target(wanted, state, CALM)) == []


def test_merge_leaves_what_others_have_on_the_interface() -> None:
    own = prefixes("192.168.7.0/24")
    foreign, theirs = parse_interface_address("10.77.0.1/24"), Route(parse_prefix("172.16.0.0/12"))
    state = running(
        RunningPeer(KEYS[0], allowed_ips=own), routes=frozenset({*map(Route, own), theirs}), addresses=(foreign,)
    )
    wanted = desired(DesiredPeer(KEYS[0], allowed_ips=frozenset()), addresses=(parse_interface_address("10.9.0.2/24"),))
    shared = replace(wanted, peers_mode="merge")
    change = [f"peer {KEYS[0]}: remove allowed_ips 192.168.7.0/24", "add address 10.9.0.2/24"]
    assert [op.describe() for op in plan(shared, state)] == [*change, "remove route 192.168.7.0/24"]
    assert [op.describe() for op in plan(wanted, state)] == [
        *change,
        "remove address 10.77.0.1/24",
        "remove route 172.16.0.0/12",
        "remove route 192.168.7.0/24",
    ]


TO_7 = Route(parse_prefix("192.168.7.0/24"))
VIA = ((0, b"."), (5, b"gate"))
FROM_OLD = ((0, b"."), (7, b"\x0a\x09\x00\x01"))


@pytest.mark.parametrize(
    ("there", "planned"),
    [
        pytest.param({TO_7}, [], id="as we make it"),
        pytest.param({TO_7._replace(protocol=3)}, [], id="by hand"),
        pytest.param({TO_7._replace(metric=9, protocol=4, details=VIA)}, [], id="by hand, in another way"),
        pytest.param({TO_7, TO_7._replace(metric=9)}, ["remove route 192.168.7.0/24 metric 9"], id="twice"),
        pytest.param(
            {TO_7._replace(metric=9), TO_7._replace(metric=5, protocol=3)},
            ["remove route 192.168.7.0/24 metric 9"],
            id="twice by hand, the better one stays",
        ),
        pytest.param({TO_7, TO_7._replace(metric=9, protocol=12)}, [], id="ours and a routing daemon's"),
        pytest.param(
            {TO_7._replace(metric=9, protocol=12)}, ["add route 192.168.7.0/24"], id="a daemon's other metric"
        ),
        pytest.param({TO_7._replace(protocol=12, details=VIA)}, [], id="a daemon's in the place of ours"),
        pytest.param(
            {TO_7._replace(kind=6, protocol=12)}, ["add route 192.168.7.0/24"], id="a daemon's that leads nowhere"
        ),
        pytest.param(
            {TO_7._replace(tos=16, protocol=3)},
            ["add route 192.168.7.0/24", "remove route 192.168.7.0/24 tos 0x10"],
            id="for some packets only",
        ),
    ],
)
def test_two_routes_of_one_prefix_are_two_routes(there: set[Route], planned: list[str]) -> None:
    state = running(
        RunningPeer(KEYS[0], allowed_ips=prefixes("192.168.7.0/24")),
        routes=frozenset(route for route in there if route.is_owned),
        other_routes=frozenset(route for route in there if not route.is_owned),
    )
    wanted = desired(DesiredPeer(KEYS[0], allowed_ips=prefixes("192.168.7.0/24")))
    assert [op.describe() for op in plan(wanted, state)] == planned
    assert plan(wanted, replace(state, **vars(derive_target(wanted, state, CALM)))) == []


def test_a_route_whose_source_goes_is_made_again() -> None:
    old, new = map(parse_interface_address, ("10.9.0.1/24", "10.9.0.2/24"))
    state = running(
        RunningPeer(KEYS[0], allowed_ips=prefixes("192.168.7.0/24", "192.168.8.0/24")),
        addresses=(old,),
        routes=frozenset({TO_7._replace(protocol=3, details=FROM_OLD), Route(parse_prefix("192.168.8.0/24"))}),
    )
    wanted = desired(addresses=(new,), table="auto")
    wanted = replace(wanted, peers=None)
    planned = plan(wanted, state)
    assert [op.describe() for op in planned] == [
        "add address 10.9.0.2/24", "remove address 10.9.0.1/24", "add route 192.168.7.0/24",
    ]  # fmt: skip
    assert plan(wanted, apply_all(state, planned)) == []


def test_an_address_that_somebody_made_in_another_way_stays() -> None:
    address = parse_interface_address("10.9.0.1/24")
    theirs = address._replace(details=((0, b"."), (3, b"label")))
    wanted = desired(addresses=(address,))
    assert plan(wanted, running(addresses=(theirs,))) == []
    assert plan(wanted, running(addresses=(address, theirs))) == [ops.RemoveAddress(theirs)]


def test_what_hooks_have_added_stays_where_that_is_asked_for() -> None:
    own = prefixes("192.168.7.0/24")
    theirs = frozenset({Route(parse_prefix("172.16.0.0/12")), *(Route(prefix, 7) for prefix in own)})
    state = running(RunningPeer(KEYS[0], allowed_ips=own), routes=theirs | frozenset(map(Route, own)))
    state = replace(state, rules=frozenset({Rule(2, 100, 7)}), device=replace(state.device, fwmark=7))
    same = desired(DesiredPeer(KEYS[0], allowed_ips=own))
    assert plan(replace(same, keep_routes=True), state) == []
    assert [op.describe() for op in plan(same, state)] == [
        "remove rule 100: not fwmark 0x7 lookup 7",
        "clear fwmark",
        "remove route 172.16.0.0/12",
        "remove route 192.168.7.0/24 table 7",
    ]
    none = desired(DesiredPeer(KEYS[0], allowed_ips=frozenset()), keep_routes=True)
    assert [op.describe() for op in plan(none, state)] == [
        f"peer {KEYS[0]}: remove allowed_ips 192.168.7.0/24",
        "remove route 192.168.7.0/24",
    ]


def test_a_full_tunnel_guards_its_own_packets_before_it_takes_the_default_route() -> None:
    peer = DesiredPeer(KEYS[0], allowed_ips=prefixes("0.0.0.0/0"), endpoint=ENDPOINTS[0])
    state = running(RunningPeer(KEYS[0], endpoint=ENDPOINTS[0], latest_handshake=NOW))
    taken = Circumstances(NOW, has_routes=lambda table: table == 51820)
    planned = plan(desired(peer, addresses=(parse_interface_address("10.9.0.2/24"),)), state, taken)
    assert [type(op) for op in planned] == [
        ops.SetDevice, ops.SetPeer, ops.AddAddress, ops.SetNetfilter, ops.SetSourceValidMark,
        ops.AddRoute, ops.AddRule, ops.AddRule,
    ]  # fmt: skip
    assert planned[0] == ops.SetDevice(fwmark=51821)
    assert planned[-3:] == [
        ops.AddRoute(Route(parse_prefix("0.0.0.0/0"), 51821)),
        ops.AddRule(Rule(2, 32764)),
        ops.AddRule(Rule(2, 32765, 51821)),
    ]


def test_a_full_tunnel_that_ends_takes_all_that_it_brought() -> None:
    full = DesiredPeer(KEYS[0], allowed_ips=prefixes("0.0.0.0/0", "::/0"))
    start = running(RunningPeer(KEYS[0]))
    tunnelled = apply_all(start, plan(desired(full), start))
    split = apply_all(tunnelled, plan(desired(DesiredPeer(KEYS[0], allowed_ips=frozenset())), tunnelled))
    assert (split.rules, split.routes, split.netfilter, split.device.fwmark) == (frozenset(), frozenset(), {}, 0)


def test_a_full_tunnel_that_was_interrupted_becomes_the_same_one() -> None:
    wanted = desired(DesiredPeer(KEYS[0], allowed_ips=prefixes("0.0.0.0/0", "::/0"), endpoint=ENDPOINTS[0]))
    start = running(RunningPeer(KEYS[0], endpoint=ENDPOINTS[0], latest_handshake=NOW))
    planned = plan(wanted, start)
    made = apply_all(start, planned)
    for number in range(len(planned)):
        half = apply_all(start, planned[:number])
        assert apply_all(half, plan(wanted, half)) == made, planned[number].describe()


def test_another_interfaces_full_tunnel_is_left_alone() -> None:
    rules = frozenset({Rule(2, 32764), Rule(2, 32765, 51999)})
    state = running(RunningPeer(KEYS[0]), rules=rules)
    assert plan(desired(DesiredPeer(KEYS[0])), state) == []
    assert diff_states(state, derive_absence(state), {}) == [ops.ClearPeers(1), ops.DeleteLink("wg0")]


def test_name_servers_are_set_after_the_interface_is_up_and_go_before_it_does() -> None:
    peer = DesiredPeer(KEYS[0], allowed_ips=prefixes("10.1.0.0/16"))
    wanted = desired(peer, dns=("10.1.0.1",), dns_search=("lan",), alias="to Paris")
    new = RunningState("wg0", priorities={2: (0, 32766, 32767)})
    assert [op.describe() for op in plan(wanted, new)][-3:] == [
        "set mtu 1420, set alias 'to Paris', set up",
        "set dns 10.1.0.1, dns_search lan",
        "add route 10.1.0.0/16",
    ]
    state = apply_all(new, plan(wanted, new))
    assert plan(DesiredInterface("wg0"), state) == []
    assert [op.describe() for op in diff_states(state, derive_absence(state), {})] == [
        "clear dns",
        "remove all 1 peers",
        "delete interface wg0",
    ]


def test_name_servers_and_alias_are_cleared_by_empty_ones() -> None:
    state = running(dns=Dns(("10.1.0.1",), ("lan",), True), alias="to Paris")
    cleared = plan(DesiredInterface("wg0", dns=(), alias=""), state)
    assert [op.describe() for op in cleared] == ["clear alias", "clear dns"]
    fewer = plan(DesiredInterface("wg0", dns_search=()), state)
    assert [op.describe() for op in fewer] == ["set dns 10.1.0.1"]


def test_name_servers_for_some_domains_only_become_those_for_all() -> None:
    state = running(dns=Dns(("10.1.0.1",), ("lan",), exclusive=False))
    assert plan(DesiredInterface("wg0"), state) == []
    assert plan(DesiredInterface("wg0", dns=("10.1.0.1",)), state) == [ops.SetDns(Dns(("10.1.0.1",), ("lan",), True))]


def test_an_interface_that_is_held_down_has_nothing_that_sends_packets_to_it() -> None:
    full = DesiredPeer(KEYS[0], allowed_ips=prefixes("0.0.0.0/0", "10.1.0.0/16"), endpoint=ENDPOINTS[0])
    addresses = tuple(map(parse_interface_address, ("10.9.0.1/24", "fd00::1/64")))
    new = RunningState("wg0", priorities={2: (0, 32766, 32767)})
    wanted = desired(full, addresses=addresses, dns=("10.1.0.1",))
    state = apply_all(new, plan(wanted, new))
    down = replace(wanted, up=False)
    described = [op.describe() for op in plan(down, state)]
    assert described == [
        "remove rule 32765: not fwmark 0xca6c lookup 51820",
        "remove rule 32764: lookup main suppress_prefixlength 0",
        "clear fwmark",
        "set down",
        "add address fd00::1/64",
        "clear dns",
        "remove the IPv4 netfilter table wg-quick-wg0",
    ]
    held = apply_all(state, plan(down, state))
    assert plan(down, held) == []
    assert held.addresses == state.addresses
    assert plan(down, new)[-1] == ops.SetLink(mtu=1420)
    again = apply_all(held, plan(wanted, held))
    assert (again.routes, again.rules, again.netfilter, again.dns) == (
        state.routes,
        state.rules,
        state.netfilter,
        state.dns,
    )
