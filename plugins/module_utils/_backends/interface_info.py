# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read running interfaces and the names of their peers: ``interface_info``, without Ansible."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from .._converge.protocols import Reader
from .._converge.read_parts import read_parts
from .._converge.show import describe_state
from .._host.dns import FoundNameServers
from .._model.errors import InputError
from .._model.keys import PublicKey
from .._model.names import parse_interface_name, parse_netns
from .._model.parts import Part
from .._store.reading import read_file
from .._wgquick.file import DIRECTORY, printable
from .._wgquick.parse import decode, parse
from .reader import open_reader


def read_running(
    interfaces: Iterable[str] | None, netns: str | None = None, warnings: list[str] | None = None
) -> list[dict[str, Any]]:
    """Describe these WireGuard interfaces, or all, as plain dictionaries, with the names of peers from their files.

    Name servers that cannot be read are None, with a warning. Raises InputError, MissingLibrary and KernelError.
    """
    reader = open_reader(parse_netns(netns, "netns"), name_servers=FoundNameServers())
    names = reader.interfaces() if interfaces is None else sorted(set(map(parse_interface_name, interfaces)))
    return describe_all(names, reader, warnings if warnings is not None else [])


def describe_all(names: Iterable[str], reader: Reader, warnings: list[str]) -> list[dict[str, Any]]:
    """Describe those of the interfaces that exist. Raises KernelError.

    If name servers cannot be read once, they are not read again: that may take a minute.
    """
    now = time.time()
    asked = {Part.DNS}
    described = []
    for name in names:
        state, problems = read_parts(name, reader, asked)
        if problems:
            asked.clear()
            warnings.append(f"{name}: dns and dns_search cannot be read: {problems[Part.DNS]}")
        if state.exists:
            unknown = {} if asked else {"dns": None, "dns_search": None}
            described.append({**describe_state(state, now, read_peer_names(name)), **unknown})
    return described


def read_peer_names(interface: str, directory: str = DIRECTORY) -> dict[PublicKey, str]:
    """Read the names of the interface's peers from its file. A missing or unreadable file has no names."""
    path = f"{directory}/{interface}.conf"
    try:
        content = read_file(path)
        peers = parse(decode(content.data), path).peers if content else ()
    except (InputError, OSError):
        return {}
    return {peer.public_key: printable(peer.name) for peer in peers if peer.name}
