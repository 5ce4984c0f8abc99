# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read policies as if they did not name hosts that are leaving: no test may keep a stolen laptop in a network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from .errors import list_names
from .option_parsers import NETWORKS

_SIGNS = ("group:", "tag:")


def forget_in_policies(
    networks: Any, gone: Collection[str], groups: Mapping[str, Sequence[str]]
) -> tuple[Any, list[str]]:
    """The definition of the networks without these hosts in grants and tests, and a warning for each network.

    ``groups`` are those without the hosts. A group that has no host now is left out too. What is not a policy is
    returned as it is, so that it is refused where it is read.
    """
    if not gone or not isinstance(networks, Mapping):
        return networks, []
    empty = {name for name, hosts in groups.items() if not hosts}
    names = {*gone, *empty, *(sign + name for sign in _SIGNS for name in empty)}
    found, warnings = {}, []
    for name, options in networks.items():
        found[name] = options
        policy = options.get("policy") if isinstance(options, Mapping) else None
        if isinstance(policy, Mapping):
            kept, passed = _forget(policy, names)
            found[name] = {**options, "policy": kept}
            if passed:
                warnings.append(
                    f"{NETWORKS}.{name}.policy.tests: not run, as they name hosts that leave: {list_names(passed)}. "
                    "Remove them when you remove the hosts from the inventory."
                )
    return found, warnings


def _forget(policy: Mapping[str, Any], names: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """The policy, and the tests that it no longer has."""
    passed: list[str] = []
    changes: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "grants": lambda entry: _grant(entry, names),
        "tests": lambda entry: _test(entry, names, passed),
    }
    kept = {key: _entries(policy[key], change) for key, change in changes.items() if key in policy}
    return {**policy, **kept}, passed


def _entries(entries: Any, change: Callable[[Mapping[str, Any]], Any]) -> Any:
    if not isinstance(entries, (list, tuple)):
        return entries
    changed = (change(entry) if isinstance(entry, Mapping) else entry for entry in entries)
    return [entry for entry in changed if entry is not None]


def _grant(grant: Mapping[str, Any], names: Collection[str]) -> Mapping[str, Any] | None:
    sides = {side: _without(grant[side], lambda text: text in names) for side in ("src", "dst") if side in grant}
    return None if any(value in ([], None) and grant[side] for side, value in sides.items()) else {**grant, **sides}


def _test(test: Mapping[str, Any], names: Collection[str], passed: list[str]) -> Mapping[str, Any] | None:
    if test.get("src") in names:
        passed.append(f"those from {test['src']}")
        return None

    def is_gone(text: str) -> bool:
        gone = text in names or text.rpartition(":")[0] in names
        if gone:
            passed.append(f"{test.get('src')} to {text}")
        return gone

    targets = {key: _without(test[key], is_gone) for key in ("accept", "deny") if key in test}
    is_empty = not any(targets.values()) and any(test[key] for key in targets)
    return None if is_empty else {**test, **targets}


def _without(value: Any, is_gone: Callable[[str], bool]) -> Any:
    if isinstance(value, (list, tuple)):
        return [each for each in value if not (isinstance(each, str) and is_gone(each))]
    return None if isinstance(value, str) and is_gone(value) else value
