# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, compare and replace an interface's own nftables table through ``nft``.

What nft prints depends on its version and on files such as /etc/protocols. So its output is only ever compared with
its own: the wanted table is loaded into a network namespace of its own, which is gone afterwards, and listed there.

Starting nft takes longer than all else of a run that changes nothing. What was read is therefore remembered together
with the generation of the rules, which the kernel raises with every change (net/netfilter/nf_tables_api.c).
"""

from __future__ import annotations

import errno
import hashlib
import re
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

from .._model.errors import InputError
from .._model.own_table import LINES_BEFORE_BODY, OwnTable, own_table_label, table_script
from .._netlink.attributes import decode_attributes
from .._netlink.errors import KernelError
from .._netlink.namespace import in_new_netns, netns_identity
from .._netlink.netlink import Netlink
from .._store.table_record import Stamp, TableRecord, load_table, record_table
from .programs import find_program, run_program

# include/uapi/linux/netfilter/nf_tables.h
_NFT_MSG_GETGEN = 10 << 8 | 16
_NFTA_GEN_ID = 1
_NFGENMSG = struct.Struct("=BBH")
_GENERATION = struct.Struct("!I")
_PLACE = re.compile(r"^/dev/stdin:([0-9]+):[0-9-]+: (?:Error: )?")


class TableReading(NamedTuple):
    """``stamp``: when it was read, None if that cannot be told. ``digest``: that of the body which makes this table, if
    an earlier run has found that out."""

    listing: str
    stamp: Stamp | None = None
    digest: str = ""


def read_stamp(netlink: Netlink) -> Stamp | None:
    """Read which generation the rules of the present namespace are. None for a kernel that does not tell."""
    try:
        replies = netlink.request(_NFT_MSG_GETGEN, _NFGENMSG.pack(socket.AF_UNSPEC, 0, 0), "read nftables' generation")
        for reply in replies:
            for kind, start, end in decode_attributes(reply, _NFGENMSG.size, len(reply)):
                if kind == _NFTA_GEN_ID and end - start == _GENERATION.size:
                    return Stamp(netns_identity(), _GENERATION.unpack_from(reply, start)[0])
    except (OSError, ValueError):
        return None
    return None


def read_table(netlink: Netlink, interface: str, own_netns: bool) -> TableReading:
    """Read a table that exists in the namespace of the calling thread. Raises KernelError.

    A record is used only in the host's own namespace: a named one can be removed and made again.
    """
    stamp = read_stamp(netlink) if own_netns else None
    known = load_table(interface) if stamp else None
    if known and known.stamp == stamp:
        return TableReading(known.listing, stamp, known.digest)
    return TableReading(_list_table(interface), stamp)


def find_table(interface: str, body: str, reading: TableReading | None) -> OwnTable:
    """The table with this body as nft lists it. ``reading`` is the present table.

    Raises InputError if nft refuses the body, and KernelError. Changes nothing.
    """
    if reading and reading.digest == _digest(body):
        return OwnTable(reading.listing, body)
    with in_new_netns():
        error = _load(table_script(interface, OwnTable("", body)), "try the nftables table in a network namespace")
        if error:
            remedy = "correct the rules, or load the kernel modules that they need. Nothing was changed"
            raise InputError("nftables", None, f"nft refuses the table: {_by_line_of_body(error)}", remedy)
        return OwnTable(_list_table(interface), body)


def remember_table(interface: str, body: str, reading: TableReading) -> None:
    """Record that this body makes the table that was read. Nothing depends on the record, so its failure is ignored."""
    digest = _digest(body)
    if reading.stamp and reading.digest != digest:
        with suppress(InputError, OSError):
            record_table(interface, TableRecord(reading.stamp, reading.listing, digest))


def replace_table(interface: str, table: OwnTable) -> None:
    """Replace the table in one transaction, or remove it. Raises KernelError."""
    doing = f"{'set' if table else 'remove'} the nftables table {own_table_label(interface)}"
    error = _load(table_script(interface, table), doing)
    if error:
        raise KernelError(errno.EIO, doing, error)


def rehearse_table(interface: str, table: OwnTable) -> None:
    """Show that the table can be made again from its listing. Changes nothing. Raises KernelError."""
    doing = f"rehearse the nftables table {own_table_label(interface)}"
    with in_new_netns():
        error = _load(table_script(interface, table), doing)
        if not error and _list_table(interface) != table.listing:
            error = "nft does not make the same table from its own listing"
    if error:
        raise KernelError(errno.EIO, doing, error)


def _by_line_of_body(error: str) -> str:
    """What nft says, with the line of the body instead of that of the script."""
    return _PLACE.sub(lambda place: f"line {int(place[1]) - LINES_BEFORE_BODY}: ", error)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _list_table(interface: str) -> str:
    doing = f"list the nftables table {own_table_label(interface)}"
    done = run_program([_nft(doing), "--stateless", "list", "table", *own_table_label(interface).split()], doing)
    if done.code:
        raise KernelError(errno.EIO, doing, done.complaint)
    return done.output


def _load(script: str, doing: str) -> str:
    """Run the script. Return what nft says against it. Raises KernelError if it does not run."""
    done = run_program([_nft(doing), "-f", "-"], doing, script)
    return done.complaint if done.code else ""


def _nft(doing: str) -> str:
    found = find_program("nft")
    if found is None:
        raise KernelError(errno.ENOENT, doing, "nft is missing: install the package nftables")
    return found
