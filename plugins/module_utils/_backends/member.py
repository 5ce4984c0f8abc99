# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a host's part of its networks up to date: ``member``, without Ansible.

The running state is only compared here. Where it differs, the action plugin runs ``interface``, which carries all the
code that a rollback needs, and then this module again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._host.metrics_setup import has_metrics
from .._host.setup import Setup, create_namespace, find_missing, has_timer, lacks_packages, refuse_impossible
from .._model.metrics import NO_METRICS, MetricsSetup
from .._netlink.namespace import netns_exists
from .._store.converged import forget_converged, record_converged
from .._store.keyfile import KeyResult, converge_key
from .._store.private_key import default_path
from .config import ensure_config, ensure_no_config


class Entry(NamedTuple):
    """One interface of the plan. ``options`` are those of ``interface`` and ``config``, checked by their spec."""

    network: str
    options: Mapping[str, Any]
    public_key: str | None
    forwarding: Mapping[str, bool]
    setup: Setup

    @property
    def interface(self) -> str:
        return str(self.options["interface"])


class Steps(NamedTuple):
    """Which steps to take. Each field is the option of this name."""

    keys_only: bool = False
    check_keys: bool = True
    running: bool = True
    converged: bool = False
    metrics: MetricsSetup = NO_METRICS


@dataclass
class MemberPart:
    """What was found and done for one interface. ``differs``: whether its running state differs from the options."""

    entry: Entry
    keys: KeyResult
    differs: bool = False
    lacks: list[str] = field(default_factory=list)

    @property
    def created(self) -> bool:
        return self.keys.changed

    @property
    def known(self) -> bool:
        """Whether the plan has this key pair. One that check mode would create counts as such."""
        return self.keys.public_key is None or str(self.keys.public_key) == self.entry.public_key


@dataclass
class MemberResult:
    """``complete``: whether all steps were taken. ``packages``: whether some are missing. ``diffs``: a header with the
    text before and after."""

    changed: bool = False
    complete: bool = False
    packages: bool = False
    parts: list[MemberPart] = field(default_factory=list)
    diffs: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, changed: bool, *diffs: tuple[str, str, str]) -> None:
        self.changed = self.changed or changed
        self.diffs += diffs


def ensure_member(entries: Sequence[Entry], steps: Steps, check_mode: bool, warnings: list[str]) -> MemberResult:
    """Take the steps in order, until one needs the controller.

    These are missing packages, keys that the plan does not know, and a running state that differs. Check mode goes on
    where the real run would have made a missing package or key by then. Raises InputError, MissingLibrary and OSError.
    """
    result = MemberResult()
    refuse_impossible([entry.setup for entry in entries], metrics=steps.metrics)
    result.packages = lacks_packages()
    result.changed = result.packages
    if result.packages and not check_mode:
        return result
    if steps.running and not steps.keys_only:
        result.add(_create_namespaces(entries, check_mode))
    result.parts = [_ensure_keys(entry, check_mode, warnings) for entry in entries]
    result.add(any(part.created for part in result.parts))
    if steps.keys_only or (steps.check_keys and not all(part.known for part in result.parts)):
        return result
    if steps.running and not steps.converged and _compare(result.parts, check_mode, warnings):
        return result
    if steps.running:
        _ensure_forwarding(entries, result, check_mode, warnings)
    for entry in entries:
        outcome = ensure_config(entry.options, check_mode)
        result.add(outcome.changed, *(outcome.diffs if outcome.changed else ()))
    if steps.running:
        for entry in entries:
            result.add(_remove_timer(entry, check_mode))
        result.add(_remove_metrics(steps.metrics, check_mode))
        missing = find_missing([entry.setup for entry in entries], metrics=steps.metrics)
        for part in result.parts:
            part.lacks = missing[part.entry.interface]
            result.add(bool(part.lacks))
            warnings += _find_obstacles(part.entry, check_mode)
    if steps.running and steps.metrics.timer and not check_mode:
        for entry in entries:
            record_converged(entry.interface)
    result.complete = True
    return result


def _remove_metrics(wanted: MetricsSetup, check_mode: bool) -> bool:
    """Remove the metrics that the plan does not have any more."""
    if wanted.timer or not has_metrics():
        return False
    from .._host.setup_removal import remove_metrics

    return remove_metrics(check_mode)


def _find_obstacles(entry: Entry, check_mode: bool) -> list[str]:
    """Warnings about rules of others, for interfaces that forward or have a policy."""
    forwards = any(entry.forwarding.values())
    if not (forwards or entry.options.get("nftables")):
        return []
    from .obstacles import find_obstacles

    return find_obstacles(entry.options, forwards, check_mode)


def _remove_timer(entry: Entry, check_mode: bool) -> bool:
    """Remove a timer that the plan does not have any more."""
    if entry.setup.timer or not has_timer(entry.interface):
        return False
    from .._host.setup_removal import remove_timer

    return remove_timer(entry.interface, check_mode)


def ensure_no_member(entries: Sequence[Entry], steps: Steps, check_mode: bool) -> MemberResult:
    """Remove services and timers, and when the interfaces are gone, all their files. Raises InputError and OSError."""
    from .._host.setup_removal import leave_metrics, remove_setup

    result = MemberResult(complete=steps.converged)
    if not steps.converged:
        result.add(has_metrics() and leave_metrics([entry.interface for entry in entries], check_mode))
    for entry in entries:
        path = default_path(entry.interface)
        result.parts.append(MemberPart(entry, KeyResult(False, path), differs=not steps.converged))
        if not steps.converged:
            result.add(remove_setup(entry.interface, check_mode))
            continue
        outcome = ensure_no_config(entry.options, check_mode)
        result.add(outcome.changed, *(outcome.diffs if outcome.changed else ()))
        result.add(converge_key({**entry.options, "state": "absent"}, check_mode).changed)
        if not check_mode:
            forget_converged(entry.interface)
    return result


def _create_namespaces(entries: Iterable[Entry], check_mode: bool) -> bool:
    names = (str(entry.options.get(option) or "") for entry in entries for option in ("netns", "birth_netns"))
    missing = [name for name in dict.fromkeys(names) if not netns_exists(name)]
    for name in () if check_mode else missing:
        create_namespace(name)
    return bool(missing)


def _ensure_keys(entry: Entry, check_mode: bool, warnings: list[str]) -> MemberPart:
    keys = converge_key({**entry.options, "state": "present"}, check_mode)
    if keys.warning:
        warnings.append(f"{entry.interface}: {keys.warning}")
    return MemberPart(entry, keys)


def _compare(parts: Iterable[MemberPart], check_mode: bool, warnings: list[str]) -> bool:
    """Compare the running state of all interfaces with the options. Return whether any differs."""
    from .._host.reader import SharedSockets
    from .running import is_up_to_date

    with SharedSockets() as shared:
        for part in parts:
            part.differs = not is_up_to_date(part.entry.options, check_mode, warnings, shared)
    return any(part.differs for part in parts)


def _ensure_forwarding(entries: Iterable[Entry], result: MemberResult, check_mode: bool, warnings: list[str]) -> None:
    wanted = {family: on for entry in entries for family, on in entry.forwarding.items()}
    if not wanted:
        return
    from .forwarding import PATH, ensure_forwarding

    outcome = ensure_forwarding(wanted.get("ipv4"), wanted.get("ipv6"), check_mode=check_mode)
    warnings += outcome.warnings
    texts = (("the running kernel", *outcome.live), (PATH, *outcome.file))
    result.add(outcome.changed, *(each for each in texts if each[1] != each[2]))


def read_entry(entry: Mapping[str, Any], check: Any) -> Entry:
    """Read an entry of the plan. ``check`` returns options as the modules take them. Raises InputError."""
    options = check(dict(entry.get("options") or {}))
    texts, forwarding = entry.get("setup") or {}, entry.get("forwarding") or {}
    return Entry(
        str(entry.get("network", "")),
        options,
        public_key=str(entry.get("public_key") or "") or None,
        forwarding={family: bool(forwarding[family]) for family in ("ipv4", "ipv6") if family in forwarding},
        setup=Setup.read(options["interface"], texts),
    )
