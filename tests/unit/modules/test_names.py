# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""interface and names: looked up only where they matter, never under the lock, and the state is read again after it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import interface, running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import trigger_handshake
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.resolve import Resolver
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import Operation
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import OwnTable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import interface_lock
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all
from ansible_collections.cryptokey.wireguard.tests.unit.modules.state import keep_state_in

KEYS = [PublicKey(bytes([number] * 32)) for number in range(1, 21)]


class Kernel:
    """A host's kernel that keeps a state, and counts how often it is read."""

    def __init__(self) -> None:
        self.state = RunningState("wg0")
        self.reads = 0

    def read(self, _interface: str) -> RunningState:
        self.reads += 1
        return self.state

    def apply(self, _interface: str, operations: Sequence[Operation]) -> None:
        self.state = apply_all(self.state, operations)

    def path_mtu(self, _hosts: Iterable[str]) -> int:
        return 1500

    def has_routes(self, _table: int) -> bool:
        return False

    def has_own_table(self, _interface: str) -> bool:
        return bool(self.state.own_table)

    def list_table(self, _interface: str, body: str) -> OwnTable:
        return OwnTable(body, body)

    def remember_table(self, *_arguments: object) -> None:
        """It has no nft to spare."""

    def taken_address(self, *_arguments: object) -> None:
        return None

    def edit(self, key: PublicKey, **changes: Any) -> None:
        peers = dict(self.state.device.peers.items())
        peers[key] = peers[key]._replace(**changes)
        self.state = replace(self.state, device=replace(self.state.device, peers=peers))

    def endpoint(self, key: PublicKey) -> Endpoint | None:
        return self.state.device.peers[key].endpoint


class Names:
    """Name servers, which are asked for ``asked``. While they are, the interface's lock has to be free."""

    def __init__(self, locks: Path) -> None:
        self.asked: list[str] = []
        self.addresses: dict[str, str] = {}
        self.hang: threading.Event | None = None
        self._locks = locks

    def __call__(self, host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        with interface_lock("wg0", str(self._locks), seconds=5):
            self.asked.append(host)
        if host not in self.addresses:
            if self.hang:
                self.hang.wait()
            raise OSError(0, "no such name")
        return [(0, 0, 0, "", (self.addresses[host], port))]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    simulated = Kernel()
    monkeypatch.setattr(running, "open_kernel", lambda *_arguments: simulated)
    monkeypatch.setattr(running, "_find_elsewhere", lambda _desired: None)
    return simulated


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Names:
    keep_state_in(tmp_path, monkeypatch)
    servers = Names(tmp_path / "locks")
    monkeypatch.setattr(socket, "getaddrinfo", servers)
    return servers


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    tmp_path.chmod(0o700)
    file = tmp_path / "wg0.key"
    file.touch(0o600)
    file.write_text(PrivateKey(b"private key, thirty-two bytes ok").reveal_base64())
    return str(file)


def options(key_file: str, *endpoints: str) -> dict[str, Any]:
    peers = [{"name": f"p{n}", "public_key": str(KEYS[n]), "endpoint": each} for n, each in enumerate(endpoints)]
    return {"interface": "wg0", "private_key_file": key_file, "listen_port": 51820, "peers": peers}


def test_a_name_is_looked_up_without_the_lock(kernel: Kernel, names: Names, key_file: str) -> None:
    names.addresses = {"hub.test": "192.0.2.1", "other.test": "192.0.2.2"}
    given = options(key_file, "hub.test:1", "192.0.2.9:9", "other.test:2")
    assert interface.ensure_present(given, False, []).operations
    assert sorted(names.asked) == ["hub.test", "other.test"]
    assert [kernel.endpoint(key) for key in KEYS[:3]] == [
        Endpoint("192.0.2.1", 1),
        Endpoint("192.0.2.9", 9),
        Endpoint("192.0.2.2", 2),
    ]
    # Before, after it was known which names matter, and to verify.
    assert kernel.reads == 3


def test_where_no_name_matters_none_is_looked_up_and_the_state_is_read_once(
    kernel: Kernel, names: Names, key_file: str
) -> None:
    names.addresses = {"hub.test": "192.0.2.1"}
    given = options(key_file, "hub.test:1", "192.0.2.9:9")
    interface.ensure_present(given, False, [])
    kernel.edit(KEYS[0], endpoint=Endpoint("198.51.100.7", 7), latest_handshake=time.time())
    names.asked, kernel.reads = [], 0
    assert interface.ensure_present(given, False, []).operations == ()
    assert (names.asked, kernel.reads) == ([], 1)
    assert kernel.endpoint(KEYS[0]) == Endpoint("198.51.100.7", 7)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_dead_peer_whose_name_is_right_takes_no_change(
    kernel: Kernel, names: Names, key_file: str, check_mode: bool
) -> None:
    names.addresses = {"hub.test": "192.0.2.1"}
    given = options(key_file, "hub.test:1")
    interface.ensure_present(given, False, [])
    names.asked, kernel.reads = [], 0
    assert interface.ensure_present(given, check_mode, []).operations == ()
    assert (names.asked, kernel.reads) == (["hub.test"], 2)
    names.addresses = {"hub.test": "192.0.2.2"}
    assert len(interface.ensure_present(given, check_mode, []).operations) == 1
    assert kernel.endpoint(KEYS[0]) == Endpoint("192.0.2.1" if check_mode else "192.0.2.2", 1)


def test_what_another_run_did_meanwhile_is_seen(
    kernel: Kernel, names: Names, key_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer that was dead is alive again somewhere else when its name has an address at last."""
    names.addresses = {"hub.test": "192.0.2.1"}
    given = options(key_file, "hub.test:1")
    interface.ensure_present(given, False, [])

    def meanwhile(*arguments: Any, **more: Any) -> Any:
        kernel.edit(KEYS[0], endpoint=Endpoint("198.51.100.7", 7), latest_handshake=time.time())
        return [(0, 0, 0, "", ("192.0.2.2", 1))]

    monkeypatch.setattr(socket, "getaddrinfo", meanwhile)
    assert interface.ensure_present(given, False, []).operations == ()
    assert kernel.endpoint(KEYS[0]) == Endpoint("198.51.100.7", 7)


def test_dead_names_cost_one_limit_and_what_has_an_address_is_set(
    kernel: Kernel, names: Names, key_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.addresses = {"hub.test": "192.0.2.1"}
    names.hang = threading.Event()
    # Long enough for all threads to begin on a busy machine, and nowhere near twenty limits.
    monkeypatch.setattr(running, "Resolver", lambda: Resolver(2))
    given = options(key_file, "hub.test:1", *(f"dead{number}.test:1" for number in range(19)))
    warnings: list[str] = []
    begin = time.monotonic()
    assert interface.ensure_present(given, False, warnings).operations
    assert time.monotonic() - begin < 5
    names.hang.set()
    assert (len(names.asked), len(warnings), len(kernel.state.device.peers)) == (20, 19, 20)
    assert kernel.endpoint(KEYS[0]) == Endpoint("192.0.2.1", 1)
    assert kernel.endpoint(KEYS[1]) is None


def test_peers_shake_hands_and_warnings_are_kept_where_nothing_can_be_recorded(
    kernel: Kernel, names: Names, key_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: object) -> None:
        raise OSError("No space left on device")

    called: list[PublicKey] = []
    device = type(
        "Device", (), {"start_sessions": lambda _self, peers: called.extend(peer.public_key for peer in peers)}
    )
    monkeypatch.setattr(trigger_handshake, "Device", lambda *_where: device())
    monkeypatch.setattr(interface, "record_endpoints", full)
    given = options(key_file, "192.0.2.9:9", "dead.test:1")
    given["peers"][0]["allowed_ips"] = ["10.9.0.1/32"]
    warnings: list[str] = []
    with pytest.raises(OSError, match="No space left on device"):
        interface.ensure_present(given, False, warnings)
    assert called == [KEYS[0]]
    (warning,) = warnings
    assert "dead.test" in warning
