# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the interface's own netfilter tables. Most hosts have none, so ``nft`` runs only if netlink finds one."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

from .._model.full_tunnel import NFT_FAMILY, netfilter_table
from .._model.own_table import own_table_name
from .._netlink.attributes import decode_attributes, encode_attribute
from .._netlink.errors import KernelError
from .._netlink.netlink import Netlink

# include/uapi/linux/netfilter/nfnetlink.h and nf_tables.h: subsystem 10 and its message GETTABLE.
_NETLINK_NETFILTER = 12
_NFT_MSG_GETTABLE = 10 << 8 | 1
_NFT_MSG_GETOBJ = 10 << 8 | 19
_NFTA_TABLE_NAME = 1
_NFTA_OBJ_TABLE, _NFTA_OBJ_NAME, _NFTA_OBJ_TYPE, _NFTA_OBJ_DATA = 1, 2, 3, 4
_NFT_OBJECT_COUNTER = struct.pack("!I", 1)
_NFTA_COUNTER_PACKETS = 2
_NFPROTO_INET = 1
_NFGENMSG = struct.Struct("=BBH")
# The table, the family or all of nf_tables is missing (net/netfilter/nfnetlink.c, nfnetlink_rcv_msg).
_NO_TABLE = frozenset({errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EINVAL})


def open_netfilter() -> Netlink | None:
    """Open a netfilter socket in the namespace of the calling thread. Return None if there can be no tables.

    Raises KernelError.
    """
    if not may_have_tables():
        return None
    try:
        return Netlink(_NETLINK_NETFILTER)
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
            return None
        raise KernelError(error.errno or errno.EIO, "open a netfilter socket") from None


def read_rules(netlink: Netlink, interface: str) -> dict[int, frozenset[str]]:
    """Read the rules of the interface's tables as ``CHAIN EXPRESSION``, by family. A missing table has no entry.

    A table that others have changed is a single rule: the JSON of the whole table. Raises KernelError.
    """
    present = [family for family in NFT_FAMILY if _has_table(netlink, family, netfilter_table(interface))]
    if not present:
        return {}
    from .nft import list_rules

    return {family: list_rules(family, netfilter_table(interface)) for family in present}


def has_own_table(netlink: Netlink, interface: str) -> bool:
    """Whether the interface has a table of the option ``nftables``. Raises KernelError."""
    return _has_table(netlink, _NFPROTO_INET, own_table_name(interface))


def read_counter(netlink: Netlink, interface: str, name: str) -> int | None:
    """The packets of a named counter in the interface's own table, None without that counter. Raises KernelError."""
    request = _NFGENMSG.pack(_NFPROTO_INET, 0, 0)
    request += encode_attribute(_NFTA_OBJ_TABLE, own_table_name(interface).encode() + b"\0")
    request += encode_attribute(_NFTA_OBJ_NAME, name.encode() + b"\0")
    request += encode_attribute(_NFTA_OBJ_TYPE, _NFT_OBJECT_COUNTER)
    try:
        (reply,) = netlink.request(_NFT_MSG_GETOBJ, request, f"read the counter {name} of {interface}")
    except KernelError as error:
        if error.errno in _NO_TABLE:
            return None
        raise
    for kind, start, end in decode_attributes(reply, _NFGENMSG.size, len(reply)):
        for part, first, last in decode_attributes(reply, start, end) if kind == _NFTA_OBJ_DATA else ():
            if part == _NFTA_COUNTER_PACKETS:
                return int.from_bytes(reply[first:last], "big")
    return None


def may_have_tables(root: str = "/") -> bool:
    """Whether the kernel can have netfilter tables now. A request to the kernel would load a missing module.

    A built-in module is not in /proc/modules and may have no directory in /sys (Documentation/kbuild/kbuild.rst,
    modules.builtin). If these files cannot be read, the answer is yes.
    """
    if Path(root, "sys/module/nf_tables").exists():
        return True
    lists = (Path(root, "proc/modules"), Path(root, "lib/modules", os.uname().release, "modules.builtin"))
    try:
        loaded, built_in = (file.read_text(encoding="utf-8", errors="replace") for file in lists)
    except OSError:
        return True
    return loaded.startswith("nf_tables ") or "\nnf_tables " in loaded or "/nf_tables.ko" in built_in


def _has_table(netlink: Netlink, family: int, table: str) -> bool:
    """Whether the table exists. This takes a hundredth of the time to start ``nft``, and most hosts have none."""
    request = _NFGENMSG.pack(family, 0, 0) + encode_attribute(_NFTA_TABLE_NAME, table.encode() + b"\0")
    try:
        netlink.request(_NFT_MSG_GETTABLE, request, f"look for the netfilter table {table}")
    except KernelError as error:
        if error.errno in _NO_TABLE:
            return False
        raise
    return True
