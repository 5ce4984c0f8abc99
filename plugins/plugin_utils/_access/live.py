# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of policies with real packets: what hosts should try, and what their answers say of the plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import format_ip

from .._hosts.results import loop_results, read_choice, read_list, read_mapping, read_text
from .._inventory.nouns import Network
from .._inventory.option_parsers import NETWORKS
from .._inventory.policy import Test
from .explain import name_service
from .places import Places, Source
from .reach import Reach

OUTCOMES = ("reached", "not reached", "unknown")

# Host to a list of ``netns``, the ``attempts`` there as the module takes them, and the ``checks`` of each of these.
Trials = dict[str, list[dict[str, Any]]]


class Compared(NamedTuple):
    """``agreed`` counts the attempts that came out as the tests say. The others are lines for people."""

    agreed: int
    disagreements: list[str]
    unknown: list[str]
    problems: list[str]


def list_trials(reach: Reach) -> tuple[Trials, list[str]]:
    """What hosts can try, and the tests that no host can."""
    places = Places(reach)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    untried: list[str] = []
    for network in reach.addresses.networks:
        for test in network.policy.tests if network.policy else ():
            path = f"{NETWORKS}.{network.name}.policy.tests[{test.number}]"
            sources = places.sources(network, test.src)
            able = [each for each in sources if not each.machine.is_client and each.packed in each.machine.own]
            if not able:
                what = "a client" if any(each.machine.is_client for each in sources) else "no host's own address"
                untried.append(f"{path}: {test.src_text} is {what}")
            for source in able:
                netns = str(source.machine.interfaces[0].member.options.get("netns") or "")
                part = found.setdefault(source.machine.name, {}).setdefault(
                    netns, {"netns": netns, "attempts": [], "checks": []}
                )
                for attempt, check in _attempts(places, network, test, path, source):
                    part["attempts"].append(attempt)
                    part["checks"].append(check)
    return {host: list(parts.values()) for host, parts in found.items()}, untried


def _attempts(
    places: Places, network: Network, test: Test, path: str, source: Source
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for kind, targets in (("accept", test.accept), ("deny", test.deny)):
        for place, target in enumerate(targets):
            for address in places.destinations(network, target.dst):
                if len(address) == len(source.packed) and address != source.packed:
                    addresses = {"source": format_ip(source.packed), "address": format_ip(address)}
                    yield (
                        {"protocol": test.protocol, **addresses, "port": target.port},
                        {"expected": kind == "accept", "test": f"{path}.{kind}[{place}] ({target.text})"},
                    )


def compare_live(trials: Trials, registered: Mapping[str, Any]) -> Compared:
    """``registered``: host to what its task returned, a loop over its trials."""
    compared = Compared(0, [], [], [])
    for host, parts in trials.items():
        try:
            answers = _answers(registered.get(host), parts)
        except InputError as error:
            compared.problems.append(f"{host}: {error}")
            continue
        for attempt, check, outcome, why in answers:
            line = f"{check['test']}, {host} from {attempt['source']} to {_target(attempt)}"
            if outcome == "unknown":
                compared.unknown.append(f"{line}: {why}")
            elif (outcome == "reached") != check["expected"]:
                planned = "must be reached, and was not" if check["expected"] else "must not be reached, and was"
                compared.disagreements.append(f"{line}: {planned} ({why})")
            else:
                compared = compared._replace(agreed=compared.agreed + 1)
    return compared


def _target(attempt: Mapping[str, Any]) -> str:
    return f"{attempt['address']} {name_service(attempt['protocol'], attempt['port'])}"


def _answers(
    registered: object, parts: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any], str, str]]:
    """Each attempt with its check, its outcome, and why. Raises InputError."""
    results = list(loop_results(registered, "attempts"))
    if len(results) != len(parts):
        raise InputError("attempts", None, "the host did not answer", "check that Ansible reaches it")
    found = []
    for part, result in zip(parts, results):
        if result.get("failed") or result.get("unreachable"):
            message = read_text(result.get("msg", "no message"), "msg", 2000)
            raise InputError("attempts", None, f"the host could not try: {message}", "correct this and run again")
        outcomes = read_list(result.get("results"), "results")
        if len(outcomes) != len(part["attempts"]):
            raise InputError("results", len(outcomes), "not one result for each attempt", "check the host")
        for place, (attempt, check, outcome) in enumerate(zip(part["attempts"], part["checks"], outcomes)):
            entry = read_mapping(outcome, f"results[{place}]")
            which = read_choice(entry.get("outcome"), f"results[{place}].outcome", OUTCOMES)
            found.append((attempt, check, which, read_text(entry.get("why"), f"results[{place}].why")))
    return found


def render_live(compared: Compared, untried: Sequence[str]) -> list[str]:
    """What people read."""
    lines = [f"{compared.agreed} attempts agree with the tests."]
    for head, texts in (
        ("The network disagrees:", compared.disagreements),
        ("No answer can be told from:", compared.unknown),
        ("No result:", compared.problems),
        ("Not tried:", untried),
    ):
        lines += [head, *(f"  {text}" for text in texts)] if texts else []
    return lines
