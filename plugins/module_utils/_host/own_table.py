# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and compare an interface's own nftables table.

Starting nft takes longer than the rest of a run that changes nothing. So a listing is recorded together with the
generation of the rules, which the kernel increments at every change (net/netfilter/nf_tables_api.c). The code that runs
nft is imported only when needed.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from contextlib import suppress

from .._model.errors import InputError
from .._model.own_table import OwnTable
from .._netlink.attributes import decode_attributes
from .._netlink.namespace import netns_identity
from .._netlink.netlink import Netlink
from .._store.table_record import Stamp, TableRecord, load_table, record_table

# include/uapi/linux/netfilter/nf_tables.h
_NFT_MSG_GETGEN = 10 << 8 | 16
_NFTA_GEN_ID = 1
_NFGENMSG = struct.Struct("=BBH")
_GENERATION = struct.Struct("!I")


def read_stamp(netlink: Netlink) -> Stamp | None:
    """Read the identity of the present namespace and the generation of its rules, None if that is unknown."""
    try:
        replies = netlink.request(_NFT_MSG_GETGEN, _NFGENMSG.pack(socket.AF_UNSPEC, 0, 0), "read nftables' generation")
        for reply in replies:
            for kind, start, end in decode_attributes(reply, _NFGENMSG.size, len(reply)):
                if kind == _NFTA_GEN_ID and end - start == _GENERATION.size:
                    return netns_identity(), _GENERATION.unpack_from(reply, start)[0]
    except (OSError, ValueError):
        return None
    return None


def read_table(netlink: Netlink, interface: str, own_netns: bool) -> TableRecord:
    """Read a table that exists in the namespace of the calling thread. Raises KernelError.

    A record is used only in the host's own namespace: a named one can be removed and made again.
    """
    stamp = read_stamp(netlink) if own_netns else None
    known = load_table(interface) if stamp else None
    if known and known.stamp == stamp:
        return known
    from .nft_table import list_table

    return TableRecord(list_table(interface), stamp)


def find_table(interface: str, body: str, present: TableRecord | None) -> OwnTable:
    """Return the table with this body as nft lists it. ``present``: the table that was read.

    Raises InputError if nft refuses the body, and KernelError. Changes nothing.
    """
    if present and present.digest == _digest(body):
        return OwnTable(present.listing, body)
    from .nft_table import try_body

    return OwnTable(try_body(interface, body), body)


def remember_table(interface: str, body: str, present: TableRecord) -> None:
    """Record that this body makes the table that was read. The record only saves time: a failure is ignored."""
    digest = _digest(body)
    if present.stamp and present.digest != digest:
        with suppress(InputError, OSError):
            record_table(interface, present._replace(digest=digest))


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
