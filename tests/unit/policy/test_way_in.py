# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy that would cut Ansible's own connections is warned of."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import Prefix, parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.way_in import source_towards, way_in_warnings
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory


def warnings(grants: Any, variables: dict[str, dict[str, Any]], source: str | None = "10.8.0.2") -> list[str]:
    """Those of a controller that has this address."""
    found = Inventory()
    if grants is not None:
        found.networks["home"]["policy"] = {"grants": grants}

    def get(host: str, variable: str) -> Any:
        return variables.get(host, {}).get(variable)

    def find_source(_target: Prefix) -> Prefix | None:
        return parse_prefix(source) if source else None

    return list(way_in_warnings(found.read(), TODAY, get, find_source))


INSIDE: dict[str, dict[str, Any]] = {
    "bob": {"ansible_host": "10.8.0.3"},
    "cid": {"ansible_host": "10.8.0.4", "ansible_port": 2222},
}


def test_a_way_in_that_no_grant_allows_is_named_with_the_grant() -> None:
    grants = [{"src": "ada", "dst": "*", "ip": ["tcp:22", "udp:2222", "icmp"]}]
    (text,) = warnings(grants, INSIDE)
    assert text == (
        "The policy of the network home would cut Ansible's own connection to cid: no grant lets the controller, "
        '10.8.0.2, reach port 2222 there by TCP. Add a grant such as {src: "10.8.0.2", dst: [cid], ip: "tcp:2222"} to '
        "wireguard_networks.home.policy.grants."
    )


def test_hosts_with_the_same_remedy_are_named_together() -> None:
    variables = {"bob": {"ansible_host": "10.8.0.3"}, "cid": {"ansible_host": "10.8.0.4"}}
    (text,) = warnings([{"src": "bob", "dst": "cid"}], variables)
    assert text.startswith("The policy of the network home would cut Ansible's own connection to bob, cid: ")


@pytest.mark.parametrize(
    ("grants", "variables", "source"),
    [
        (None, INSIDE, "10.8.0.2"),  # no policy
        ([], {"bob": {"ansible_host": "203.0.113.7"}}, "10.8.0.2"),  # outside the tunnel
        ([], {"bob": {"ansible_host": "bob.example.org"}}, "10.8.0.2"),
        ([], INSIDE, "203.0.113.7"),  # a controller that routes to the tunnel
        ([], INSIDE, None),
        ([], {"bob": {"ansible_host": "10.8.0.3"}}, "10.8.0.3"),  # the controller itself
        ([], {"bob": {"ansible_host": "10.8.0.3", "ansible_connection": "local"}}, "10.8.0.2"),
        ([{"src": "ada", "dst": "*", "ip": ["tcp:22", "tcp:2000-3000"]}], INSIDE, "10.8.0.2"),
        ([{"src": "10.8.0.0/24", "dst": ["bob", "cid"]}], INSIDE, "10.8.0.2"),
        ([{"src": "192.168.7.9", "dst": "*"}], INSIDE, "192.168.7.9"),
    ],
)
def test_nothing_is_warned_of(grants: Any, variables: dict[str, dict[str, Any]], source: str | None) -> None:
    assert warnings(grants, variables, source) == []


def test_the_own_address_is_found_without_sending() -> None:
    assert source_towards(parse_prefix("127.0.0.1")) == parse_prefix("127.0.0.1")
