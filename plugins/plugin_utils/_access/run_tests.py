# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the tests of policies against planned networks. Nothing is sent. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .._inventory.errors import Problems, list_names
from .._inventory.nouns import Network
from .._inventory.option_parsers import NETWORKS
from .._inventory.policy import Grant, Side, Target, Test
from .explain import place_of, reason
from .grant_paths import grants_without_path
from .places import Places, Result, Source
from .reach import DENIED, Reach


class Checked(NamedTuple):
    """``problems``: the failing tests. ``warnings``: tests that were passed over, and grants that no test covers."""

    problems: Problems
    warnings: list[str]


def check_policies(reach: Reach, leaving: Sequence[str] = ()) -> Checked:
    """Run all tests of all networks.

    ``leaving``: hosts as if without which the inventory was read. No test keeps them: where a path is missing, which is
    probably theirs, there is a warning.
    """
    problems = Problems()
    warnings: list[str] = []
    places = Places(reach)
    covered: dict[str, int] = defaultdict(int)
    tested = [network for network in reach.addresses.networks if network.policy and network.policy.tests]
    for network in tested:
        run = _NetworkTests(places, network, problems, covered, leaving)
        for test in network.policy.tests if network.policy else ():
            run.test(test)
        warnings += run.warnings
    for network in [] if leaving else reach.addresses.networks:
        warnings += _without_path(network, grants_without_path(places, network))
    return Checked(
        problems, warnings + [text for network in tested for text in _uncovered(network, covered[network.name])]
    )


class _NetworkTests:
    """The tests of one network. ``covered``: by network, the grants that a test has used so far."""

    def __init__(
        self,
        places: Places,
        network: Network,
        problems: Problems,
        covered: dict[str, int],
        leaving: Sequence[str],
    ) -> None:
        self._places, self._network, self._problems = places, network, problems
        self._covered, self._leaving = covered, leaving
        self._passed: dict[str, list[str]] = {}
        self._path = f"{NETWORKS}.{network.name}.policy.tests"

    def test(self, test: Test) -> None:
        path = f"{self._path}[{test.number}]"
        if self._is_expired(test.src):
            self._pass_over(path, test.src_text)
            return
        sources = self._places.sources(self._network, test.src)
        if not sources:
            problem, remedy = "no member has this address", "name a member, or an address at or behind one"
            self._fail(f"{path}.src", test.src_text, problem, remedy)
            return
        for place, target in enumerate(test.accept):
            if self._is_expired(target.dst):
                self._pass_over(f"{path}.accept[{place}]", target.text)
            else:
                self._accept(test, sources, target, f"{path}.accept[{place}]")
        for place, target in enumerate(test.deny):
            self._deny(test, sources, target, f"{path}.deny[{place}]")

    def _is_expired(self, side: Side) -> bool:
        machines = (self._places.reach.machines.named(self._network.name, name) for name in side.members)
        return any(machine.has_expired for machine in machines if machine)

    def _pass_over(self, path: str, text: str) -> None:
        self._passed.setdefault("of clients past their valid_until", []).append(f"{path} ({text})")

    def _fail(self, path: str, value: str, problem: str, remedy: str) -> None:
        """For want of a path."""
        if self._leaving:
            why = f"that fail without {list_names(self._leaving)}"
            self._passed.setdefault(why, []).append(f"{path} ({value}: {problem})")
        else:
            self._problems.add("", path, value, problem, remedy)

    def _ask(self, test: Test, sources: list[Source], target: Target, any_client: bool) -> Iterator[Result]:
        destinations = self._places.destinations(self._network, target.dst)
        return self._places.ask(sources, destinations, test.protocol, target.port, any_client)

    def _accept(self, test: Test, sources: list[Source], target: Target, path: str) -> None:
        """It must get through between all pairs of addresses of one family."""
        results = list(self._ask(test, sources, target, any_client=False))
        if not results:
            problem = f"{test.src_text} does not reach it: they have no addresses of one family"
            self._fail(path, target.text, problem, "give both IPv4 or IPv6 addresses, or remove it here")
        for packet, answer in results:
            if not answer.reached:
                problem = f"{test.src_text} does not reach it: {reason(packet, answer)}"
                if answer.outcome == DENIED:
                    remedy = "add a grant that allows it, or move this to deny"
                    self._problems.add("", path, target.text, problem, remedy)
                else:
                    remedy = "change the topology or the allowed IPs so that there is a path, or move this to deny"
                    self._fail(path, target.text, problem, remedy)
                return
        for packet, answer in results:
            for interface, _grant in answer.grants:
                if interface.grants:
                    self._covered[interface.network.name] |= interface.grants.matching(packet)

    def _deny(self, test: Test, sources: list[Source], target: Target, path: str) -> None:
        """It must not get through between any pair, whatever allowed IPs a client's owner sets."""
        for _packet, answer in self._ask(test, sources, target, any_client=True):
            if answer.reached:
                grants = [place_of(interface.network.name, grant) for interface, grant in answer.grants]
                allowed = f"{list_names(list(dict.fromkeys(grants)))} allows it"
                why = allowed if grants else "no host on the way has rules"
                remedy = "narrow the grant, or move this to accept" if grants else "remove this from the test"
                self._problems.add("", path, target.text, f"{test.src_text} reaches it: {why}", remedy)
                return

    @property
    def warnings(self) -> Iterator[str]:
        for why, texts in self._passed.items():
            yield f"Tests {why} do not count: {list_names(texts)}."


def _without_path(network: Network, grants: Sequence[Grant]) -> Iterator[str]:
    if grants:
        texts = [f"grants[{grant.number}] ({grant.text})" for grant in grants]
        remedy = "Remove them, or change the topology or the allowed IPs."
        yield f"{NETWORKS}.{network.name}.policy: nothing can use {list_names(texts)}, as there is no path. {remedy}"


def _uncovered(network: Network, covered: int) -> Iterator[str]:
    grants = network.policy.grants if network.policy else ()
    missing = [grant for place, grant in enumerate(grants) if not covered >> place & 1]
    if missing:
        texts = [f"grants[{grant.number}] ({grant.text})" for grant in missing]
        count = f"{len(missing)} of {len(grants)} grants"
        yield f"{NETWORKS}.{network.name}.policy: no test covers {count}: {list_names(texts)}."
