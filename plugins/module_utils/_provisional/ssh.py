# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the SSH connection that this process serves, and decide whether a change affects it.

sshd sets SSH_CONNECTION for its sessions (ssh(1), "ENVIRONMENT"). sudo drops the variable, so the parent
processes are searched, too.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .._model.full_tunnel import answers_outside
from .._model.prefix import Prefix
from .._model.state import MAIN_TABLE, RunningState

_VARIABLE = b"SSH_CONNECTION="
_PARENT = re.compile(rb"\d+ \(.*\) . (\d+) ", re.DOTALL)  # proc_pid_stat(5); the name may have anything in it


class SshConnection(NamedTuple):
    """Both ends as packed addresses of 4 or 16 bytes, ``client`` also as text, with the scope that it may have."""

    client: bytes
    server: bytes
    text: str


def find_connection(pid: int | str = "self", proc: str = "/proc") -> SshConnection | None:
    """Find the SSH connection that a process serves, None if none is known."""
    while str(pid) not in ("0", "1"):
        process = Path(proc, str(pid))
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
            parent = _PARENT.match((process / "stat").read_bytes())
        except OSError:
            return None
        for variable in variables:
            if variable.startswith(_VARIABLE):
                return parse_connection(variable[len(_VARIABLE) :].decode("ascii", "replace"))
        if parent is None:
            return None
        pid = int(parent[1])
    return None


def parse_connection(text: str) -> SshConnection | None:
    """``CLIENT PORT SERVER PORT``; None for anything else, such as UNKNOWN."""
    words = text.split()
    try:
        client, _client_port, server, _server_port = words
        return SshConnection(_packed(client), _packed(server), client)
    except (OSError, ValueError):
        return None


def _packed(address: str) -> bytes:
    host = address.partition("%")[0]
    return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)


def is_affected(
    connection: SshConnection, before: RunningState, after: RunningState, leaves_by: Callable[[str], str | None]
) -> bool:
    """Whether the connection runs over the interface, or would run into it after the change.

    It ends at one of the interface's addresses, or what is sent to the client leaves by the interface, or a new route
    would take it there. That of a full tunnel does not where connections from outside are answered outside.

    ``leaves_by``: a literal address to the name of the interface by which packets to it leave now. Only the host's own
    network namespace counts, as sshd is there.
    """
    addresses = {address.packed for state in (before, after) if not state.netns for address in state.addresses}
    if connection.server in addresses:
        return True
    scope = connection.text.partition("%")[2]
    if not before.netns and before.interface == (scope or leaves_by(connection.text)):
        return True
    client = Prefix(connection.client, len(connection.client) * 8)
    new_routes = frozenset() if after.netns else after.routes - before.routes
    covering = (route for route in new_routes if route.prefix.covers(client))
    outside = answers_outside(after.netfilter.get(client.family, ()))
    return any(route.table == MAIN_TABLE or not outside for route in covering)
