# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out which program has a UDP port (proc_net(5), proc_pid_fd(5))."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def port_holders(port: int) -> list[str]:
    """The names of the programs that have the port in the network namespace of the calling thread. An empty name is
    a socket of no program, such as WireGuard's own."""
    inodes = {inode for name in ("udp", "udp6") for inode in _inodes(Path("/proc/thread-self/net", name), port)}
    programs = dict.fromkeys(inodes, "")
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    for folder in Path("/proc").glob("[0-9]*/fd") if inodes else ():
        # Programs end meanwhile.
        with suppress(OSError):
            for each in os.scandir(folder):
                with suppress(OSError):
                    inode = wanted.get(str(Path(each.path).readlink()))
                    if inode:
                        programs[inode] = (folder.parent / "comm").read_text(encoding="utf-8", errors="replace").strip()
    return sorted(set(programs.values()))


def _inodes(path: Path, port: int) -> list[str]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []  # no IPv6
    fields = (line.split() for line in lines)
    return [each[9] for each in fields if int(each[1].rpartition(":")[2], 16) == port]
