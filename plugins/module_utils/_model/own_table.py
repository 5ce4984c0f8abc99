# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interface's own nftables table, ``inet cryptokey-NAME``. Only nft understands what is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .errors import InputError

# What braces do not count in: strings, which may have several lines, and comments (nftables, src/scanner.l).
_NO_BRACES = re.compile(r'"[^"]*"|#[^\n]*')

# Begins the file that ``config`` writes of a table. Any other file is somebody else's.
TABLE_FILE_MARK = "# Managed by Ansible (cryptokey.wireguard.config)"

# In ``table_script``.
LINES_BEFORE_BODY = 3


@dataclass(frozen=True)
class OwnTable:
    """``listing`` is what nft on this host prints for the table, which is also a script that makes it. Empty for no
    table. ``body``: what it was made from, if that is known."""

    listing: str = ""
    body: str = field(default="", compare=False)

    def __bool__(self) -> bool:
        return bool(self.listing)


NO_TABLE = OwnTable()


def own_table_name(interface: str) -> str:
    return f"cryptokey-{interface}"


def own_table_label(interface: str) -> str:
    """The table as nft(8) has it, with its family."""
    return f"inet {own_table_name(interface)}"


def removal_commands(interface: str) -> tuple[str, str]:
    """The commands of nft that remove the table, whether or not it is there."""
    label = own_table_label(interface)
    return f"add table {label}", f"delete table {label}"


def table_script(interface: str, table: OwnTable) -> str:
    """The input of ``nft -f`` that replaces the table in one transaction, or removes it."""
    made = f"table {own_table_label(interface)} {{\n{table.body}}}\n" if table.body else table.listing
    return "\n".join((*removal_commands(interface), made))


def parse_table_body(text: str, option: str) -> str:
    """The body of a table, ending with a newline; empty for no table. Raises InputError if it could leave the table."""
    depth = 0
    for number, line in enumerate(_NO_BRACES.sub("", text).split("\n"), 1):
        for character in line:
            depth += {"{": 1, "}": -1}.get(character, 0)
            if depth < 0:
                problem = f"line {number} has a '}}' without a '{{' before it"
                raise InputError(option, None, problem, "remove it, or add the missing '{'")
    if depth:
        raise InputError(option, None, f"{depth} '{{' without a '}}'", "add the missing '}'")
    if "\0" in text:
        raise InputError(option, None, "a NUL byte", "remove it")
    return text.rstrip() + "\n" if text.strip() else ""
