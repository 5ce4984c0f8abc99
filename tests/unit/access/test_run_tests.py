# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of policies: which fail, and what is said of them."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.run_tests import Checked, check_policies
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.left_members import forget_in_policies
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import (
    ICMP,
    TCP,
    UDP,
    Policy,
    Target,
)
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import (
    Test as PolicyTest,
)
from ansible_collections.cryptokey.wireguard.tests.unit.access.test_reach import GRANTS, several_hubs
from ansible_collections.cryptokey.wireguard.tests.unit.access.worlds import World, policy, port, side
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import TODAY, Inventory


def target(text: str) -> Target:
    name, _colon, number = text.rpartition(":")
    return Target(text, side(name or number), int(number) if name else 0)


def with_tests(grants: Policy, *tests: tuple[str, Sequence[str], Sequence[str]], protocol: int = TCP) -> Policy:
    return grants._replace(
        tests=tuple(
            PolicyTest(number, src, side(src), protocol, tuple(map(target, accept)), tuple(map(target, deny)))
            for number, (src, accept, deny) in enumerate(tests)
        )
    )


def run(rules: Policy, inventory: Inventory | None = None, leaving: Sequence[str] = ()) -> Checked:
    return check_policies(World(inventory or several_hubs(), rules).reach, leaving)


def test_what_holds_is_no_problem() -> None:
    rules = with_tests(
        GRANTS,
        ("ada", ["bob:443"], ["bob:80", "192.168.7.1:443", "hub:22"]),
        ("cid", ["internet:443", "203.0.113.77:443"], ["internet:80", "ada:443"]),
        ("192.168.7.1", ["hub:22"], []),
        ("192.168.7.200", ["two:8080"], ["hub:22"]),
    )
    assert run(rules).problems == []


def test_each_failing_test_is_named_with_the_missing_grant_or_path() -> None:
    rules = with_tests(
        GRANTS,
        ("ada", ["bob:443", "bob:80"], []),
        ("ada", ["internet:443"], ["bob:443"]),
        ("10.8.0.99", ["bob:443"], []),
    )
    path = "wireguard_networks.home.policy.tests"
    denied, no_path, allowed, unknown = map(str, run(rules).problems)
    assert denied == (
        f"{path}[0].accept[1] 'bob:80': ada does not reach it: no grant of the network home allows tcp:80 from "
        "10.8.0.2 to 10.8.0.3, so hub drops it on wg0; add a grant that allows it, or move this to deny"
    )
    assert no_path == (
        f"{path}[1].accept[0] 'internet:443': ada does not reach it: no allowed IPs on ada have 203.0.113.1, so it "
        "uses its own routes, outside the networks; change the topology or the allowed IPs so that there is a path, or "
        "move this to deny"
    )
    assert allowed == (
        f"{path}[1].deny[0] 'bob:443': ada reaches it: wireguard_networks.home.policy.grants[0] (src: [ada], dst: "
        "[bob]) allows it; narrow the grant, or move this to accept"
    )
    assert unknown == (
        f"{path}[2].src '10.8.0.99': no member has this address; name a member, or an address at or behind one"
    )


def test_accept_needs_all_pairs_of_one_family_and_deny_none() -> None:
    only_ipv4 = policy((["10.8.0.0/24"], ["*"]))
    rules = with_tests(only_ipv4, ("ada", ["hub:80"], []), ("ada", [], ["hub:80"]))
    options = [problem.option for problem in run(rules).problems]
    assert options == [f"wireguard_networks.home.policy.tests[{place}]" for place in ("0].accept[0", "1].deny[0")]


def test_members_without_a_family_in_common() -> None:
    inventory = several_hubs()
    inventory.networks["home"]["clients"]["phone"]["addresses"] = ["fd00:8::20"]
    rules = with_tests(policy((["*"], ["*"])), ("phone", ["bob:80"], []), ("phone", [], ["bob:80"]))
    (problem,) = run(rules, inventory).problems
    assert "no addresses of one family" in str(problem)


def test_a_client_is_denied_by_grants_and_not_by_its_own_allowed_ips() -> None:
    """The phone sends only what is in the network, by its configuration; its owner can change that."""
    inventory = several_hubs()
    inventory.hosts["bob"]["wireguard_hub"] = "hub"
    inventory.networks["home"]["clients"]["phone"]["excluded_subnets"] = ["192.168.0.0/16"]
    allowed = with_tests(policy((["phone"], ["192.168.7.0/24"])), ("phone", [], ["192.168.7.1:80"]))
    (problem,) = run(allowed, inventory).problems
    assert "reaches it" in str(problem)
    denied = with_tests(policy((["ada"], ["192.168.7.0/24"])), ("phone", [], ["192.168.7.1:80"]))
    assert run(denied, inventory).problems == []


def test_protocols() -> None:
    assert run(with_tests(GRANTS, ("phone", ["bob"], []), protocol=ICMP)).problems == []
    assert len(run(with_tests(GRANTS, ("phone", ["bob:53"], []), protocol=UDP)).problems) == 1


def test_grants_that_no_test_covers_are_counted() -> None:
    rules = with_tests(GRANTS, ("ada", ["bob:443"], []), ("cid", ["internet:443"], []))
    (warning,) = run(rules).warnings
    assert warning.startswith("wireguard_networks.home.policy: no test covers 4 of 6 grants: grants[1] (src: [ada]")
    assert run(GRANTS).warnings == []


def test_a_grant_is_covered_in_each_network_that_a_packet_passes() -> None:
    all_alike = policy((["ada"], ["bob"], port(443)), (["ada"], ["bob"]))
    assert run(with_tests(all_alike, ("ada", ["bob:443"], []))).warnings == []


def test_tests_of_an_expired_client_do_not_count() -> None:
    inventory = several_hubs()
    yesterday = TODAY - datetime.timedelta(days=1)
    inventory.networks["home"]["clients"]["phone"]["valid_until"] = yesterday.isoformat()
    rules = with_tests(policy((["*"], ["*"])), ("phone", ["bob:80"], []), ("ada", ["phone:80", "bob:80"], []))
    checked = run(rules, inventory)
    assert checked.problems == []
    (warning,) = checked.warnings
    assert warning == (
        "Tests of clients past their valid_until do not count: wireguard_networks.home.policy.tests[0] (phone), "
        "wireguard_networks.home.policy.tests[1].accept[0] (phone:80)."
    )


def test_a_path_that_leaves_with_a_host_stops_nothing() -> None:
    """bob leaves, and with it the subnet; what must be denied is still looked at."""
    inventory = several_hubs()
    del inventory.hosts["bob"]
    inventory.groups["wg_spoke"].remove("bob")
    rules = with_tests(policy((["*"], ["*"])), ("ada", ["192.168.7.1:80"], []), ("10.8.0.3", ["ada:80"], []))
    assert len(run(rules, inventory).problems) == 2
    checked = run(rules, inventory, leaving=["bob"])
    assert checked.problems == []
    assert checked.warnings[0].startswith("Tests that fail without bob do not count: ")
    denied = with_tests(policy((["*"], ["*"])), ("ada", [], ["hub:80"]))
    assert len(run(denied, inventory, leaving=["bob"]).problems) == 1


def test_a_policy_forgets_hosts_that_leave() -> None:
    groups = {"all": ["hub", "ada"], "laptops": [], "wg_spoke": ["ada"]}
    networks = {
        "home": {
            "prefixes": ["10.8.0.0/24"],
            "policy": {
                "grants": [
                    {"src": ["group:laptops", "ada"], "dst": ["*"]},
                    {"src": ["laptop1"], "dst": ["ada"]},
                    {"src": "ada", "dst": "laptops"},
                    {"src": "ada", "dst": "hub"},
                ],
                "tests": [
                    {"src": "laptop1", "accept": ["hub:22"]},
                    {"src": "ada", "accept": ["laptop1:22", "hub:22"], "deny": ["laptop1"]},
                    {"src": "ada", "deny": ["laptop1:80"]},
                ],
            },
        },
        "lab": {"prefixes": []},
        "broken": None,
    }
    found, warnings = forget_in_policies(networks, ["laptop1"], groups)
    assert found["home"]["policy"] == {
        "grants": [{"src": ["ada"], "dst": ["*"]}, {"src": "ada", "dst": "hub"}],
        "tests": [{"src": "ada", "accept": ["hub:22"], "deny": []}],
    }
    assert (found["lab"], found["broken"]) == (networks["lab"], None)
    (warning,) = warnings
    assert "not run, as they name hosts that leave: those from laptop1, ada to laptop1:22, ada to laptop1" in warning
    assert forget_in_policies(networks, [], groups) == (networks, [])


def test_what_is_no_policy_is_left_to_be_refused() -> None:
    wrongs: tuple[Any, ...] = (
        None,
        5,
        [],
        {"grants": 5, "tests": "x"},
        {"grants": ["x", {"src": 7}], "tests": [{"accept": 5}]},
    )
    for wrong in wrongs:
        networks = {"home": {"policy": wrong}}
        assert forget_in_policies(networks, ["ada"], {})[0] == networks


def test_grants_that_nothing_can_use_are_named() -> None:
    """The first names of a grant may have no path while others do."""
    inventory = several_hubs()
    inventory.hosts["zoe"] = {"wireguard_addresses": ["fd00:8::77"], "wireguard_hub": "hub"}
    inventory.groups["wg_spoke"].append("zoe")
    rules = policy(
        (["zoe"], ["bob"]),
        (["ada", "zoe"], ["bob"]),
        (["ada"], ["internet"]),
        (["192.168.7.0/25"], ["ada"]),
        (["10.8.0.0/30"], ["10.8.0.200/32"]),
        (["*"], ["*"]),
        (["bob", "cid", "hub", "two", "zoe"], ["zoe"]),
    )
    (warning,) = run(rules, inventory).warnings
    assert warning == (
        "wireguard_networks.home.policy: nothing can use grants[0] (src: [zoe], dst: [bob]), grants[2] (src: [ada], "
        "dst: [internet]), grants[4] (src: [10.8.0.0/30], dst: [10.8.0.200/32]), as there is no path. Remove them, or "
        "change the topology or the allowed IPs."
    )
