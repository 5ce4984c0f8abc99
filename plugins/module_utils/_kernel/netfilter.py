# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface's own netfilter table, through ``nft`` (libnftables has no other stable interface)."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from pathlib import Path

from .._model.full_tunnel import NFT_FAMILY, netfilter_script, netfilter_table
from .errors import KernelError

_HEX = re.compile(r"\b0x[0-9a-f]+\b")
_CHAIN = re.compile(r"\s*chain (\S+) \{")


def read_rules(interface: str) -> dict[int, frozenset[str]]:
    """By family, the rules of the interface's table as ``CHAIN EXPRESSION``; no table, no entry."""
    found: dict[int, frozenset[str]] = {}
    nft = _nft()
    if nft is None or not Path("/sys/module/nf_tables").exists():
        return found
    for family, name in NFT_FAMILY.items():
        listed = _run([nft, "--stateless", "list", "table", name, netfilter_table(interface)], "")
        if listed.returncode == 0:
            found[family] = parse_listing(listed.stdout)
    return found


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
        raise KernelError(errno.ENOENT, doing, "there is no nft: install the package nftables")
    table = f"{NFT_FAMILY[family]} {netfilter_table(interface)}"
    script = netfilter_script(interface, family, rules) if rules else f"add table {table}\ndelete table {table}\n"
    done = _run([nft, "-f", "-"], script)
    if done.returncode:
        raise KernelError(errno.EINVAL, doing, done.stderr.strip().splitlines()[0] if done.stderr else "nft failed")


def _nft() -> str | None:
    return shutil.which("nft", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _run(command: list[str], script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=script, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
