# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's inventory: an ordinary one, as an operator would write it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from .apt import HOST_SEEN_FROM_GUEST

_HEADER = "# Written by tests/lab for the machines that are up now.\n"
_IPV4 = "10.90.0"
_IPV6 = "fd5a:c1e7:90b2::"
_MESH_IPV4 = "10.91.0"
_MESH_IPV6 = "fd5a:c1e7:91b2::"
_INNER = ["10.92.0.0/24", "fd5a:c1e7:92b2::/64"]
_INNER_PORT = 51821
# Known to everybody, like all that is in the lab; an operator's is in a vault.
_SECRET = {"preshared_secret": "a secret that only the lab has"}
_BEHIND = "192.168.{}.0/24"
_HUB = re.compile(r"hub([1-9]\d?)?")
_SPOKE = re.compile(r"spoke([1-9]\d{0,2})")
_NODE = re.compile(r"node([1-9]\d{0,2})")


@dataclass(frozen=True)
class Host:
    """A machine as Ansible reaches it: the SSH port on the loopback, and the UDP port there of an endpoint."""

    name: str
    ssh_port: int
    udp_port: int | None


def has_endpoint(name: str) -> bool:
    """Whether the others have to reach a machine of this name at a UDP port: the hubs and the nodes of a mesh."""
    return bool(_HUB.fullmatch(name) or _NODE.fullmatch(name))


def inventory(hosts: Iterable[Host]) -> dict[str, Any]:
    """Describe the machines and their WireGuard networks, of which their names make them members.

    ``hub`` and ``spoke1``, ``spoke2`` and so on are one with a single hub, with addresses by their numbers, so that
    those of one do not depend on which others there are. Odd spokes send just the network's traffic through the tunnel
    and have a subnet behind them, even ones send all. With ``hub1`` and ``hub2`` in the place of ``hub`` there are
    several, which have the spokes in turn; each of their tunnels has a preshared key, and a phone belongs to the first
    one. ``node1``, ``node2`` and so on are a mesh, and through its tunnels a second
    network, with the first of them as its hub. Machines of other names are plain hosts.
    """
    members = list(hosts)
    hubs = [host.name for host in members if _HUB.fullmatch(host.name)]
    groups: dict[str, dict[str, Any]] = {}
    for host in members:
        group, variables = "others", {}
        if hub := _HUB.fullmatch(host.name):
            group, variables = "wg_hub", _hub(host, None if hub[1] else 1)
        elif spoke := _SPOKE.fullmatch(host.name):
            group, variables = "wg_spoke", _spoke(int(spoke[1]), hubs)
        elif node := _NODE.fullmatch(host.name):
            group, variables = "wg_member", _node(int(node[1]), host)
            inner = "inner_hub" if node[1] == "1" else "inner_spoke"
            groups.setdefault(inner, {"hosts": {}})["hosts"][host.name] = {}
        groups.setdefault(group, {"hosts": {}})["hosts"][host.name] = {"ansible_port": host.ssh_port, **variables}
    # The controller is in the group `all` too, and what leads to the machines must not lead it astray.
    machines = {"vars": _connection(), "children": groups}
    return {"all": {"vars": {"wireguard_networks": _networks(groups, hubs)}, "children": {"machines": machines}}}


def render_inventory(hosts: Iterable[Host]) -> str:
    """The inventory as YAML."""
    return _HEADER + yaml.safe_dump(inventory(hosts), explicit_start=True, sort_keys=False, width=120)


def _hub(host: Host, member: int | None) -> dict[str, Any]:
    """The one hub has an address by its number; those of several are given out."""
    return {**(_addresses(member) if member else {}), **_endpoint(host)}


def _endpoint(host: Host) -> dict[str, Any]:
    return {"wireguard_endpoint": f"{HOST_SEEN_FROM_GUEST}:{host.udp_port}", "wireguard_listen_port": 51820}


def _spoke(number: int, hubs: list[str]) -> dict[str, Any]:
    home = {"wireguard_hub": hubs[(number - 1) % len(hubs)]} if len(hubs) > 1 else {}
    if number % 2 == 0:
        return {**_addresses(1 + number), **home, "wireguard_tunnel": "full"}
    subnets = [_BEHIND.format(90 + number)]
    return {**_addresses(1 + number), **home, "wireguard_tunnel": "split", "wireguard_subnets": subnets}


def _node(number: int, host: Host) -> dict[str, Any]:
    mesh = {
        "addresses": [f"{_MESH_IPV4}.{number}", f"{_MESH_IPV6}{number:x}"],
        "endpoint": f"{HOST_SEEN_FROM_GUEST}:{host.udp_port}",
        "listen_port": 51820,
    }
    inner = {"endpoint": f"{_MESH_IPV4}.1:{_INNER_PORT}"} if number == 1 else {}
    return {"wireguard_overrides": {"mesh": mesh, **({"inner": inner} if inner else {})}}


def _addresses(member: int) -> dict[str, Any]:
    return {"wireguard_addresses": [f"{_IPV4}.{member}", f"{_IPV6}{member:x}"]}


def _networks(groups: Collection[str], hubs: list[str]) -> dict[str, Any]:
    if "wg_member" not in groups:
        # Whoever has no address by its number is given one above those.
        lab = {"prefixes": [f"{_IPV4}.0/24", f"{_IPV6}/64"], "pools": [f"{_IPV4}.192/26", f"{_IPV6}/64"]}
        return {"lab": lab | _SECRET | {"clients": {"phone": {"hub": hubs[0]}}} if len(hubs) > 1 else lab}
    inner = {"hubs": "inner_hub", "spokes": "inner_spoke", "interface": "wg1", "port": _INNER_PORT, "prefixes": _INNER}
    return {"mesh": {"topology": "mesh", "prefixes": [f"{_MESH_IPV4}.0/24", f"{_MESH_IPV6}/64"]}, "inner": inner}


def _connection() -> dict[str, Any]:
    return {
        "ansible_host": "127.0.0.1",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "{{ inventory_dir }}/id_ed25519",
        "ansible_ssh_common_args": "-o UserKnownHostsFile={{ inventory_dir }}/known_hosts -o IdentitiesOnly=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_pipelining": True,
    }
