# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""interface_info: a part that cannot be read does not hide the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface_info import describe_all
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import Part
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import World, before

HANGS = KernelError(110, "check whether systemd-resolved runs", "systemctl did not finish within 30 s")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, before())


def test_all_is_read(world: World) -> None:
    warnings: list[str] = []
    (found,) = describe_all(["wg0"], world, warnings)
    assert (found["dns"], found["dns_search"], warnings) == (["10.9.0.2"], ["corp.example"], [])


def test_name_servers_that_cannot_be_read_are_unknown_and_asked_once(world: World) -> None:
    world.broken = {Part.DNS: HANGS}
    warnings: list[str] = []
    found = describe_all(["wg0", "wg1"], world, warnings)
    assert [(each["dns"], each["dns_search"], each["mtu"]) for each in found] == [(None, None, 1420)] * 2
    assert warnings == [f"wg0: dns and dns_search cannot be read: {HANGS}"]


def test_the_netfilter_table_is_not_needed(world: World) -> None:
    world.broken = {Part.NETFILTER: HANGS}
    warnings: list[str] = []
    assert describe_all(["wg0"], world, warnings)
    assert warnings == []


def test_an_interface_that_cannot_be_read_is_a_failure(world: World) -> None:
    world.broken = {Part.INTERFACE: HANGS}
    with pytest.raises(KernelError):
        describe_all(["wg0"], world, [])
