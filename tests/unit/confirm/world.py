# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that rolls provisional changes back: a simulated kernel, a clock that does not wait, files in a folder.

``install`` puts them in the place of the real ones. Everything else is the code that runs on a host.
"""

from __future__ import annotations

import syslog
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import trigger_handshake
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS, Dns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import (
    NO_PRESHARED_KEY,
    PrivateKey,
    PublicKey,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import OwnTable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import ALL_PARTS, Part
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    InterfaceAddress,
    parse_interface_address,
    parse_prefix,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import Route, Rule, RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import marker, rollback, watchdog
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional import record as _unconfirmed
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.record import Unconfirmed
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all

NAME = "5b1f0c6d2a9e4837"
PEER = PublicKey(b"p" * 32)
KEY, PUBLIC_KEY = PrivateKey(b"k" * 32), PublicKey(b"K" * 32)


def before() -> RunningState:
    """Something of everything: a full tunnel with name servers and a netfilter table."""
    peer = RunningPeer(PEER, NO_PRESHARED_KEY, Endpoint("192.0.2.1", 51820), frozenset({parse_prefix("0.0.0.0/0")}))
    return RunningState(
        "wg0",
        exists=True,
        device=RunningDevice("wg0", 7, KEY, PUBLIC_KEY, 51820, 0x7, {PEER: peer}),
        up=True,
        mtu=1420,
        addresses=(parse_interface_address("10.9.0.1/24"),),
        routes=frozenset({Route(parse_prefix("10.8.0.0/16"))}),
        rules=frozenset({Rule(2, 100, 0x7)}),
        priorities={2: (0, 100, 32766, 32767)},
        netfilter={2: frozenset({"preraw drop"})},
        own_table=OwnTable("chain input { }\n"),
        dns=Dns(("10.9.0.2",), ("corp.example",), True),
    )


def after() -> RunningState:
    """The same once a change has spoilt each part."""
    was = before()
    return replace(
        was,
        device=replace(was.device, listen_port=51999, peers={}),
        mtu=1300,
        addresses=(parse_interface_address("10.77.0.1/24"),),
        routes=frozenset(),
        rules=frozenset(),
        priorities={2: (0, 32766, 32767)},
        netfilter={},
        own_table=OwnTable("chain forward { }\n"),
        dns=NO_DNS,
    )


@dataclass
class World:
    """``now`` is the clock. ``broken``: what each part, or each kind of operation, fails with. ``on_sleep`` and
    ``on_lock`` are called whenever the code under test sleeps or takes the lock."""

    folder: Path
    state: RunningState = field(default_factory=after)
    now: float = 1000.0
    broken: dict[Part | type, Exception] = field(default_factory=dict)
    on_sleep: Callable[[], None] = lambda: None
    on_lock: Callable[[], None] = lambda: None
    lock_error: Exception | None = None
    slept: list[float] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    locks: int = 0
    locked: bool = False
    applied: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)

    # --- what the code under test calls

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        for part in Part:
            if part in parts and part in self.broken:
                raise self.broken[part]
        return self.state

    def apply(self, _interface: str, operations: Sequence[ops.Operation]) -> None:
        assert self.locked or self.lock_error
        for operation in operations:
            if type(operation) in self.broken:
                raise self.broken[type(operation)]
            self.state = apply_all(self.state, [operation])
            self.applied.append(operation.describe())

    def start_sessions(self, peers: Iterable[RunningPeer]) -> None:
        """As a Device, which is asked to begin sessions."""
        keys = [str(peer.public_key) for peer in peers]
        if RunningPeer in self.broken:
            raise self.broken[RunningPeer]
        self.called += keys

    def path_mtu(self, _hosts: Iterable[str]) -> int:
        return 1500

    def has_routes(self, _table: int) -> bool:
        return False

    def has_own_table(self, _interface: str) -> bool:
        return bool(self.state.own_table)

    def list_table(self, _interface: str, body: str) -> OwnTable:
        return OwnTable(body, body)

    def taken_address(self, _interface: str, _addresses: object) -> tuple[InterfaceAddress, str] | None:
        return None

    def rehearse(self, _state: RunningState) -> None:
        if World in self.broken:
            raise self.broken[World]

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds
        assert len(self.slept) < 5000
        self.on_sleep()

    @contextmanager
    def lock(self, _interface: str, _directory: str = "", seconds: float | None = None) -> Iterator[None]:
        self.on_lock()
        if self.lock_error:
            self.now += seconds or 20.0
            raise self.lock_error
        assert not self.locked
        self.locks += 1
        self.locked = True
        yield
        self.locked = False

    # --- what tests do

    def record(self, seconds: float = 20.0, **fields: Any) -> Unconfirmed:
        """A change of NAME that waits for so many seconds, with its program."""
        change = Unconfirmed(
            interface="wg0",
            change=NAME,
            boot=_unconfirmed.boot_id(),
            armed_at=time.time(),
            deadline=self.now + seconds,
            before=before(),
            key_file="",
            names={PEER: "hub"},
            netns="",
            birth_netns="",
            with_dns=True,
            endpoints={},
            program=watchdog.program_path(NAME),
            unit="",
        )
        change = replace(change, **fields)
        Path(change.program).touch()
        _unconfirmed.record_change(change)
        return change

    @property
    def recorded(self) -> bool:
        return (self.folder / "wg0.unconfirmed").exists()

    @property
    def report(self) -> _unconfirmed.Report | None:
        return _unconfirmed.find_report("wg0")


class _Clock:
    """In the place of the module ``time``, as far as the code under test looks at it."""

    def __init__(self, world: World) -> None:
        self.sleep = world.sleep
        self.monotonic = lambda: world.now
        self.time = time.time


def install(world: World, put: Callable[[object, str, Any], None], *others: object) -> None:
    """``put`` sets an attribute, as ``setattr`` does, or pytest's monkeypatch. ``others``: modules that look at the
    kernel and the clock, too."""
    folder = str(world.folder)
    for function in (
        *(_unconfirmed.record_change, _unconfirmed.find_change, _unconfirmed.forget_change),
        *(_unconfirmed.record_report, _unconfirmed.find_report),
    ):
        put(function, "__defaults__", (folder,))
    put(marker.record_path, "__defaults__", (folder,))
    put(marker.is_recorded, "__defaults__", (folder,))
    put(watchdog, "DIRECTORY", folder)
    put(_unconfirmed, "clock", lambda: world.now)
    put(rollback, "clock", lambda: world.now)
    for module in (rollback, *others):
        put(module, "HostKernel", lambda *_where: world)
        put(module, "interface_lock", world.lock)
        put(module, "time", _Clock(world))
    put(trigger_handshake, "Device", lambda *_where: world)
    put(syslog, "openlog", lambda *_options: None)
    put(syslog, "syslog", lambda _priority, text: world.log.append(text))
