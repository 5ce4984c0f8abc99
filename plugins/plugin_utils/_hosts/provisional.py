# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and describe what a host reports about a provisional change. Its answer is untrusted data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

# A year, far beyond any real age or remaining time.
_SECONDS_MAX = 366 * 86400
_TEXT_MAX = 2000
_SHOWN = 100
_OPERATION = ("action", "peer", "attribute", "before", "after")
_OPERATIONS_MAX = 1000
_CHANGE = re.compile(r"[0-9a-f]{1,64}")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class ReportedRollback(NamedTuple):
    """What was rolled back, as a host reports it in ``rolled_back``."""

    change: str
    date: str
    seconds_ago: int
    changes: list[str]
    problem: str
    operations: list[dict[str, Any]]


class Pending(NamedTuple):
    """A change that is neither confirmed nor wholly rolled back, as modules return it in ``pending``."""

    change: str
    deadline: str
    seconds_left: int
    seconds_ago: int


def read_rollback(answer: Mapping[str, Any]) -> ReportedRollback | None:
    """None where the answer has none, or one that makes no sense."""
    plain = _mapping(answer.get("rolled_back"))
    change, date = _match(_CHANGE, plain.get("change")), _match(_DATE, plain.get("date"))
    ago, changes, operations = _seconds(plain.get("seconds_ago")), plain.get("changes"), plain.get("operations")
    if not change or not date or ago is None or not isinstance(changes, list) or not isinstance(operations, list):
        return None
    lines, problem = [_text(each) for each in changes], _text(plain.get("problem"))
    records = [_operation(each) for each in operations[:_OPERATIONS_MAX]]
    return ReportedRollback(change, date, ago, lines, problem, records)


def read_pending(answer: Mapping[str, Any]) -> Pending | None:
    """None where the answer has none, or one that makes no sense."""
    plain = _mapping(answer.get("pending"))
    change, deadline = _match(_CHANGE, plain.get("change")), _match(_DATE, plain.get("deadline"))
    left, ago = _seconds(plain.get("seconds_left")), _seconds(plain.get("seconds_ago"))
    if not change or not deadline or left is None or ago is None:
        return None
    return Pending(change, deadline, left, ago)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _match(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _seconds(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -_SECONDS_MAX <= value <= _SECONDS_MAX else None


def _text(value: object) -> str:
    return _CONTROL.sub(" ", value)[:_TEXT_MAX] if isinstance(value, str) else ""


def _operation(value: object) -> dict[str, Any]:
    plain = _mapping(value)
    return {field: _plain(plain.get(field)) for field in _OPERATION}


def _plain(value: object, depth: int = 2) -> object:
    """Copy a value of JSON that is no deeper than those of operations, with texts that can be printed."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list) and depth:
        return [_plain(each, depth - 1) for each in value]
    if isinstance(value, Mapping) and depth:
        return {_text(key): _plain(each, depth - 1) for key, each in value.items()}
    return value if isinstance(value, (bool, int)) else None


def describe_rolled_back(rollback: ReportedRollback) -> str:
    """Describe what was restored, or why something was not."""
    done = "; ".join(rollback.changes[:_SHOWN]) or "nothing was left to do"
    if len(rollback.changes) > _SHOWN:
        done += f"; and {len(rollback.changes) - _SHOWN} more"
    if rollback.problem:
        return (
            f"Not all of the previous state could be restored at {rollback.date}: {rollback.problem}. Restored: {done}"
        )
    return f"The previous state was restored at {rollback.date}: {done}"


def describe_pending_change(pending: Pending) -> str:
    """Describe what happens to a change that is not rolled back yet."""
    if pending.seconds_left > 0:
        return (
            f"The host restores the previous state by itself at {pending.deadline}, in {pending.seconds_left} seconds"
        )
    return "The host has not restored all of the previous state yet, and tries again by itself"


def describe_unreachable(host: str, interface: str, seconds: float) -> str:
    """Describe what to do about a host that does not answer any more."""
    return (
        f"{host} has not answered for {seconds:.0f} seconds, so it is not known whether the previous state of "
        f"{interface} was restored. Log in another way, such as its console. 'journalctl -t cryptokey-wireguard' shows "
        f"what the rollback did, and 'wg show {interface}' shows what runs now"
    )
