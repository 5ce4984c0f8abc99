# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines among ``unmanaged`` that come under management once their option is given: name servers, alias, and the
interface's own nftables table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .._model.dns import NO_DNS, Dns, check_dns, merge_dns, split_dns_words
from .._model.interface import DesiredInterface
from .._model.own_table import removal_commands
from .moved import HOST, enter_command

_ALIAS_COMMAND = re.compile(r"ip link set dev %i alias '([^']*)'")
_INSIDE = r"(?:ip netns exec \S+ |nsenter -t 1 -n )?"

# The keys of lines that are kept word for word.
VERBATIM = ("dns", "preup", "postup", "predown", "postdown")

Lines = tuple[str, ...]


def dns_lines(desired: DesiredInterface, lines: Lines) -> Lines:
    """The ``DNS =`` lines that are to be, where they are managed: those among ``lines`` if they say the same.

    Raises InputError for domains without a server.
    """
    if not _manages_dns(desired):
        return ()
    there = read_dns(lines)
    check_dns(desired.dns, desired.dns_search, there)
    wanted = merge_dns(desired.dns, desired.dns_search, there)
    if wanted == NO_DNS:
        return ()
    if wanted == there:
        return tuple(line for line in lines if _key(line) == "dns")
    return (f"DNS = {', '.join((*wanted.servers, *wanted.search))}",)


def alias_lines(desired: DesiredInterface) -> Lines:
    return (f"PostUp = ip link set dev %i alias '{desired.alias}'",) if desired.alias else ()


def table_lines(desired: DesiredInterface, table_file: str) -> Lines:
    """wg-quick runs PreUp before it makes the link, and goes no further if that fails. The table is loaded where the
    interface will be, and removed once that is gone."""
    if not desired.nftables:
        return ()
    inside = f"{enter_command(desired.netns or HOST)} " if desired.is_apart else ""
    load, remove = _table_commands(desired.interface, table_file)
    return f"PreUp = {inside}{load}", f"PostDown = {inside}{remove}"


def _table_commands(interface: str, table_file: str) -> tuple[str, str]:
    return f"nft -f {table_file}", f"nft '{'; '.join(removal_commands(interface))}'"


def is_table_line(line: str, interface: str, table_file: str) -> bool:
    """Whether the line is one of ``table_lines``, in whichever namespace."""
    load, remove = _table_commands(interface, table_file)
    command = {"preup": load, "postdown": remove}.get(_key(line))
    return command is not None and re.fullmatch(f"{_INSIDE}{re.escape(command)}", _value(line)) is not None


def is_replaced(desired: DesiredInterface, line: str, table_file: str) -> bool:
    """Whether ``dns_lines``, ``alias_lines`` or ``table_lines`` say what is to become of this line."""
    if desired.nftables is not None and is_table_line(line, desired.interface, table_file):
        return True
    if _key(line) == "dns":
        return _manages_dns(desired)
    return is_alias(line) and desired.alias is not None


def is_alias(line: str) -> bool:
    """Whether the line is one of ``alias_lines``."""
    return _key(line) == "postup" and _ALIAS_COMMAND.fullmatch(_value(line)) is not None


def read_alias(lines: Iterable[str]) -> str | None:
    """The alias that these lines set, None without such a line."""
    found = [_ALIAS_COMMAND.fullmatch(_value(line)) for line in lines if is_alias(line)]
    return found[-1][1] if found and found[-1] else None


def _manages_dns(desired: DesiredInterface) -> bool:
    return desired.dns is not None or desired.dns_search is not None


def read_dns(lines: Iterable[str]) -> Dns:
    """What the ``DNS =`` lines among these say; they add up."""
    values = (_value(line) for line in lines if _key(line) == "dns")
    return split_dns_words(word for value in values for word in value.replace(",", " ").split())


def read_comments(text: str) -> Iterator[str]:
    """The comments of a file's text, but for those in the lines that are kept word for word."""
    for line in text.split("\n"):
        _content, hash_sign, comment = line.partition("#")
        if hash_sign and _key(line) not in VERBATIM:
            yield f"#{comment.rstrip()}"


def _key(line: str) -> str:
    return line.partition("#")[0].partition("=")[0].strip().lower()


def _value(line: str) -> str:
    return line.partition("#")[0].partition("=")[2].strip()
