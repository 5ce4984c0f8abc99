# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List and replace netfilter tables through ``nft`` (libnftables has no other stable interface)."""

from __future__ import annotations

import errno
import json

from .._model.full_tunnel import NFT_FAMILY, netfilter_script, netfilter_table
from .._netlink.errors import KernelError
from .nft_json import parse_nft_table, replay_script
from .programs import find_program, run_program

_NO_NFT = "nft is missing: install the package nftables"
_NO_JSON = "this nft has no JSON support: install the distribution's own package nftables"


def list_rules(family: int, table: str) -> frozenset[str]:
    """The rules of a table as ``CHAIN EXPRESSION``, or the JSON of one that others have changed. Raises KernelError."""
    doing = f"list the netfilter table {NFT_FAMILY[family]} {table}"
    listed = _nft(["-j", "--stateless", "list", "table", NFT_FAMILY[family], table], doing)
    try:
        return parse_nft_table(json.loads(listed))
    except (KeyError, TypeError, ValueError):
        raise KernelError(errno.EPROTO, doing, f"unexpected output of nft: {listed[:80]!r}") from None


def replace_rules(interface: str, family: int, rules: frozenset[str]) -> None:
    """Replace the table in one transaction, or remove it where there are no rules. Raises KernelError."""
    table = f"{NFT_FAMILY[family]} {netfilter_table(interface)}"
    doing = f"set the netfilter table {table}"
    replay = replay_script(rules)
    if replay is not None:
        _nft(["-j", "-f", "-"], doing, replay)
    elif rules:
        _nft(["-f", "-"], doing, netfilter_script(interface, family, rules))
    else:
        _nft(["-f", "-"], doing, f"add table {table}\ndelete table {table}\n")


def _nft(arguments: list[str], doing: str, script: str = "") -> str:
    nft = find_program("nft")
    if nft is None:
        raise KernelError(errno.ENOENT, doing, _NO_NFT)
    done = run_program([nft, *arguments], doing, script)
    if done.code:
        raise KernelError(errno.EIO, doing, _NO_JSON if "JSON support not compiled" in done.errors else done.complaint)
    return done.output
