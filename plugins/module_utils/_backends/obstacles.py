# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warn of rules of other programs that drop what an interface forwards or receives. They are never changed."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .._host.netfilter import open_netfilter
from .._host.own_table import read_stamp
from .._host.programs import find_program, run_program
from .._model.errors import InputError
from .._store.table_record import load_obstacles, record_obstacles

# Interfaces of containers and virtual machines. What accepts packets to them need not accept any others.
_OF_GUESTS = ("br-", "cni", "docker", "lo", "lxc", "veth", "virbr")


def find_obstacles(options: Mapping[str, Any], forwards: bool, check_mode: bool) -> list[str]:
    """The warnings for an interface with these options, in the host's own network namespace.

    While no rule of the host changes, nft is not started again. What cannot be read gives no warning.
    """
    port = _port(options)
    if options.get("netns") or options.get("birth_netns") or not (forwards or port):
        return []
    interface = str(options["interface"])
    try:
        netlink = open_netfilter()
        if netlink is None:
            return []
        with netlink:
            stamp = read_stamp(netlink)
    except OSError:
        return []
    question = [list_families(options), port, list_links(interface) if forwards else None]
    known = load_obstacles(interface, stamp, question) if stamp else None
    if known is not None:
        return known
    found = _look(interface, question)
    if stamp and found is not None and not check_mode:
        with suppress(InputError, OSError):
            record_obstacles(interface, stamp, question, found)
    return found or []


def _look(interface: str, question: list[Any]) -> list[str] | None:
    """None if the rules cannot be read, for example because this nft has no JSON support."""
    found = find_dropping_rules(interface, [question])
    return None if found is None else [f"{interface}: {each}" for each in found[0]]


def find_dropping_rules(interface: str, questions: Iterable[Sequence[Any]]) -> list[list[str]] | None:
    """What ``firewalls.find_drops`` finds for each of the questions in the namespace of the calling thread.

    None if the rules cannot be read.
    """
    from .._host import firewalls

    nft = find_program("nft")
    if nft is None:
        return None
    try:
        done = run_program([nft, "-j", "--terse", "list", "ruleset"], "look for rules that drop the tunnel's packets")
        listing = json.loads(done.output)
        return [firewalls.find_drops(listing, interface, *question) for question in questions]
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return None


def list_families(options: Mapping[str, Any]) -> list[str]:
    """Those of the interface's addresses, as nft(8) has them."""
    addresses = options.get("addresses")
    if addresses is None:
        return ["ip", "ip6"]
    return sorted({"ip6" if ":" in str(address) else "ip" for address in addresses})


def _port(options: Mapping[str, Any]) -> int:
    """The UDP port, 0 if no peer depends on it: one with an endpoint can be reached, and then answers."""
    waits = any(not peer.get("endpoint") for peer in options.get("peers") or ())
    return int(options.get("listen_port") or 0) if waits else 0


def list_links(interface: str) -> list[str]:
    """The other links to which the interface may forward."""
    names = (name for _index, name in socket.if_nameindex())
    return sorted(name for name in names if name != interface and not name.startswith(_OF_GUESTS))
