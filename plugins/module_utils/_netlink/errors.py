# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of the kernel, with hints on what to do."""

from __future__ import annotations

import errno
import os

# Python has two names for this number, and returns ENOTSUP, which the kernel does not use.
_NAMES: dict[int, str] = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}


class KernelError(OSError):
    """A failed request to the kernel or a program. ``doing``: what was attempted. The text ends with a hint, if any."""

    def __init__(self, number: int, doing: str, message: str = "") -> None:
        super().__init__(number, message or os.strerror(number))
        self.doing = doing

    def __str__(self) -> str:
        hint = _HINTS.get(self.errno or 0)
        name = _NAMES.get(self.errno or 0, self.errno)
        return f"{self.doing}: {self.strerror} ({name}){f'; {hint}' if hint else ''}"


_REMOVE = "remove the interface with state=absent and run again"
_HINTS = {
    errno.EPERM: "the module needs root, or CAP_NET_ADMIN in the host's network namespace: run it with become. "
    f"If it ran as root, the network namespace where the interface was created may be gone: {_REMOVE}",
    errno.ENONET: f"the network namespace where the interface was created is gone: {_REMOVE}",
    errno.EADDRINUSE: "another socket has this UDP port: choose another listen_port or stop the other program",
    errno.EOPNOTSUPP: "this kernel has no WireGuard: load the module 'wireguard' or run Linux 5.6 or later",
    errno.ENODEV: "the interface does not exist any more, or is not a WireGuard interface",
    errno.ELIBACC: "install the distribution's own package of pyroute2, or another version of it, for this Python",
    errno.ENOBUFS: "the kernel is short of memory for its messages: run again with more free memory or a larger "
    "net.core.rmem_default",
    errno.ENOMEM: "the kernel is short of memory: free some and run again",
    errno.EINTR: "another program keeps changing it: find it, and run again when it has finished",
    errno.EAFNOSUPPORT: "IPv6 is disabled on this host: enable it, or leave IPv6 out",
}
