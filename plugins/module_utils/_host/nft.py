# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List and replace netfilter tables through ``nft`` (libnftables has no other stable interface).

The text output of ``nft`` depends on its version and on files such as /etc/protocols, so its JSON is compared
(libnftables-json(5)). Rules that the engine makes are converted back to the text that it made them from. A table with
anything else in it was changed by another program. It stays JSON as a whole: it then equals no table of ours, and can
be restored unchanged.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator
from typing import Any

from .._model.full_tunnel import CHAINS, NFT_FAMILY, OUTSIDE_CHAINS, netfilter_script, netfilter_table
from .._netlink.errors import KernelError
from .programs import find_program, run_program

_NO_NFT = "nft is missing: install the package nftables"
_NO_JSON = "this nft has no JSON support: install the distribution's own package nftables"

# Names for numbers, which nft prints if the host has no name for them (/etc/protocols).
_PROTOCOLS = {6: "tcp", 17: "udp"}
_ADDRESS_TYPES = {2: "local"}
_NAMES = {"meta l4proto": _PROTOCOLS, "fib saddr type": _ADDRESS_TYPES, "fib daddr type": _ADDRESS_TYPES}


def list_rules(family: int, table: str) -> frozenset[str]:
    """List the rules of a table as ``CHAIN EXPRESSION``, or a changed table as its JSON. Raises KernelError."""
    doing = f"list the netfilter table {NFT_FAMILY[family]} {table}"
    listed = _nft(["-j", "--stateless", "list", "table", NFT_FAMILY[family], table], doing)
    try:
        return parse_nft_table(json.loads(listed))
    except (KeyError, TypeError, ValueError):
        raise KernelError(errno.EPROTO, doing, f"unexpected output of nft: {listed[:80]!r}") from None


def replace_rules(interface: str, family: int, rules: frozenset[str]) -> None:
    """Replace the table in one transaction, or remove it if there are no rules. Raises KernelError."""
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


class _Unknown(Exception):
    """The table has something that the engine never makes."""


def parse_nft_table(listing: dict[str, Any]) -> frozenset[str]:
    """Parse the rules of a listed table as ``CHAIN EXPRESSION``, or return its JSON.

    Raises KeyError, TypeError and ValueError if this is not a listing.
    """
    items = [item for item in listing["nftables"] if "metainfo" not in item]
    try:
        return frozenset(_parse_items(items))
    except _Unknown:
        return frozenset({json.dumps([_without_handles(item) for item in items], sort_keys=True)})


def replay_script(rules: Iterable[str]) -> str | None:
    """Return the input of ``nft -j -f`` that makes a table again from its JSON, or None for rules that are text."""
    whole = next((rule for rule in rules if rule.startswith("[")), None)
    if whole is None:
        return None
    items = json.loads(whole)
    table = next(item for item in items if "table" in item)
    commands = [{"add": table}, {"delete": table}, *({"add": item} for item in items)]
    return json.dumps({"nftables": commands})


def _without_handles(item: dict[str, Any]) -> dict[str, Any]:
    return {kind: {key: value for key, value in entry.items() if key != "handle"} for kind, entry in item.items()}


def _parse_items(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    for item in items:
        ((kind, entry),) = item.items()
        if kind == "chain":
            _check_chain(entry)
        elif kind == "rule":
            extra = entry.keys() - {"family", "table", "chain", "handle", "expr"}
            if extra:
                raise _Unknown
            yield f"{entry['chain']} {' '.join(map(_statement, entry['expr']))}"
        elif kind != "table" or entry.keys() - {"family", "name", "handle"}:
            raise _Unknown


def _check_chain(entry: dict[str, Any]) -> None:
    hook = f"type {entry.get('type')} hook {entry.get('hook')} priority {entry.get('prio')}"
    if {**CHAINS, **OUTSIDE_CHAINS}.get(entry["name"]) != hook or entry.get("policy") != "accept":
        raise _Unknown


def _statement(statement: dict[str, Any]) -> str:
    ((kind, value),) = statement.items()
    if kind == "drop" and value is None:
        return "drop"
    if kind == "mangle" and value.keys() == {"key", "value"}:
        return f"{_selector(value['key'])} set {_operand(value['value'])}"
    if kind == "match" and value.keys() == {"op", "left", "right"} and value["op"] in ("==", "!="):
        left = _selector(value["left"])
        right = _operand(value["right"])
        right = _NAMES.get(left, {}).get(value["right"], right) if isinstance(value["right"], int) else right
        right = f'"{right}"' if left == "iifname" else right
        return f"{left} {'!= ' if value['op'] == '!=' else ''}{right}"
    raise _Unknown


def _selector(value: Any) -> str:
    """Return what is compared or set: ``iifname``, ``meta mark``, ``ct mark``, ``ip daddr``, ``fib saddr type``."""
    if not isinstance(value, dict) or len(value) != 1:
        raise _Unknown
    ((kind, of),) = value.items()
    if not isinstance(of, dict):
        raise _Unknown
    if kind == "meta" and of == {"key": "iifname"}:
        return "iifname"
    if kind in ("meta", "ct") and of.keys() == {"key"}:
        return f"{kind} {of['key']}"
    if kind == "payload" and of.keys() == {"protocol", "field"}:
        return f"{of['protocol']} {of['field']}"
    if kind == "fib" and of.keys() == {"result", "flags"}:
        # A single flag is a list up to nft 1.0, and a string in later versions.
        flags = [of["flags"]] if isinstance(of["flags"], str) else of["flags"]
        return f"fib {' . '.join(flags)} {of['result']}"
    raise _Unknown


def _operand(value: Any) -> str:
    return _selector(value) if isinstance(value, dict) else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise _Unknown
    return str(value)
