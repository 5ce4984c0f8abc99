# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations as results have them: action, peer, attribute, before and after, and no secret."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge import records
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.diff import diff_states
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.records import list_operations
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.target import derive_absence, derive_target
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import Dns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import (
    DesiredInterface,
    RunningDevice,
    RunningPeer,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import Route, Rule, RunningState
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import desired_interfaces, running_states
from ansible_collections.cryptokey.wireguard.tests.unit.converge.test_diff import CALM

KEY, OTHER = PublicKey(bytes([1] * 32)), PublicKey(bytes([2] * 32))
PREFIX = parse_prefix("10.9.0.2/32")
PEER = RunningPeer(KEY, PresharedKey(bytes([3] * 32)), Endpoint("192.0.2.1", 51820), frozenset([PREFIX]), 25)
PLAIN = {
    "has_preshared_key": True,
    "endpoint": "192.0.2.1:51820",
    "allowed_ips": ["10.9.0.2/32"],
    "persistent_keepalive": 25,
}
STATE = RunningState(
    "wg0",
    exists=True,
    device=RunningDevice("wg0", 7, PrivateKey(bytes([4] * 32)), None, 51820, 0, {KEY: PEER}),
    up=True,
    mtu=1420,
    dns=Dns(("10.1.0.1",), ("corp.example",), True),
)
ADDRESS = parse_interface_address("10.9.0.1/24")
RULE = Rule(int(socket.AF_INET), 32764, 0xCA6C)


def entry(action: str, attribute: str, before: object, after: object, peer: PublicKey | None = None) -> dict[str, Any]:
    key = None if peer is None else str(peer)
    return {"action": action, "peer": key, "attribute": attribute, "before": before, "after": after}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (ops.CreateLink("wg0"), [entry("add", "interface", None, "wg0")]),
        (ops.DeleteLink("wg0"), [entry("remove", "interface", "wg0", None)]),
        (ops.MoveLink("wg0", "vpn"), [entry("set", "netns", None, "vpn")]),
        (
            ops.SetDevice(PrivateKey(bytes([5] * 32)), 51821, 0xCA6C),
            [
                entry("set", "private_key", "(hidden)", "(hidden)"),
                entry("set", "listen_port", 51820, 51821),
                entry("set", "fwmark", 0, 0xCA6C),
            ],
        ),
        (ops.AddPeer(PEER, "hub"), [entry("add", "peers", None, PLAIN, KEY)]),
        (ops.RemovePeer(KEY, "hub"), [entry("remove", "peers", PLAIN, None, KEY)]),
        (ops.RemovePrefixes(KEY, "hub", (PREFIX,)), [entry("remove", "allowed_ips", ["10.9.0.2/32"], None, KEY)]),
        (
            ops.SetPeer(KEY, "hub", PresharedKey(bytes(32)), Endpoint("2001:db8::1", 1), 0, (parse_prefix("::/0"),)),
            [
                entry("set", "preshared_key", "(hidden)", None, KEY),
                entry("set", "endpoint", "192.0.2.1:51820", "[2001:db8::1]:1", KEY),
                entry("set", "persistent_keepalive", 25, 0, KEY),
                entry("add", "allowed_ips", None, ["::/0"], KEY),
            ],
        ),
        (ops.SetPeer(OTHER, persistent_keepalive=5), [entry("set", "persistent_keepalive", 0, 5, OTHER)]),
        (ops.ClearPeers(7), [entry("remove", "peers", 7, 0)]),
        (ops.AddAddress(ADDRESS), [entry("add", "addresses", None, "10.9.0.1/24")]),
        (ops.RemoveAddress(ADDRESS), [entry("remove", "addresses", "10.9.0.1/24", None)]),
        (
            ops.SetLink(1400, False, "office"),
            [entry("set", "mtu", 1420, 1400), entry("set", "alias", "", "office"), entry("set", "up", True, False)],
        ),
        (ops.SetDns(Dns(("10.1.0.2",), ("corp.example",), True)), [entry("set", "dns", ["10.1.0.1"], ["10.1.0.2"])]),
        (ops.AddRoute(Route(PREFIX)), [entry("add", "routes", None, "10.9.0.2/32")]),
        (ops.RemoveRoute(Route(PREFIX)), [entry("remove", "routes", "10.9.0.2/32", None)]),
        (ops.AddRule(RULE), [entry("add", "rules", None, str(RULE))]),
        (ops.RemoveRule(RULE), [entry("remove", "rules", str(RULE), None)]),
        (
            ops.SetNetfilter("wg0", int(socket.AF_INET), frozenset({"a", "b"})),
            [entry("set", "netfilter", [], ["a", "b"])],
        ),
        (ops.SetSourceValidMark(), [entry("set", "src_valid_mark", False, True)]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else "",
)
def test_each_operation_says_what_was_and_what_is(operation: ops.Operation, expected: list[dict[str, Any]]) -> None:
    assert list_operations([operation], STATE) == expected


@given(desired_interfaces(), running_states())
def test_what_changes_is_among_them_and_no_secret_is(wanted: DesiredInterface, state: RunningState) -> None:
    for after in (derive_target(wanted, state, CALM), derive_absence(state)):
        operations = diff_states(state, after, {})
        listed = list_operations(operations, state)
        assert bool(listed) == bool(operations)
        assert all(each["before"] != each["after"] for each in listed if each["attribute"] not in SECRETS)
        text = json.dumps(listed)
        for device in (state.device, after.device):
            keys = [device.private_key, *(peer.preshared_key for peer in device.peers.values())]
            assert not any(key.reveal_base64() in text for key in keys if key)


SECRETS = {"private_key", "preshared_key"}


def test_there_are_no_more_than_a_result_can_hold() -> None:
    many = [ops.RemovePeer(PublicKey(number.to_bytes(32, "big"))) for number in range(1, records.MANY + 9)]
    assert len(list_operations(many, replace(STATE, device=RunningDevice("wg0")))) == records.MANY
