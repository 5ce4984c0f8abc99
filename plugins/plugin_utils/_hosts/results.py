# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what managed hosts return. A host is not trusted: its answer has the expected type and range, or is refused.

Each function raises InputError, whose text is safe to print. ``where`` is the path of the value in the result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

_SHOWN = 80
# A kernel takes at most 2**20 peers on one interface; with all their prefixes that is more than any real answer has.
_MOST = 1 << 21
_LARGEST = (1 << 64) - 1
REMEDY = "check the host: it may be broken or compromised"


def one_line(value: object, limit: int = 300) -> str:
    """Return the text on one line, without control characters, cut after ``limit`` characters."""
    text = value if isinstance(value, str) else repr(value)
    cut = text[:limit]
    shown = "".join(each if each.isprintable() else "?" for each in " ".join(cut.splitlines()))
    return f"{shown}..." if len(text) > limit else shown


def refused(where: str, value: object, problem: str) -> InputError:
    """Return the error for a value. Only the beginning of the value is shown."""
    shown: object = one_line(value, _SHOWN) if isinstance(value, str) else _kind(value)
    if value is None or (isinstance(value, (int, float)) and abs(value) <= _LARGEST):
        shown = value
    return InputError(where, shown, f"the host's answer is invalid: {problem}", REMEDY)


def _kind(value: object) -> str:
    """Ansible has types of its own, which mean nothing to an operator."""
    if isinstance(value, Mapping):
        return "a dictionary"
    return "a list" if isinstance(value, Sequence) else type(value).__name__


def read_mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise refused(where, value, "expected a dictionary")
    return value


def read_list(value: object, where: str) -> Sequence[Any]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise refused(where, value, "expected a list")
    if len(value) > _MOST:
        raise refused(where, len(value), f"more than {_MOST} entries")
    return value


def read_mappings(value: object, where: str) -> Iterator[Mapping[str, Any]]:
    """Read the entries of a list of dictionaries."""
    for number, each in enumerate(read_list(value, where)):
        yield read_mapping(each, f"{where}[{number}]")


def read_texts(value: object, where: str, limit: int = 300) -> list[str]:
    return [read_text(each, f"{where}[{number}]", limit) for number, each in enumerate(read_list(value, where))]


def read_text(value: object, where: str, limit: int = 300) -> str:
    """Read a string of printable characters."""
    if not isinstance(value, str):
        raise refused(where, value, "expected a string")
    if len(value) > limit:
        raise refused(where, value, f"longer than {limit} characters")
    if not value.isprintable():
        raise refused(where, value, "control characters")
    return str(value)


def read_printable(value: object, where: str, limit: int) -> str:
    """Read text of several lines, with ``?`` for other control characters."""
    if not isinstance(value, str) or len(value) > limit:
        raise refused(where, None, "expected a text")
    return "".join(each if each.isprintable() or each in "\n\t" else "?" for each in value)


def read_number(value: object, where: str, low: float = 0, high: float = _LARGEST) -> float:
    """Read a number of JSON, which can be an integer."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refused(where, value, "expected a number")
    if not low <= value <= high:  # also refuses what is not a number (NaN)
        raise refused(where, value, f"out of the range {low:g} to {high:g}")
    return value


def read_integer(value: object, where: str, low: int = 0, high: int = _LARGEST) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(where, value, "expected an integer")
    return int(read_number(value, where, low, high))


def read_flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise refused(where, value, "expected true or false")
    return value


def read_choice(value: object, where: str, choices: Iterable[str]) -> str:
    """Read one of the ``choices``, and return the controller's own string, not the host's."""
    for choice in choices:
        if isinstance(value, str) and value == choice:
            return choice
    raise refused(where, value, "not a name that the plan has for this host")


def loop_results(registered: object, where: str) -> Iterator[Mapping[str, Any]]:
    """List the results of a task that may have run in a loop; none if it did not run."""
    if registered is None:
        return
    whole = read_mapping(registered, where)
    if "results" in whole:
        yield from read_mappings(whole["results"], f"{where}.results")
    else:
        yield whole
