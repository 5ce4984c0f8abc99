# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed costs the tunnels nothing, wherever it is killed, and the next one does the rest.

The module ``interface`` is killed at each message that it sends over netlink, at each file that it writes and each
program that it starts; a ping runs through a tunnel of its host all the while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.tests.faults.files import file_scenarios
from ansible_collections.cryptokey.wireguard.tests.faults.kills import (
    FILES,
    MESSAGES,
    PROGRAMS,
    Scenario,
    each_kill,
    finish,
)
from ansible_collections.cryptokey.wireguard.tests.faults.ledger import Ledger
from ansible_collections.cryptokey.wireguard.tests.faults.modules import changes, module
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, bring_up, comparable, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints, key_file

pytestmark = pytest.mark.faults

PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
EVERYTHING = (*MESSAGES, *FILES, *PROGRAMS)
ANOTHER = "wgother"


class Hub:
    """The host that is pinged, and runs of the module there. ``before`` and ``after`` are options of its wg0."""

    def __init__(self, left: Host, right: Host, work: Path) -> None:
        self.left, self.host, self.work = left, right, work
        _theirs, self.options = bring_up(left, right)
        self.key = str(key_file(right, work))

    def run(self, interface: str = "wg0", **options: Any) -> Callable[[], None]:
        return module("interface", {"interface": interface, "private_key_file": self.key, **options})

    def bring_to(self, **options: Any) -> None:
        self.host.converge(**options)

    def whole(self, run: Callable[[], None]) -> Callable[[], None]:
        def finished() -> None:
            finish(run, self.work / "whole")

        return finished

    def with_peers(self, *peers: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {**self.options, "peers": [*self.options["peers"], *peers], **more}

    def read(self, interface: str) -> RunningState:
        return comparable(kernel.HostKernel().read(interface))

    def scenario(
        self, name: str, interface: str, prepare: Callable[[], None], run: Callable[[], None], *names: str
    ) -> Scenario:
        prepare()
        before = self.read(interface)
        finish(run, self.work / "whole")
        after = self.read(interface)
        kept = before.device.peers.keys() & after.device.peers.keys()

        def prepared() -> None:
            forget_endpoints()
            prepare()

        def check() -> None:
            left = self.read(interface)
            assert kept <= left.device.peers.keys()
            first, second = changes(run, self.work)
            assert not second
            assert first or left == after
            assert self.read(interface) == after

        return Scenario(name, prepared, run, check, names or EVERYTHING)


@pytest.fixture
def hub(pair: tuple[Host, Host], tmp_path: Path) -> Iterator[Hub]:
    forget_endpoints()
    left, right = pair
    made = Hub(left, right, tmp_path)
    with right.entered():
        yield made
    forget_endpoints()


def kill_and_look(hub: Hub, ledger: Ledger, scenario: Scenario) -> None:
    with ledger.watched(Ping(hub.left, "10.9.0.2", interval=0.05)) as injections:
        for call in each_kill(scenario, hub.work):
            with injections.fault(f"{scenario.name}: killed at {call.name} {call.number}"):
                scenario.check()


def test_a_live_hub_is_changed(hub: Hub, ledger: Ledger) -> None:
    one, two, three, four, five = strangers(5, 2)
    before = hub.with_peers({**one, "preshared_key": PRESHARED_KEY}, two, {**three, "endpoint": "192.0.2.9:51820"})
    moved = {**two, "allowed_ips": one["allowed_ips"], "persistent_keepalive": 21}
    after = hub.with_peers(
        moved,
        {**three, "endpoint": "192.0.2.10:51820", "preshared_key": PRESHARED_KEY},
        {**four, "endpoint": "192.0.2.11:51820"},
        {**five, "allowed_ips": ["10.77.0.0/16", "fd77::/64"]},
        mtu=1380,
        addresses=["10.9.0.2/24", "fd09::2/64", "10.9.8.1/32"],
    )
    scenario = hub.scenario(
        "interface: peers, addresses, routes and MTU of a live hub", "wg0",
        lambda: hub.bring_to(mtu=1420, **before), hub.run(**after),
    )  # fmt: skip
    kill_and_look(hub, ledger, scenario)


def test_an_interface_is_made(hub: Hub, ledger: Ledger) -> None:
    one, two = strangers(2, 2)
    options = {
        "listen_port": 51999,
        "addresses": ["10.99.0.1/24", "fd99::1/64"],
        "peers": [{**one, "preshared_key": PRESHARED_KEY, "endpoint": "192.0.2.9:51820"}, two],
        "mtu": 1400,
        "alias": "another",
    }
    make, remove = hub.run(ANOTHER, **options), hub.run(ANOTHER, state="absent")
    for name, before, run in (("one is made beside it", remove, make), ("it is removed again", make, remove)):
        kill_and_look(hub, ledger, hub.scenario(f"interface: {name}", ANOTHER, hub.whole(before), run))


def test_a_full_tunnel_is_made(hub: Hub, ledger: Ledger) -> None:
    (one,) = strangers(1)
    everything = {**one, "allowed_ips": ["0.0.0.0/0", "::/0"], "endpoint": "192.0.2.1:9"}
    run = hub.run(ANOTHER, listen_port=51999, addresses=["10.99.0.1/24", "fd99::1/64"], peers=[everything], mtu=1400)
    remove = hub.whole(hub.run(ANOTHER, state="absent"))
    kill_and_look(hub, ledger, hub.scenario("interface: a full tunnel is made", ANOTHER, remove, run))
    remove()


def test_a_thousand_peers_of_a_hub_are_exchanged(hub: Hub, ledger: Ledger) -> None:
    """Half way, some of its peers are gone, some are new and some are to come. Those that were up are.

    Their routes would be a thousand messages that are all alike.
    """
    crowd = strangers(1500)
    before, after = (hub.with_peers(*some, table="off") for some in (crowd[:1000], crowd[500:]))
    scenario = hub.scenario(
        "interface: a hub with 1,000 peers gets 500 others", "wg0",
        lambda: hub.bring_to(**before), hub.run(**after), *MESSAGES,
    )  # fmt: skip
    kill_and_look(hub, ledger, scenario)


def test_files_are_written(hub: Hub, ledger: Ledger, tmp_path: Path) -> None:
    for scenario in file_scenarios(tmp_path / "files", hub.work):
        kill_and_look(hub, ledger, scenario)
