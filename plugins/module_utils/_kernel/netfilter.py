# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface's own netfilter table, through ``nft`` (libnftables has no other stable interface)."""

from __future__ import annotations

import errno
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

from .._model.full_tunnel import NFT_FAMILY, netfilter_script, netfilter_table
from .attributes import encode_attribute
from .errors import KernelError
from .netlink import Netlink

# include/uapi/linux/netfilter/nfnetlink.h and nf_tables.h: subsystem 10 and its message GETTABLE.
_NETLINK_NETFILTER = 12
_NFT_MSG_GETTABLE = 10 << 8 | 1
_NFTA_TABLE_NAME = 1
_NFGENMSG = struct.Struct("=BBH")

_NO_NFT = "there is no nft: install the package nftables"
_HEX = re.compile(r"\b0x[0-9a-f]+\b")
_CHAIN = re.compile(r"\s*chain (\S+) \{")


def read_rules(interface: str) -> dict[int, frozenset[str]]:
    """By family, the rules of the interface's table as ``CHAIN EXPRESSION``; no table, no entry."""
    # Asking would load the module.
    if not Path("/sys/module/nf_tables").exists():
        return {}
    with Netlink(_NETLINK_NETFILTER) as netlink:
        present = [family for family in NFT_FAMILY if _has_table(netlink, family, netfilter_table(interface))]
    return {family: _list_rules(family, netfilter_table(interface)) for family in present}


def _has_table(netlink: Netlink, family: int, table: str) -> bool:
    """Whether there is such a table: a hundredth of what starting ``nft`` costs, and most hosts have none."""
    request = _NFGENMSG.pack(family, 0, 0) + encode_attribute(_NFTA_TABLE_NAME, table.encode() + b"\0")
    try:
        netlink.request(_NFT_MSG_GETTABLE, request, f"look for the netfilter table {table}")
    except KernelError as error:
        if error.errno in (errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
            return False
        raise
    return True


def _list_rules(family: int, table: str) -> frozenset[str]:
    nft = _nft()
    doing = f"list the netfilter table {NFT_FAMILY[family]} {table}"
    if nft is None:
        raise KernelError(errno.ENOENT, doing, _NO_NFT)
    listed = _run([nft, "--stateless", "list", "table", NFT_FAMILY[family], table], "")
    if listed.returncode:
        raise KernelError(errno.EIO, doing, _first_line(listed.stderr))
    return parse_listing(listed.stdout)


def parse_listing(text: str) -> frozenset[str]:
    """The rules in the output of ``nft list table``, marks in decimal."""
    rules = set()
    chain = ""
    for line in text.splitlines():
        start = _CHAIN.match(line)
        rule = line.strip()
        if start:
            chain = start.group(1)
        elif chain and rule and rule != "}" and not rule.startswith("type "):
            rules.add(f"{chain} {_HEX.sub(lambda match: str(int(match.group(), 16)), rule)}")
    return frozenset(rules)


def replace_rules(interface: str, family: int, rules: frozenset[str]) -> None:
    """Make the table anew in one transaction, or remove it where there are no rules. Raises KernelError."""
    nft = _nft()
    doing = f"set the netfilter table {NFT_FAMILY[family]} {netfilter_table(interface)}"
    if nft is None:
        raise KernelError(errno.ENOENT, doing, _NO_NFT)
    table = f"{NFT_FAMILY[family]} {netfilter_table(interface)}"
    script = netfilter_script(interface, family, rules) if rules else f"add table {table}\ndelete table {table}\n"
    done = _run([nft, "-f", "-"], script)
    if done.returncode:
        raise KernelError(errno.EINVAL, doing, _first_line(done.stderr))


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "nft failed"


def _nft() -> str | None:
    return shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _run(command: list[str], script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=script, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
