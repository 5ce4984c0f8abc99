# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a wg-quick(8) file: startup state, as values that compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .._model.endpoint import Endpoint
from .._model.keys import NO_PRESHARED_KEY, PresharedKey, PrivateKey, PublicKey
from .._model.prefix import InterfaceAddress, Prefix

# Where wg-quick looks for INTERFACE.conf.
DIRECTORY = "/etc/wireguard"


class WgQuickPeer(NamedTuple):
    """One [Peer]. ``name`` is its ``# friendly_name =``; ``persistent_keepalive`` in seconds, 0 is off."""

    public_key: PublicKey
    name: str | None = None
    preshared_key: PresharedKey = NO_PRESHARED_KEY
    endpoint: Endpoint | None = None
    allowed_ips: frozenset[Prefix] = frozenset()
    persistent_keepalive: int = 0


@dataclass(frozen=True)
class WgQuickFile:
    """A whole file. ``listen_port``, ``fwmark`` and ``mtu`` 0 are not there.

    ``table`` is ``auto``, ``off``, or a table's number or name.
    ``unmanaged`` are the DNS, PreUp, PostUp, PreDown and PostDown lines word for word, in their order. Like the
    kernel's, the peers have each a key of its own, and no prefix is with two of them. ``netns``: where PostUp lines
    take the interface, as ``moved.Moved`` has it; empty when it stays where wg-quick makes it.
    """

    private_key: PrivateKey | None = None
    listen_port: int = 0
    fwmark: int = 0
    addresses: tuple[InterfaceAddress, ...] = ()
    mtu: int = 0
    table: str = "auto"
    save_config: bool = False
    unmanaged: tuple[str, ...] = ()
    peers: tuple[WgQuickPeer, ...] = ()
    netns: str = ""


def printable(text: str) -> str:
    """The text of a file for people and for JSON: a byte that is not UTF-8 is shown as ``\\xff``."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
