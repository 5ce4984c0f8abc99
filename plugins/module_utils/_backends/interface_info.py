# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``interface_info`` does, without Ansible: it reads running interfaces and the names of their peers."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from .._converge.show import describe_state
from .._host.dns import find_name_servers
from .._model.errors import InputError
from .._model.keys import PublicKey
from .._model.names import parse_interface_name, parse_netns
from .._store.reading import read_file
from .._wgquick.file import printable
from .._wgquick.parse import decode, parse
from .reader import open_reader


def read_running(interfaces: Iterable[str] | None, netns: str | None = None) -> list[dict[str, Any]]:
    """One or all WireGuard interfaces as plain dictionaries, their peers by the names that their files know.

    Raises InputError, MissingLibrary and KernelError.
    """
    host = open_reader(parse_netns(netns, "netns"), name_servers=find_name_servers())
    names = host.interfaces() if interfaces is None else sorted(set(map(parse_interface_name, interfaces)))
    now = time.time()
    states = [state for state in map(host.read, names) if state.exists]
    return [describe_state(state, now, read_peer_names(state.interface)) for state in states]


def read_peer_names(interface: str, directory: str = "/etc/wireguard") -> dict[PublicKey, str]:
    """What the file calls the interface's peers; a file that is not there or cannot be read knows no names."""
    path = f"{directory}/{interface}.conf"
    try:
        content = read_file(path)
        peers = parse(decode(content.data), path).peers if content else ()
    except (InputError, OSError):
        return {}
    return {peer.public_key: printable(peer.name) for peer in peers if peer.name}
