# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The findings of a run as the dictionaries that tasks return. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .._inventory.errors import FleetError, HostError
from .._inventory.nouns import Network
from .._policy.body import Rules
from .affected import affected
from .batches import batches
from .key_age import key_ages
from .outcome import Findings, Outcome
from .rules import find_rules, hosts_with_other_rules, shared_rules


def plan_result(findings: Findings, play_hosts: list[str]) -> dict[str, Any]:
    """What both ``plan`` and ``_registry`` return, but for warnings."""
    outcomes = findings.outcomes
    networks = [outcome.reconciled.network for outcome in outcomes]
    rules = find_rules(networks, datetime.date.today())
    hosts = _by_host(outcomes, rules)
    return {
        "hosts": hosts,
        "networks": {network.name: _network(network) for network in networks},
        "interfaces": {name: [_interface(plan) for plan in plans] for name, plans in hosts.items()},
        "rules": shared_rules(rules),
        "clients": {outcome.network.name: outcome.plan.clients for outcome in outcomes},
        "refused_clients": _refused_clients(findings),
        "batches": batches(networks, filter(hosts.__contains__, play_hosts)),
        "hubs": sorted({hub.name for outcome in outcomes for hub in outcome.network.hubs}),
        "outside": [name for name in play_hosts if name not in hosts],
        "registry": {"outdated": findings.outdated, "dates": findings.has_old_dates(play_hosts)},
        **keys_result(findings),
    }


def affected_result(result: Mapping[str, Any], earlier: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The hosts to update again by a new plan, and the same as batches: ``names``, and those whose entries differ."""
    affected = {host for host, entries in result["hosts"].items() if entries != earlier["hosts"].get(host)}
    affected.update(names)
    parts = ([host for host in batch if host in affected] for batch in result["batches"])
    return {"affected": sorted(affected), "affected_batches": [part for part in parts if part]}


def keys_result(findings: Findings) -> dict[str, Any]:
    """What the findings say of public keys."""
    outcomes = findings.outcomes
    return {
        "unknown_keys": findings.unknown_keys,
        "refused": findings.all_refused,
        "changed_keys": [key._asdict() for outcome in outcomes for key in outcome.reconciled.changed_keys],
        "former_keys": [key._asdict() for key in findings.former_keys],
    }


def _by_host(outcomes: Iterable[Outcome], rules: Mapping[str, Rules]) -> dict[str, list[dict[str, Any]]]:
    hosts: dict[str, list[dict[str, Any]]] = {}
    for outcome in outcomes:
        _shared, own, pings = rules[outcome.network.name]
        for name, plan in outcome.plan.hosts.items():
            peers = (peer["name"] for peer in plan["options"]["peers"])
            silent = pings.silent(name, peers) if pings else []
            given = {**({"rules": own[name]} if name in own else {}), **({"silent": silent} if silent else {})}
            hosts.setdefault(name, []).append({**plan, **given} if given else plan)
    for plans in hosts.values():
        plans.sort(key=lambda plan: str(plan["options"]["interface"]))
    return hosts


def _network(network: Network) -> dict[str, Any]:
    return {"topology": network.topology, "prefixes": [str(prefix) for prefix in network.prefixes]}


def _interface(plan: Mapping[str, Any]) -> dict[str, str]:
    """The names in an entry of a host's plan, with the current and the next public key that peers use."""
    keys = {option: plan[option] for option in ("public_key", "next_public_key") if option in plan}
    return {"network": plan["network"], "interface": plan["options"]["interface"], **keys}


def _refused_clients(findings: Findings) -> dict[str, dict[str, list[str]]]:
    """Network to client to what is wrong with it."""
    refused: dict[str, dict[str, list[str]]] = {}
    planned = (each for outcome in findings.outcomes for each in outcome.plan.refused_clients)
    for problem in (*findings.aside.clients, *planned):
        if problem.client:
            texts = refused.setdefault(problem.client.network, {}).setdefault(problem.client.name, [])
            texts += [str(problem)] if str(problem) not in texts else []
    return refused


def affected_hosts(findings: Findings, names: Collection[str]) -> list[str]:
    """The hosts whose plan differs without these; all hosts of a network that cannot be without them.

    Raises FleetError for one that is in no network.
    """
    hosts = {name for outcome in findings.outcomes for name in outcome.plan.hosts}
    for name in names:
        if name not in hosts:
            remedy = "use a host of the inventory that is in a group of a network"
            raise FleetError([HostError("", "affected_by", name, "in no network", remedy)])
    today = datetime.date.today()
    found = {host for each in findings.outcomes for host in affected(each.reconciled, each.plan, names, today)}
    known = {name for each in findings.outcomes for name in each.reconciled.keys}
    networks = [outcome.reconciled.network for outcome in findings.outcomes]
    return sorted(found | (hosts_with_other_rules(networks, names, today) & known))


def old_keys(outcomes: Iterable[Outcome], days: int) -> list[str]:
    """The hosts that have a key which has been in use for more than so many days."""
    today = datetime.date.today()
    return sorted({name for each in outcomes for name, age in key_ages(each.reconciled, today) if age > days})
