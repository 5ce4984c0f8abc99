# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell whether anything has changed since the last comparison with the files, without making it again.

The parts are compared as the kernel sends them. What changes by itself is left out: handshakes, counters, endpoints.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from .._host import netfilter
from .._host.reader import SRC_VALID_MARK, Sockets
from .._netlink.rtnetlink import families
from .drift import read_forwarding

if TYPE_CHECKING:
    from .._model.interface import RunningDevice
    from .._netlink.rtnetlink import KernelLink
    from .memory import Memory
    from .settings import WatchedInterface


def state_identity(
    watched: WatchedInterface,
    sockets: Sockets,
    link: KernelLink | None,
    device: RunningDevice | None,
    known: str,
    root: str = "/",
) -> str:
    """A digest of all that decides about drift. ``known``: the identities of the peers, files and tables."""
    digest = hashlib.blake2b(digest_size=32)
    private = device.private_key.reveal_bytes() if device and device.private_key else b""
    header = (device.listen_port, device.fwmark) if device else ()
    forwarding = (*read_forwarding(watched, Path(root)), _read_optional(SRC_VALID_MARK))
    digest.update(repr((known, watched, link, header, forwarding)).encode())
    digest.update(private)
    routes = sockets.routes
    index = link.ifindex if link else 0
    messages = [*(routes.address_messages(index) if index else ())]
    for family in families():
        messages += routes.route_messages(family, oif=index) if index else ()
        messages += routes.rule_messages(family)
    for message in messages:
        digest.update(b"%d " % len(message))
        digest.update(message)
    return digest.hexdigest()


def tables_identity(sockets: Sockets, interface: str, memory: Memory) -> tuple[tuple[str, int] | None, str]:
    """The generation of the rules, and a digest of the interface's tables in it. nft is started only where the rules
    have changed since the last time. Raises KernelError."""
    netlink = sockets.netfilter
    if netlink is None:
        return None, ""
    from .._host.own_table import read_stamp, read_table

    stamp = read_stamp(netlink)
    if stamp and stamp == memory.stamp:
        return stamp, memory.table
    own = read_table(netlink, interface, own_netns=True).listing if netfilter.has_own_table(netlink, interface) else ""
    rules = {family: sorted(found) for family, found in netfilter.read_rules(netlink, interface).items()}
    return stamp, hashlib.blake2b(repr((own, rules)).encode(), digest_size=32).hexdigest()


def _read_optional(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
