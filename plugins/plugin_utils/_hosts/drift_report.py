# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what ``member`` returned in check mode: the operations that a host lacks. A host is not trusted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .member_report import KEYS, LACKS, read_diffs
from .results import (
    one_line,
    read_choice,
    read_flag,
    read_integer,
    read_list,
    read_mapping,
    read_mappings,
    read_number,
    read_printable,
    read_text,
)

ACTIONS = ("add", "remove", "set")
# In the order of the table. "running" is an interface, "forwarding" the kernel's switches, "file" one that is read at
# boot, "setup" services and timers.
PARTS = ("packages", "key", "running", "forwarding", "file", "setup")
# The module returns at most so many operations of an interface.
MANY = 1000
_KERNEL = "the running kernel"
_OLD_KEY = "rotated"
_DEPTH = 3
_CHARACTERS = 1 << 20
_MESSAGE = 1000

State = Literal["planned", "drift", "failed", "unreachable"]
STATES: tuple[State, ...] = ("planned", "drift", "failed", "unreachable")


class Lack(NamedTuple):
    """An operation that a host lacks. ``peer`` is a name of the plan, None for a peer that the plan does not have.

    ``attribute`` is as in the result of ``interface``. Of a file it is ``lines``, with the lines that are removed and
    added, or ``mode``.
    """

    part: str
    action: str
    attribute: str
    interface: str | None = None
    file: str | None = None
    peer: str | None = None
    public_key: str | None = None
    before: Any = None
    after: Any = None


class HostDrift(NamedTuple):
    """``message`` says why a host could not be compared. ``truncated``: whether it lacks more than is listed."""

    host: str
    state: State
    operations: tuple[Lack, ...] = ()
    truncated: bool = False
    message: str = ""


def read_drift(host: str, registered: object, entries: Sequence[Mapping[str, Any]]) -> HostDrift:
    """Read the result of a host with these entries of the plan. An invalid one is a failure of this host."""
    try:
        answer = read_mapping(registered, "result")
        for state in STATES[:1:-1]:
            if answer.get(state):
                message = one_line(str(answer.get("msg") or "no message").strip(), _MESSAGE)
                return HostDrift(host, state, message=message)
        return _read_answer(host, answer, entries)
    except InputError as error:
        return HostDrift(host, "failed", message=str(error))


def _read_answer(host: str, answer: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> HostDrift:
    planned = {entry["options"]["interface"]: entry for entry in entries}
    lacks = [Lack("packages", "add", "packages")] if read_flag(answer.get("packages"), "packages") else []
    truncated = False
    for number, part in enumerate(read_mappings(answer.get("interfaces"), "interfaces")):
        where = f"interfaces[{number}]"
        interface = read_choice(part.get("interface"), f"{where}.interface", planned)
        lacks += _read_keys(part, where, planned[interface])
        operations = list(_read_operations(part, where, planned[interface]))
        truncated = truncated or len(operations) >= MANY
        lacks += operations
        for each in read_list(part.get("lacks"), f"{where}.lacks"):
            name = read_choice(each, f"{where}.lacks", LACKS)
            lacks.append(Lack("setup", "remove" if name == _OLD_KEY else "add", name, interface))
    lacks += _read_files(answer.get("diff", []), planned)
    found = tuple(sorted(lacks, key=_order))
    if not read_flag(answer.get("complete"), "complete"):
        why = "not compared further, because its keys are not those of the registry; run site.yml"
        return HostDrift(host, "drift" if found else "failed", found, truncated, why)
    return HostDrift(host, "drift" if found else "planned", found, truncated)


def _order(lack: Lack) -> tuple[int, str]:
    return PARTS.index(lack.part), json.dumps(lack, sort_keys=True)


def _read_keys(part: Mapping[str, Any], where: str, entry: Mapping[str, Any]) -> Iterator[Lack]:
    interface = entry["options"]["interface"]
    if read_flag(part.get("created"), f"{where}.created"):
        yield Lack("key", "add", "private_key", interface)
    if read_flag(part.get("known"), f"{where}.known"):
        return
    for name in KEYS[:2]:
        before = read_text(part[name], f"{where}.{name}") if name in part else None
        after = entry.get(name)
        if before != after:
            yield Lack("key", "set", name, interface, before=before, after=after)


def _read_operations(part: Mapping[str, Any], where: str, entry: Mapping[str, Any]) -> Iterator[Lack]:
    """The operations of the running interface."""
    names = {peer["public_key"]: peer.get("name") for peer in entry["options"].get("peers") or ()}
    for number, each in enumerate(read_mappings(part.get("operations"), f"{where}.operations")):
        here = f"{where}.operations[{number}]"
        key = None if each.get("peer") is None else read_text(each["peer"], f"{here}.peer")
        yield Lack(
            "running",
            read_choice(each.get("action"), f"{here}.action", ACTIONS),
            read_text(each.get("attribute"), f"{here}.attribute"),
            entry["options"]["interface"],
            peer=names.get(key),
            public_key=key,
            before=_read_value(each.get("before"), f"{here}.before"),
            after=_read_value(each.get("after"), f"{here}.after"),
        )


def _read_value(value: object, where: str, depth: int = 0) -> Any:
    """Read what JSON can have, but not too deep."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return read_integer(value, where)
    if isinstance(value, float):
        return read_number(value, where)
    if isinstance(value, str) or depth >= _DEPTH:
        return read_printable(value, where, _CHARACTERS)
    if isinstance(value, Mapping):
        return {read_text(name, where): _read_value(each, where, depth + 1) for name, each in value.items()}
    return [_read_value(each, where, depth + 1) for each in read_list(value, where)]


def _read_files(value: object, interfaces: Iterable[str]) -> Iterator[Lack]:
    """What else differs, by the texts before and after. Those of the running interfaces are operations already."""
    running = [f"{interface} (running)" for interface in interfaces]
    diffs = read_diffs([diff for diff in read_mappings(value, "diff") if diff.get("before_header") not in running])
    other = {diff["before_header"] for diff in diffs if diff["before"] != diff["after"]}
    for diff in diffs:
        name, before, after = diff["before_header"], diff["before"], diff["after"]
        gone, new = _compare_lines(before, after)
        action = "set" if before and after else "add" if after else "remove"
        if name == _KERNEL:
            yield Lack("forwarding", "set", "sysctl", before=gone, after=new)
        elif not name.startswith("/"):
            yield Lack("setup", action, one_line(name))
        elif before != after:
            yield Lack("file", action, "lines", file=one_line(name), before=gone, after=new)
        elif f"{name.removesuffix('.conf')}.nft" not in other:
            # The file has the right text. A file beside it that differs counts as one change with it.
            yield Lack("file", "set", "mode", file=one_line(name))


def _compare_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that are only in the one text, and only in the other, in their order."""
    old, new = before.splitlines(), after.splitlines()
    return _without(old, new), _without(new, old)


def _without(lines: Iterable[str], others: Iterable[str]) -> list[str]:
    left = Counter(others)
    found = []
    for line in lines:
        if left[line]:
            left[line] -= 1
        else:
            found.append(line)
    return found
