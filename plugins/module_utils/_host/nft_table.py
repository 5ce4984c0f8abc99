# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List, try and replace an interface's own nftables table through ``nft``.

The output of nft depends on its version and on files such as /etc/protocols. So it is only compared with other output
of the same nft: the wanted table is loaded into a temporary network namespace, and listed there.
"""

from __future__ import annotations

import errno
import re

from .._model.errors import InputError
from .._model.own_table import LINES_BEFORE_BODY, OwnTable, own_table_label, table_script
from .._netlink.errors import KernelError
from .._netlink.namespace import in_new_netns
from .programs import find_program, run_program

_PLACE = re.compile(r"^/dev/stdin:([0-9]+):[0-9-]+: (?:Error: )?")


def list_table(interface: str) -> str:
    """List the table in the namespace of the calling thread, without counters. Raises KernelError."""
    doing = f"list the nftables table {own_table_label(interface)}"
    done = run_program([_nft(doing), "--stateless", "list", "table", *own_table_label(interface).split()], doing)
    if done.code:
        raise KernelError(errno.EIO, doing, done.complaint)
    return done.output


def try_body(interface: str, body: str) -> str:
    """List the table with this body, in a temporary namespace. Raises InputError if nft refuses it, and KernelError."""
    with in_new_netns():
        error = _load(table_script(interface, OwnTable("", body)), "try the nftables table in a network namespace")
        if error:
            place = _PLACE.sub(lambda found: f"line {int(found[1]) - LINES_BEFORE_BODY}: ", error)
            remedy = "correct the rules, or load the kernel modules that they need. Nothing was changed"
            raise InputError("nftables", None, f"nft refuses the table: {place}", remedy)
        return list_table(interface)


def replace_table(interface: str, table: OwnTable) -> None:
    """Replace the table in one transaction, or remove it. Raises KernelError."""
    doing = f"{'set' if table else 'remove'} the nftables table {own_table_label(interface)}"
    error = _load(table_script(interface, table), doing)
    if error:
        raise KernelError(errno.EIO, doing, error)


def rehearse_table(interface: str, table: OwnTable) -> None:
    """Check that the table can be made again from its listing. Changes nothing. Raises KernelError."""
    doing = f"rehearse the nftables table {own_table_label(interface)}"
    with in_new_netns():
        error = _load(table_script(interface, table), doing)
        if not error and list_table(interface) != table.listing:
            error = "nft does not make the same table from its own listing"
    if error:
        raise KernelError(errno.EIO, doing, error)


def _load(script: str, doing: str) -> str:
    """Run the script. Return the error of nft, if any. Raises KernelError if nft does not run."""
    done = run_program([_nft(doing), "-f", "-"], doing, script)
    return done.complaint if done.code else ""


def _nft(doing: str) -> str:
    found = find_program("nft")
    if found is None:
        raise KernelError(errno.ENOENT, doing, "nft is missing: install the package nftables")
    return found
