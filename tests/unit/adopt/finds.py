# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as they are found on their hosts, made of inventories that have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.components import Component, find_components
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.found import FoundInterface, read_found
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import Problems
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import Inventory, key_of, options_of

PEER: dict[str, Any] = {
    "name": None,
    "endpoint": None,
    "allowed_ips": [],
    "persistent_keepalive": 0,
    "has_preshared_key": False,
}
FILE: dict[str, Any] = {
    "interface": "wg0",
    "path": "/etc/wireguard/wg0.conf",
    "listen_port": 0,
    "fwmark": 0,
    "mtu": 0,
    "table": "auto",
    "save_config": None,
    "netns": None,
    "kept": [],
    "comments": [],
    "peers": [],
}
STATE: dict[str, Any] = {"interface": "wg0", "listen_port": 51820, "peers": []}


def file_of(name: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    """What ``config_info`` says of the file of a host with this plan."""
    options = {option: plan[option] for option in ("listen_port", "fwmark", "mtu", "table") if option in plan}
    peers = [{**PEER, **{key: value for key, value in peer.items() if key != "name"}} for peer in plan["peers"]]
    return {
        **FILE,
        **options,
        "interface": plan["interface"],
        "path": f"/etc/wireguard/{plan['interface']}.conf",
        "public_key": key_of(name),
        "addresses": plan["addresses"],
        "peers": peers,
    }


def found_of(inventory: Inventory, without: Iterable[str] = ()) -> list[FoundInterface]:
    """All hosts but these, each as it is after it was set up by the inventory, with a file and nothing that runs.

    In a second network they have other keys.
    """
    problems = Problems()
    found = []
    for number, plan in enumerate(inventory.plans().values()):
        for name, host in options_of(plan).items():
            file = file_of(name, host)
            if number:
                file["public_key"] = other_key(file["public_key"])
                file["peers"] = [{**peer, "public_key": other_key(peer["public_key"])} for peer in file["peers"]]
            if name not in without:
                found += read_found(name, [file], [], problems)[0]
    problems.refuse()
    return found


def other_key(key: str) -> str:
    return key_of(f"another than {key}")


def component_of(found: Iterable[FoundInterface]) -> Component:
    problems = Problems()
    listed = list(found)
    components, _notes = find_components(listed, {each.host for each in listed}, problems)
    problems.refuse()
    (component,) = components
    return component
