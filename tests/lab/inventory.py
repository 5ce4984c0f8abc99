# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's inventory: an ordinary one, as an operator would write it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from .apt import HOST_SEEN_FROM_GUEST

_HEADER = "# Written by tests/lab for the machines that are up now.\n"
_IPV4 = "10.90.0"
_IPV6 = "fd5a:c1e7:90b2::"
_BEHIND = "192.168.{}.0/24"


@dataclass(frozen=True)
class Host:
    """A machine as Ansible reaches it: its SSH port on the loopback, and a hub's UDP port there."""

    name: str
    ssh_port: int
    udp_port: int | None


def is_hub(name: str) -> bool:
    """Whether a machine of this name is a hub of the lab's network."""
    return name.startswith("hub")


def inventory(hosts: Iterable[Host]) -> dict[str, Any]:
    """Describe the machines and their WireGuard network.

    Machines named hub... and spoke... get addresses in the order in which they stand. Odd spokes send just the
    network's traffic through the tunnel and have a subnet behind them, even ones send all. Others are plain hosts.
    """
    groups: dict[str, dict[str, Any]] = {}
    member = spoke = 0
    for host in hosts:
        variables: dict[str, Any] = {"ansible_port": host.ssh_port}
        if is_hub(host.name) or host.name.startswith("spoke"):
            member += 1
            variables["wireguard_addresses"] = [f"{_IPV4}.{member}", f"{_IPV6}{member:x}"]
        if is_hub(host.name):
            variables["wireguard_endpoint"] = f"{HOST_SEEN_FROM_GUEST}:{host.udp_port}"
            variables["wireguard_listen_port"] = 51820
            group = "wg_hub"
        elif host.name.startswith("spoke"):
            spoke += 1
            variables |= _spoke(spoke)
            group = "wg_spoke"
        else:
            group = "ungrouped"
        groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = variables
    return {"all": {"vars": _common(), "children": groups}}


def render_inventory(hosts: Iterable[Host]) -> str:
    """The inventory as YAML."""
    return _HEADER + yaml.safe_dump(inventory(hosts), explicit_start=True, sort_keys=False, width=120)


def _spoke(number: int) -> Mapping[str, Any]:
    if number % 2 == 0:
        return {"wireguard_tunnel": "full"}
    return {"wireguard_tunnel": "split", "wireguard_subnets": [_BEHIND.format(90 + number)]}


def _common() -> dict[str, Any]:
    return {
        "ansible_host": "127.0.0.1",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "{{ inventory_dir }}/id_ed25519",
        "ansible_ssh_common_args": "-o UserKnownHostsFile={{ inventory_dir }}/known_hosts -o IdentitiesOnly=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
        "wireguard_networks": {"lab": {"prefixes": [f"{_IPV4}.0/24", f"{_IPV6}/64"]}},
    }
