# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which peers have a session, and which have none even after they were called."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.handshake import find_alive
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.tests.unit.wgquick.strategies import KEYS

FRESH, OLD, ABSENT = KEYS[:3]


class Simulated:
    """A device on a clock of its own. A peer that is called shakes hands ``answers_after`` seconds later."""

    def __init__(self, answers_after: float) -> None:
        self.time = 100_000.0
        self.called: list[object] = []
        self._answers_after = answers_after
        self._shaken = {FRESH: self.time - 180, OLD: self.time - 181}
        self._due: dict[object, float] = {}

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def read(self) -> RunningDevice:
        for key, due in self._due.items():
            if self.time >= due:
                self._shaken[key] = due  # type: ignore[index]  # only keys of peers are called
        return RunningDevice(
            "wg0", peers={key: RunningPeer(key, latest_handshake=when) for key, when in self._shaken.items()}
        )

    def start_sessions(self, peers: Iterable[RunningPeer]) -> None:
        for peer in peers:
            self.called.append(peer.public_key)
            self._due[peer.public_key] = self.time + self._answers_after


@pytest.mark.parametrize(
    ("answers_after", "seconds", "alive", "called", "ends"),
    [
        (1.0, 6.0, {FRESH, OLD}, [OLD], 1.1),
        (9.0, 6.0, {FRESH}, [OLD], 6.1),
        (1.0, 0.0, {FRESH}, [], 0.0),  # check mode only looks
    ],
)
def test_who_has_no_session_is_called_once(
    answers_after: float, seconds: float, alive: set[object], called: list[object], ends: float
) -> None:
    device = Simulated(answers_after)
    assert find_alive(device, [FRESH, OLD], seconds, device.now, device.sleep, device.now) == alive
    assert device.called == called
    assert device.time - 100_000.0 <= ends + 0.2


def test_a_peer_that_is_not_there_has_no_session() -> None:
    device = Simulated(1.0)
    assert find_alive(device, [ABSENT], 1.0, device.now, device.sleep, device.now) == frozenset()
    assert device.called == []


def test_a_time_of_day_that_is_set_back_makes_no_wait_longer() -> None:
    device = Simulated(99_999.0)

    def time_of_day() -> float:
        return 100_000.0 if device.time < 100_001.0 else 50_000.0

    assert find_alive(device, [ABSENT], 6.0, time_of_day, device.sleep, device.now) == frozenset()
    assert device.time < 100_007.0
