# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Divide hosts into the batches of a rolling update, so that no batch changes all paths through a network. Pure.

A batch has at most one hub of each network. If a host has home hubs in several networks, a batch has at most one of
them. A hub is in one batch with its spokes, so that both ends of their tunnels change together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError

from .._hosts.results import loop_results, one_line, read_flag, read_mappings, read_text
from .._inventory.errors import list_names
from .._inventory.nouns import Network


def batches(networks: Sequence[Network], hosts: Iterable[str]) -> list[list[str]]:
    """Return the ``hosts`` as batches, in order, each batch sorted. Every spoke has a home hub."""
    present = set(hosts)
    homes = _homes(networks)
    numbers = _numbers(_conflicts(networks, homes), present)
    found: dict[int, list[str]] = {}
    for name in sorted(present):
        # Other hosts are in the batch of their first home hub; those without one are in the first batch.
        of_homes = [numbers[hub] for hub in homes.get(name, ()) if hub in numbers]
        number = numbers[name] if name in numbers else min(of_homes, default=0)
        found.setdefault(number, []).append(name)
    return [found[number] for number in sorted(found)]


def _homes(networks: Iterable[Network]) -> dict[str, set[str]]:
    """Each spoke's home hubs, of all networks."""
    homes: dict[str, set[str]] = {}
    for network in networks:
        for spoke in network.spokes:
            hub = spoke.hub or (network.hubs[0].name if len(network.hubs) == 1 else None)
            if hub:
                homes.setdefault(spoke.name, set()).add(hub)
    return homes


def _conflicts(networks: Iterable[Network], homes: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Each hub and those that must not be in one batch with it."""
    together = [{hub.name for hub in network.hubs} for network in networks]
    conflicts: dict[str, set[str]] = {name: set() for group in together for name in group}
    shared = {frozenset(hubs) for hubs in homes.values() if len(hubs) > 1}
    for group in (*together, *shared):
        for name in group:
            conflicts[name] |= group - {name}
    return conflicts


def _numbers(conflicts: Mapping[str, set[str]], present: set[str]) -> dict[str, int]:
    """Choose the batch of each present hub: the first one without a conflicting hub."""
    numbers: dict[str, int] = {}
    for name in sorted(present & conflicts.keys()):
        taken = {numbers[other] for other in conflicts[name] if other in numbers}
        numbers[name] = next(number for number in range(len(taken) + 1) if number not in taken)
    return numbers


def describe_stop(order: Sequence[Sequence[str]], proofs: Mapping[str, object], failed: Iterable[str] = ()) -> str:
    """Describe why the rollout stopped, what it has changed and what it has not; empty if every tunnel answers.

    ``order``: the batches. ``proofs``: for each changed host, the registered result of its task that pings the peers, a
    loop of the module ``ping`` over its interfaces. ``failed``: hubs that could not be changed.
    """
    down = {host: text for host, proof in proofs.items() if (text := "; ".join(_unanswered(proof)))}
    down |= dict.fromkeys(failed, "its change failed")
    if not down:
        return ""
    last = max(number for number, batch in enumerate(order, 1) if down.keys() & set(batch))
    begun, left = ([name for batch in part for name in batch] for part in (order[:last], order[last:]))
    return (
        f"Stopped after batch {last} of {len(order)}, as tunnels did not come up: "
        + ". ".join(f"{host}: {text}" for host, text in sorted(down.items()))
        + f". Changed: {list_names(sorted(proofs)) or 'none'}. "
        + f"Already up to date: {list_names([name for name in begun if name not in {*proofs, *down}]) or 'none'}. "
        + f"Not changed: {list_names(left) or 'none'}."
    )


def _unanswered(proof: object) -> Iterator[str]:
    """List the peers that did not answer, or what is wrong with the host's result."""
    try:
        for result in loop_results(proof, "proof"):
            yield from _unanswered_by(result)
    except InputError as error:
        yield str(error)


def _unanswered_by(result: Mapping[str, Any]) -> Iterator[str]:
    probes = result.get("results")
    if probes is None:
        if result.get("failed") is not False and result.get("failed") is not None:
            yield one_line(result.get("msg"))
        return
    missing = [
        probe for probe in read_mappings(probes, "results") if not read_flag(probe.get("reachable"), "reachable")
    ]
    lost = [
        f"{read_text(probe.get('name'), 'name')} ({read_text(probe['address'], 'address')})"
        for probe in missing
        if probe.get("address") is not None
    ]
    silent = [read_text(probe.get("name"), "name") for probe in missing if probe.get("address") is None]
    if lost:
        yield f"no answer from {list_names(lost)}"
    if silent:
        yield f"no handshake with {list_names(silent)}"
