# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what ``interface`` would do to bring a running interface to its files. Changes nothing, and resolves no name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .._host.sysctl import FORWARDING
from .._netlink.namespace import in_netns
from .settings import WatchedInterface
from .startup_files import StartupFiles

_SETTINGS = "proc/sys"


def find_drift(watched: WatchedInterface, files: StartupFiles, root: str = "/") -> tuple[str, ...]:
    """The operations in words. Raises InputError, KernelError and OSError."""
    return (*_find_operations(watched, files), *_find_forwarding(watched, Path(root)))


def _find_operations(watched: WatchedInterface, files: StartupFiles) -> Iterator[str]:
    """What is loaded here takes longer than all else of a collection that finds nothing new."""
    from .._converge.circumstances import Circumstances
    from .._converge.compare import compare
    from .._converge.diff import diff_states
    from .._host.kernel import HostKernel
    from .._wireguard.compare import find_proven
    from .startup import follow_keys

    kernel = HostKernel(watched.netns, watched.birth_netns)
    desired = files.desired(watched.options)
    peers = follow_keys(desired.peers or (), lambda: kernel.read(watched.interface).device.peers)
    desired = replace(desired, peers=peers)
    circumstances = Circumstances(
        time.time(),
        path_mtu=kernel.path_mtu,
        has_routes=kernel.has_routes,
        find_proven=find_proven,
        list_table=kernel.list_table,
    )
    before, after, _origin = compare(desired, kernel, circumstances)
    kernel.remember_table(watched.interface, after.own_table)
    return (operation.describe() for operation in diff_states(before, after, desired.peer_names))


def _find_forwarding(watched: WatchedInterface, root: Path) -> Iterator[str]:
    for family, value in read_switches(watched, root):
        if value != "1":
            yield f"turn on forwarding of {family.replace('ip', 'IP')}"


def read_switches(watched: WatchedInterface, root: Path) -> list[tuple[str, str]]:
    """The kernel's setting for each family that the interface needs; empty where there is none.

    A run sets them in the host's own network namespace, wherever the interface is.
    """
    with in_netns(""):
        paths = [(family, root / _SETTINGS / FORWARDING[family]) for family in watched.forwarding]
        return [(family, path.read_text(encoding="ascii").strip() if path.exists() else "") for family, path in paths]
