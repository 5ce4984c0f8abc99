# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's inventory: an ordinary one, as an operator would write it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from .apt import HOST_SEEN_FROM_GUEST

_HEADER = "# Written by tests/lab for the machines that are up now.\n"
_IPV4 = "10.90.0"
_IPV6 = "fd5a:c1e7:90b2::"
_BEHIND = "192.168.{}.0/24"
_SPOKE = re.compile(r"spoke([1-9]\d{0,2})")


@dataclass(frozen=True)
class Host:
    """A machine as Ansible reaches it: its SSH port on the loopback, and a hub's UDP port there."""

    name: str
    ssh_port: int
    udp_port: int | None


def is_hub(name: str) -> bool:
    """Whether a machine of this name is the hub of the lab's network."""
    return name == "hub"


def inventory(hosts: Iterable[Host]) -> dict[str, Any]:
    """Describe the machines and their WireGuard network.

    A hub and machines named spoke1, spoke2 and so on are its members, with addresses by their numbers, so that those of
    one do not depend on which others there are. Odd spokes send just the network's traffic through the tunnel and
    have a subnet behind them, even ones send all. Machines of other names are plain hosts.
    """
    groups: dict[str, dict[str, Any]] = {}
    for host in hosts:
        group, variables = "others", {}
        if is_hub(host.name):
            group, variables = "wg_hub", _hub(host)
        elif spoke := _SPOKE.fullmatch(host.name):
            group, variables = "wg_spoke", _spoke(int(spoke[1]))
        groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = {"ansible_port": host.ssh_port, **variables}
    # The controller is in the group `all` too, and what leads to the machines must not lead it astray.
    machines = {"vars": _connection(), "children": groups}
    return {"all": {"vars": {"wireguard_networks": _networks()}, "children": {"machines": machines}}}


def render_inventory(hosts: Iterable[Host]) -> str:
    """The inventory as YAML."""
    return _HEADER + yaml.safe_dump(inventory(hosts), explicit_start=True, sort_keys=False, width=120)


def _hub(host: Host) -> dict[str, Any]:
    return {
        **_addresses(1),
        "wireguard_endpoint": f"{HOST_SEEN_FROM_GUEST}:{host.udp_port}",
        "wireguard_listen_port": 51820,
    }


def _spoke(number: int) -> dict[str, Any]:
    if number % 2 == 0:
        return {**_addresses(1 + number), "wireguard_tunnel": "full"}
    return {**_addresses(1 + number), "wireguard_tunnel": "split", "wireguard_subnets": [_BEHIND.format(90 + number)]}


def _addresses(member: int) -> dict[str, Any]:
    return {"wireguard_addresses": [f"{_IPV4}.{member}", f"{_IPV6}{member:x}"]}


def _networks() -> dict[str, Any]:
    return {"lab": {"prefixes": [f"{_IPV4}.0/24", f"{_IPV6}/64"]}}


def _connection() -> dict[str, Any]:
    return {
        "ansible_host": "127.0.0.1",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "{{ inventory_dir }}/id_ed25519",
        "ansible_ssh_common_args": "-o UserKnownHostsFile={{ inventory_dir }}/known_hosts -o IdentitiesOnly=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_pipelining": True,
    }
