# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of who reaches what is what single packets do."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.grants import Packet
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.matrix import Matrix, make_matrix
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.places import Places
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.reach import Reach
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._access.units import Unit, list_units
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.policy import ICMP, TCP, UDP
from ansible_collections.cryptokey.wireguard.tests.unit.access.strategies import policies
from ansible_collections.cryptokey.wireguard.tests.unit.access.test_reach import GRANTS, several_hubs, two_networks
from ansible_collections.cryptokey.wireguard.tests.unit.access.worlds import World, policy, port
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.strategies import inventories

PROBES = ((TCP, 79), (TCP, 80), (TCP, 443), (TCP, 444), (UDP, 53), (UDP, 54), (ICMP, 0), (47, 0))


def expand(matrix: Matrix) -> dict[tuple[str, str], tuple[str, ...]]:
    """Each pair of labels that has something."""
    return {
        (source, target): texts
        for (row, column), texts in matrix.cells.items()
        for source in matrix.groups[row]
        for target in matrix.groups[column]
        if source != target
    }


def serves(texts: tuple[str, ...], size: int, protocol: int, number: int) -> bool:
    """Whether the texts of a cell have this service, read by other means than those that wrote it."""
    family = "IPv4" if size == 4 else "IPv6"
    for text in texts:
        service, _space, only = text.partition(" ")
        if only and only != f"({family})":
            continue
        name, _colon, ports = service.partition(":")
        if name != "*" and {"tcp": TCP, "udp": UDP, "icmp": ICMP}.get(name, name) not in (protocol, str(protocol)):
            continue
        low, _dash, high = ports.partition("-")
        if name == "*" or ports in ("", "*") or int(low) <= number <= int(high or low):
            return True
    return False


def check_pair(reach: Reach, source: Unit, target: Unit, texts: tuple[str, ...]) -> None:
    assert source.machine
    for src in source.addresses:
        for dst in target.addresses:
            if len(src) == len(dst):
                for protocol, number in PROBES:
                    reached = reach.find(source.machine, Packet(src, dst, protocol, number)).reached
                    shown = serves(texts, len(src), protocol, number)
                    assert reached == shown, (source.label, target.label, texts, protocol, number)


@given(st.data())
def test_the_matrix_is_what_packets_do(data: st.DataObject) -> None:
    inventory = data.draw(inventories())
    world = World(inventory, {"home": rules} if (rules := data.draw(policies(inventory))) else {})
    cells = expand(make_matrix(world.reach))
    units = list_units(Places(world.reach))
    assert len({unit.label for unit in units}) == len(units)
    for source in units:
        for target in units:
            if source.machine and source.machine is not target.machine:
                check_pair(world.reach, source, target, cells.get((source.label, target.label), ()))


def test_two_networks_and_a_subnet_that_a_grant_splits() -> None:
    rules = {"home": GRANTS, "lab": policy((["10.8.0.2/32"], ["rig"], port(80)))}
    world = World(two_networks(), rules)
    cells = expand(make_matrix(world.reach))
    units = {unit.label: unit for unit in list_units(Places(world.reach))}
    assert {"hub (home)", "hub (lab)", "192.168.7.0/25 behind bob", "192.168.7.0/24 (rest) behind bob"} <= set(units)
    for source in units.values():
        for target in units.values():
            if source.machine and source.machine is not target.machine:
                check_pair(world.reach, source, target, cells.get((source.label, target.label), ()))


def test_members_that_are_alike_are_one_group() -> None:
    inventory = several_hubs()
    for number in range(30, 60):
        inventory.groups["wg_spoke"].append(f"s{number}")
        inventory.hosts[f"s{number}"] = {"wireguard_addresses": [f"10.8.0.{number}"], "wireguard_hub": "hub"}
    matrix = make_matrix(World(inventory, policy((["s30"], ["ada"]))).reach)
    assert ("s31", *(f"s{number}" for number in range(32, 60))) in matrix.groups
    assert ("s30",) in matrix.groups


def test_the_members_of_a_mesh_are_one_group() -> None:
    inventory = several_hubs()
    names = [f"n{number}" for number in range(1, 20)]
    inventory.networks = {"home": {"prefixes": ["10.8.0.0/24"], "topology": "mesh"}}
    inventory.groups = {"wg_member": names}
    inventory.hosts = {
        name: {"wireguard_addresses": [f"10.8.0.{number}"], "wireguard_endpoint": f"203.0.113.{number}"}
        for number, name in enumerate(names, 1)
    }
    matrix = make_matrix(World(inventory).reach)
    assert sorted(map(len, matrix.groups)) == [1, 19]
    assert expand(matrix)["n1", "n2"] == ("* (IPv4)",)


def test_thousands_of_members_are_quick() -> None:
    """Seconds, not minutes: pairs of groups are followed, not pairs of members."""
    inventory = several_hubs()
    inventory.networks["home"]["prefixes"] = ["10.8.0.0/16", "fd00:8::/64"]
    for number in range(2000):
        inventory.groups["wg_spoke"].append(f"s{number}")
        address = f"10.8.{1 + number // 200}.{1 + number % 200}"
        inventory.hosts[f"s{number}"] = {"wireguard_addresses": [address], "wireguard_hub": "hub"}
    world = World(inventory, policy((["*"], ["bob"], port(80))))
    start = time.process_time()
    make_matrix(world.reach)
    assert time.process_time() - start < 5
