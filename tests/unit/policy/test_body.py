# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nftables table that a plan makes of access rules and masquerading. ``tests/kernel`` sends packets through it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.nouns import Network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.rules import (
    find_rules,
    hosts_with_other_rules,
    shared_rules,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._policy.compose import compose_body, compose_entries
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory

GRANTS: list[dict[str, Any]] = [
    {"src": ["laptops", "phone"], "dst": "web", "ip": ["tcp:80", 443, "icmp"]},
    {"src": "laptops", "dst": "192.168.7.0/24", "ip": ["tcp:22", "udp:8000-8100"]},
    {"src": "*", "dst": "internet"},
    {"src": "ada", "dst": "*"},
]


def inventory(grants: list[dict[str, Any]] | None = None) -> Inventory:
    found = Inventory()
    found.networks["home"]["clients"] = {"phone": {"addresses": ["10.8.0.9"]}}
    found.groups |= {"laptops": ["ada"], "web": ["cid"], "all": list(found.hosts)}
    if grants is not None:
        found.networks["home"]["policy"] = {"grants": grants}
    return found


def bodies(found: Inventory) -> dict[tuple[str, str], str]:
    """The body of each host and network."""
    networks = found.read()
    return {
        (network.name, host.name): body_of(networks, network, host.name)
        for network in networks
        for host in network.hosts
    }


def body_of(networks: tuple[Network, ...], network: Network, host: str) -> str:
    rules = find_rules(networks, TODAY)[network.name]
    return compose_body("wg0", rules.hosts[host], rules.shared) if host in rules.hosts else ""


def chain(body: str, name: str) -> list[str]:
    """The rules of a chain, without its hook."""
    match = re.search(rf"^chain {name} {{\n(.*?)^}}", body, re.DOTALL | re.MULTILINE)
    assert match, body
    return [line.strip() for line in match[1].splitlines() if "hook" not in line]


def elements(body: str, name: str) -> list[str]:
    match = re.search(rf"^set {name} {{\n.*?elements = {{\n(.*?)\n  }}", body, re.DOTALL | re.MULTILINE)
    assert match, body
    return [line.strip(" ,") for line in match[1].splitlines()]


def accepted(body: str) -> list[str]:
    return [rule for rule in chain(body, "access") if "ct original" in rule]


def test_without_rules_nothing_is_planned() -> None:
    found = Inventory()
    del found.hosts["bob"]["wireguard_subnets"]
    (rules,) = find_rules(found.read(), TODAY).values()
    assert (rules.hosts, rules.shared, shared_rules(find_rules(found.read(), TODAY))) == ({}, {}, {})
    entry = {"network": "home", "options": {"interface": "wg0"}}
    assert compose_entries([entry], {}) == [{"network": "home", "options": {"interface": "wg0", "nftables": ""}}]


def test_an_entry_of_the_plan_gets_its_table() -> None:
    networks = inventory(GRANTS).read()
    rules = find_rules(networks, TODAY)
    entry = {"network": "home", "options": {"interface": "wg7", "mtu": 1400}, "rules": rules["home"].hosts["hub"]}
    (composed,) = compose_entries([entry], shared_rules(rules))
    body = composed["options"].pop("nftables")
    assert composed == {"network": "home", "options": {"interface": "wg7", "mtu": 1400}}
    assert body == body_of(networks, networks[0], "hub").replace('"wg0"', '"wg7"')


def test_nobody_outside_the_tunnel_sends_as_the_host_itself_or_a_member() -> None:
    for body in bodies(inventory(GRANTS)).values():
        rules = chain(body, "access")
        for what in ("type local", 'oifname "wg0"'):
            rule = f'iifname != "wg0" ct direction original fib saddr {what} counter name denied drop'
            assert rules.index(rule) < min(place for place, each in enumerate(rules) if each.startswith("ct original"))


def test_a_relay_has_all_grants() -> None:
    body = bodies(inventory(GRANTS))["home", "hub"]
    assert accepted(body) == [
        "ct original ip saddr @s0_4 ct original ip daddr @d0_4 meta l4proto 6 ct original proto-dst 80 accept",
        "ct original ip saddr @s0_4 ct original ip daddr @d0_4 meta l4proto 6 ct original proto-dst 443 accept",
        "ct original ip saddr @s0_4 ct original ip daddr @d0_4 meta l4proto 17 ct original proto-dst 443 accept",
        "ct original ip saddr @s0_4 ct original ip daddr @d0_4 meta l4proto 1 accept",
        "ct original ip saddr @s1_4 ct original ip daddr @d1_4 meta l4proto 6 ct original proto-dst 22 accept",
        "ct original ip saddr @s1_4 ct original ip daddr @d1_4 meta l4proto 17 ct original proto-dst 8000-8100 accept",
        "ct original ip saddr @s1_4 accept",
        "ct original ip6 saddr @s3_6 accept",
    ]
    assert elements(body, "s0_4") == ["10.8.0.2", "10.8.0.9"]
    assert elements(body, "d1_4") == ["192.168.7.0/24"]
    assert chain(body, "access")[-2:] == ["jump internet", "counter name denied drop"]
    # A grant for the Internet is none for the relay's own public address.
    assert chain(body, "internet") == [
        "ct direction original fib daddr type local return",
        "ct original ip saddr @s2_4 ct original ip daddr @i2_4 accept",
        "ct original ip6 saddr @s2_6 ct original ip6 daddr @i2_6 accept",
    ]
    assert chain(body, "forward")[-1] == "jump access"
    assert chain(body, "input") == ['iifname "wg0" jump access']


def test_a_destination_has_its_own_grants_alone() -> None:
    body = bodies(inventory(GRANTS))["home", "cid"]
    assert [rule.split(" meta")[0] for rule in accepted(body)] == [
        *["ct original ip saddr @s0_4 ct original ip daddr @own_4"] * 4,
        "ct original ip saddr @s1_4 ct original ip daddr @own_4 accept",
        "ct original ip6 saddr @s3_6 ct original ip6 daddr @own_6 accept",
    ]
    assert elements(body, "own_4") == ["10.8.0.4"]
    assert "d1_4" not in body


def test_a_host_takes_answers_to_what_it_may_begin_alone() -> None:
    """Else its own packets on a connection that others began before there were rules would open it."""
    grants: list[dict[str, Any]] = [{"src": "cid", "dst": ["hub", "internet"], "ip": "tcp:443"}]
    body = bodies(inventory(grants))["home", "cid"]
    service = "meta l4proto 6 ct original proto-dst 443 accept"
    assert accepted(body) == [f"ct original ip saddr @own_4 ct original ip daddr @d0_4 {service}"]
    assert chain(body, "internet")[1:] == [f"ct original ip saddr @own_4 ct original ip daddr @i0_4 {service}"]
    assert not any("reply" in rule for rule in (*chain(body, "access"), *chain(body, "input")))


def test_a_gateway_has_the_grants_of_what_is_behind_it() -> None:
    grants = [*GRANTS[:2], {"src": "192.168.7.9", "dst": "hub", "ip": "tcp:25"}, {"src": "phone", "dst": "ada"}]
    rules = accepted(bodies(inventory(grants))["home", "bob"])
    assert [rule.split()[4] for rule in rules] == ["@s1_4", "@s1_4", "@s2_4"]


def test_no_grants_deny_everything() -> None:
    for body in bodies(inventory([])).values():
        assert accepted(body) == []
        assert chain(body, "access")[-1] == "counter name denied drop"


def test_hosts_with_the_same_grants_share_their_part() -> None:
    found = inventory([{"src": "phone", "dst": ["ada", "cid"]}])
    (rules,) = find_rules(found.read(), TODAY).values()
    assert rules.hosts["ada"]["parts"] == rules.hosts["cid"]["parts"]
    assert rules.hosts["ada"]["own"] != rules.hosts["cid"]["own"]


def test_a_new_member_changes_only_the_sets_that_it_is_in() -> None:
    before = bodies(inventory(GRANTS[:3]))
    found = inventory(GRANTS[:3])
    found.hosts["dan"] = {"wireguard_addresses": ["10.8.0.5"]}
    for group in ("wg_spoke", "laptops", "all"):
        found.groups[group] = [*found.groups[group], "dan"]
    after = bodies(found)
    lines = set(after["home", "hub"].splitlines()) ^ set(before["home", "hub"].splitlines())
    assert lines == {"    10.8.0.2", "    10.8.0.5,", "    10.8.0.5"}
    assert elements(after["home", "hub"], "s1_4") == ["10.8.0.2", "10.8.0.5"]


def test_a_client_past_its_date_is_in_no_set() -> None:
    found = inventory(GRANTS)
    found.networks["home"]["clients"]["phone"]["valid_until"] = "2026-05-31"
    assert "10.8.0.9" not in bodies(found)["home", "hub"]


def test_the_hosts_whose_rules_change_without_a_member_are_known() -> None:
    networks = inventory([{"src": "phone", "dst": "ada"}, {"src": "bob", "dst": "cid"}]).read()
    assert hosts_with_other_rules(networks, ["phone"], TODAY) == {"hub", "ada"}
    assert hosts_with_other_rules(networks, ["bob"], TODAY) == {"hub", "bob", "cid"}


# --- masquerading ---


def masquerading(found: Inventory, host: str = "hub", network: str = "home") -> list[str]:
    body = bodies(found)[network, host]
    return chain(body, "nat") if "chain nat" in body else []


def test_a_hub_masquerades_where_a_full_tunnel_ends() -> None:
    found = inventory()
    assert masquerading(found) == []
    found.hosts["ada"]["wireguard_tunnel"] = "full"
    assert masquerading(found) == [
        'ip saddr @local_members_4 ip daddr != @networks_4 oifname != { "lo", "wg0" } masquerade',
        'ip6 saddr @local_members_6 ip6 daddr != @networks_6 oifname != { "lo", "wg0" } masquerade',
    ]
    body = bodies(found)["home", "hub"]
    assert elements(body, "networks_4") == ["10.8.0.0/24", "192.168.7.0/24"]
    assert "maxseg size set rt mtu" in chain(body, "forward")[-1]
    assert "chain access" not in body


def test_so_it_does_for_a_client() -> None:
    found = inventory()
    found.networks["home"]["clients"]["phone"]["tunnel"] = "full"
    assert len(masquerading(found)) == 2
    found.hosts["hub"]["wireguard_masquerade"] = []
    assert bodies(found)["home", "hub"] == ""


def test_an_exit_of_a_mesh_masquerades() -> None:
    found = Inventory()
    found.networks["home"] |= {"topology": "mesh", "members": ["hub", "ada"]}
    found.groups["all"] = ["hub", "ada"]
    found.hosts = {name: found.hosts[name] for name in ("hub", "ada")}
    assert masquerading(found) == []
    found.hosts["ada"]["wireguard_peers"] = {"hub": {"allowed_ips": ["0.0.0.0/0"]}}
    assert len(masquerading(found)) == 2
    assert masquerading(found, "ada") == []


def test_subnets_are_masqueraded_if_asked_for() -> None:
    found = inventory()
    found.hosts["bob"]["wireguard_masquerade"] = ["subnets", "internet"]
    assert masquerading(found, "bob") == [
        "ip saddr @subnets_4 return",
        'ip saddr @local_members_4 ip daddr @subnets_4 oifname != { "lo", "wg0" } masquerade',
        'ip saddr @local_members_4 ip daddr != @networks_4 oifname != { "lo", "wg0" } masquerade',
        "ip6 saddr @subnets_6 return",
        'ip6 saddr @local_members_6 ip6 daddr @subnets_6 oifname != { "lo", "wg0" } masquerade',
        'ip6 saddr @local_members_6 ip6 daddr != @networks_6 oifname != { "lo", "wg0" } masquerade',
    ]


def test_global_addresses_are_translated_only_if_asked_for() -> None:
    found = inventory()
    found.networks["home"]["prefixes"] = ["10.8.0.0/24", "2001:db8:8::/64"]
    found.hosts["hub"] |= {"wireguard_addresses": ["10.8.0.1", "2001:db8:8::1"], "wireguard_masquerade": "internet"}
    found.hosts["ada"]["wireguard_addresses"] = ["10.8.0.2"]
    assert [rule.split()[0] for rule in masquerading(found)] == ["ip"]
    found.hosts["hub"]["wireguard_masquerade"] = ["internet", "global_ipv6"]
    assert [rule.split()[0] for rule in masquerading(found)] == ["ip", "ip6"]
    assert elements(bodies(found)["home", "hub"], "members_6") == ["2001:db8:8::/64"]


def test_a_gateway_clamps_unless_it_must_not() -> None:
    body = bodies(inventory())["home", "bob"]
    assert [line.split()[0] for line in chain(body, "forward")] == ["iifname", "tcp"]
    found = inventory()
    found.hosts["bob"]["wireguard_masquerade"] = []
    assert bodies(found)["home", "bob"] == ""


@pytest.mark.parametrize("value", ["lan", ["internet", 1], ["global_ipv6"]])
def test_masquerading_of_something_else_is_refused(value: Any) -> None:
    found = inventory()
    found.hosts["hub"]["wireguard_masquerade"] = value
    with pytest.raises(ValueError, match="wireguard_masquerade"):
        found.read()


def test_a_host_in_two_networks_names_both_interfaces() -> None:
    found = inventory()
    found.hosts["hub"] |= {
        "wireguard_addresses": ["10.8.0.1", "fd00:8::1", "10.9.0.1"],
        "wireguard_masquerade": ["internet"],
        "wireguard_overrides": {"lab": {"listen_port": 51821, "endpoint": "203.0.113.4:51821"}},
    }
    found.hosts["dan"] = {"wireguard_addresses": ["10.9.0.5"]}
    members = ["hub", "dan"]
    found.networks["lab"] = {"topology": "mesh", "prefixes": ["10.9.0.0/24"], "interface": "wg1", "members": members}
    found.groups["all"] = list(found.hosts)
    found.networks["lab"]["policy"] = {"grants": [{"src": "dan", "dst": "ada"}]}
    found.networks["home"]["policy"] = {"grants": [{"src": "dan", "dst": "ada"}]}
    assert all('oifname != { "lo", "wg0", "wg1" }' in rule for rule in masquerading(found))
    # A host between networks has all grants in both of its tables.
    for network in ("home", "lab"):
        body = bodies(found)[network, "hub"]
        assert (elements(body, "s0_4"), elements(body, "d0_4")) == (["10.9.0.5"], ["10.8.0.2"])


# --- any policy ---

_SIDES = st.lists(
    st.sampled_from(["ada", "bob", "hub", "laptops", "web", "phone", "*", "10.8.0.0/25", "192.168.7.9"]), min_size=1
)
_SERVICES = st.lists(st.sampled_from(["tcp:22", 53, "icmp", "*", "udp:1-9", "gre"]), min_size=1)


@given(st.lists(st.fixed_dictionaries({"src": _SIDES, "dst": _SIDES, "ip": _SERVICES}), max_size=4))
def test_any_policy_compiles_to_the_same_text(grants: list[dict[str, Any]]) -> None:
    first, second = bodies(inventory(grants)), bodies(inventory(grants))
    assert first == second
    for body in first.values():
        used = set(re.findall(r"@(\w+)", body))
        defined = re.findall(r"^set (\w+) {", body, re.MULTILINE)
        assert used == set(defined)
        assert len(defined) == len(set(defined))
        assert "$" not in body
