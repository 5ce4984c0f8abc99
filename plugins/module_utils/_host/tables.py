# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of routing tables on this host, as ip(8) reads them (iproute2, lib/rt_names.c)."""

from __future__ import annotations

import re
from pathlib import Path

from .._model.errors import InputError

_BUILT_IN = {"default": 253, "main": 254, "local": 255}
# The administrator's files take precedence over the package's, which newer versions have below /usr.
_ETC = "etc/iproute2"
_USR = ("usr/share/iproute2", "usr/lib/iproute2")
_ENTRY = re.compile(r"\s*(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})\s+(\S+)\s*(?:#.*)?")


def resolve_table(table: str, root: str = "/") -> str:
    """Return ``auto``, ``off`` or a number unchanged, a name as its number. Raises InputError for an unknown name."""
    if table in ("auto", "off") or table.isdigit():
        return table
    number = read_tables(Path(root)).get(table, 0)
    if not 1 <= number < 2**32:
        remedy = f"give a number, or add a line such as '200 {table}' to /{_ETC}/rt_tables"
        raise InputError("table", table, "no routing table of this host has this name", remedy)
    return str(number)


def read_tables(root: Path) -> dict[str, int]:
    """Read all names with their numbers. The later of two entries is used."""
    folders = [*reversed(_USR), _ETC]
    files = [root / folder / "rt_tables" for folder in (_ETC, *_USR)]
    files = [file for file in files if file.exists()][:1]
    for folder in folders:
        files += sorted((root / folder / "rt_tables.d").glob("*.conf"))
    names = dict(_BUILT_IN)
    for file in files:
        names.update(parse_tables(_read(file)))
    return names


def parse_tables(text: str) -> dict[str, int]:
    """Parse an ``rt_tables`` file: a decimal or ``0x`` number and a name on each line. Other lines are skipped."""
    entries = map(_ENTRY.fullmatch, text.splitlines())
    return {entry[2]: int(entry[1], 16 if entry[1][:2] in ("0x", "0X") else 10) for entry in entries if entry}


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
