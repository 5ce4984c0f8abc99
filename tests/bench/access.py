# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proof of a policy costs on the controller: 3,000 hosts, 200 grants, 100 tests. The plan itself is not timed.

``value`` is seconds of processor time. The reference is half as many hosts, twice, so that the ratio shows how the cost
grows. Run by itself, it prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import time
from dataclasses import replace
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.machines import Planned
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.matrix import make_matrix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.reach import Reach
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.run_tests import check_policies
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory import policy as rules
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.planner import plan_network
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.reader import read_networks
from ansible_collections.cryptokey.wireguard.tests.bench.planner import TODAY, hub_and_spoke

HOSTS, GRANTS, TESTS = 3_000, 200, 100


class Timed(NamedTuple):
    """Seconds of processor time."""

    tests: float
    matrix: float


def planned(hosts: int, grants: int, tests: int) -> Planned:
    """Ten hubs; each grant is from one of twenty groups to another one, or to a single prefix."""
    inventory = hub_and_spoke(hosts)
    (network,) = read_networks(inventory.networks, inventory.groups, inventory.hosts.__getitem__)
    names = [member.name for member in network.members]
    groups = [frozenset(names[number::20]) for number in range(20)]
    policy = rules.Policy(tuple(_grant(number, groups) for number in range(grants)))
    policy = policy._replace(tests=tuple(_test(number, policy.grants) for number in range(tests)))
    return Planned(replace(network, policy=policy), plan_network(network, inventory.keys, TODAY))


def _grant(number: int, groups: list[frozenset[str]]) -> rules.Grant:
    # Each distance between groups comes once, so that no two grants are the same.
    source, target = number % 20, (number % 20 + number // 20 + 1) % 20
    port = 1000 + number
    everything = number % 50 == 0
    return rules.Grant(
        number,
        rules.Side(groups[source], everything=everything),
        rules.Side(groups[target], (parse_prefix(f"10.8.{number % 12}.0/28"),) if number % 7 == 0 else ()),
        (rules.Service(rules.TCP, port, port),),
        f"grant {number}",
    )


def _test(number: int, grants: tuple[rules.Grant, ...]) -> rules.Test:
    grant = grants[number * 2 % len(grants)]
    source, target = min(grant.src.members), max(grant.dst.members)
    port = grant.services[0].first
    dst = rules.Side(frozenset([target]))
    accept = (rules.Target(f"{target}:{port}", dst, port),)
    return rules.Test(
        number,
        source,
        rules.Side(frozenset([source])),
        rules.TCP,
        accept,
        (rules.Target(f"{target}:{port + 300}", dst, port + 300),),
    )


def measure(hosts: int = HOSTS, grants: int = GRANTS, tests: int = TESTS) -> Timed:
    """Time the tests and the picture of who reaches what, each with tables of its own."""
    network = planned(hosts, grants, tests)
    gc.collect()
    start = time.process_time()
    problems = check_policies(Reach([network])).problems
    middle = time.process_time()
    make_matrix(Reach([network]))
    if problems:
        raise SystemExit(str(problems[0]))
    return Timed(round(middle - start, 3), round(time.process_time() - middle, 3))


def main() -> None:
    whole, half = measure(HOSTS), measure(HOSTS // 2)
    pairs = {f"access_{name}": (getattr(whole, name), 2 * getattr(half, name)) for name in Timed._fields}
    rows = {
        name: {"value": value, "reference": reference, "ratio": round(value / reference, 3)}
        for name, (value, reference) in pairs.items()
    }
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
