# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a made-up device and real files, for the change of its key. Also run in a process of its own."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import rekey as _rekey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import Operation, SetDevice
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import lock as _lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import interface_lock
from ansible_collections.cryptokey.wireguard.tests.unit.converge.simulated import apply_all

OLD, NEXT = PrivateKey(bytes([1] * 32)), PrivateKey(bytes([2] * 32))
HUB, LATER = PublicKey(bytes([3] * 32)), PublicKey(bytes([4] * 32))


class _Quick:
    """In the place of the module ``time``: what is waited for is over ten times sooner."""

    sleep = staticmethod(time.sleep)
    time = staticmethod(time.time)

    @staticmethod
    def monotonic() -> float:
        return 10 * time.monotonic()


class Host:
    """wg0 with the peer "hub". ``answers`` are the keys to which that shakes hands. ``meanwhile`` is done by others
    after the change, when this run waits for the peer. ``refused`` is what the kernel does not take."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.folder = folder
        for name, key in (("wg0.key", OLD), ("wg0.key.next", NEXT)):
            (folder / name).touch(0o600)
            (folder / name).write_text(f"{key.reveal_base64()}\n")
        self.answers = {OLD, NEXT}
        self.meanwhile: Callable[[], object] = lambda: None
        self.refused: set[PrivateKey] = set()
        self.state = RunningState("wg0", True, RunningDevice("wg0", 7, OLD, peers={HUB: RunningPeer(HUB)}))
        self.options: dict[str, Any] = {
            "interface": "wg0",
            "private_key_file": str(folder / "wg0.key"),
            "path": str(folder / "wg0.conf"),
            "peers": [{"name": "hub", "public_key": str(HUB)}],
        }
        self.configure(HUB)

    def configure(self, *peers: PublicKey) -> None:
        """As another run of the module ``config`` does."""
        entries = [{"public_key": str(key), "allowed_ips": [f"10.9.0.{key[0]}/32"]} for key in peers]
        ensure_config({**self.options, "peers": entries}, own_directory="/nowhere")

    def add_by_hand(self, key: PublicKey, prefixes: int = 1) -> None:
        path = Path(self.options["path"])
        allowed = ", ".join(f"10.1.{n // 256}.{n % 256}/32" for n in range(prefixes))
        path.write_text(f"{path.read_text()}\n[Peer]\nPublicKey = {key}\nAllowedIPs = {allowed}\n")

    def rekey(self) -> _rekey.RekeyResult:
        with self._in_place():
            return _rekey.rekey({"timeout": 1, **self.options, "answering": ["hub"]})

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        lock = functools.partial(interface_lock, directory=str(self.folder / "locks"))
        with (
            mock.patch.object(_lock, "interface_lock", lock),
            mock.patch.object(_rekey, "has_link", return_value=True),
            mock.patch.object(_rekey, "Device", return_value=self),
            mock.patch.object(_rekey, "time", _Quick),
        ):
            yield

    # As a Device:

    def read(self) -> RunningDevice:
        return self.state.device

    def apply(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, SetDevice) and operation.private_key in self.refused:
                raise KernelError(12, "set the device")
        self.state = apply_all(self.state, operations)

    def start_sessions(self, _peers: Iterable[RunningPeer]) -> None:
        if self.state.device.private_key == NEXT:
            self.meanwhile()
        if self.state.device.private_key in self.answers:
            peer = self.state.device.peers[HUB]._replace(latest_handshake=time.time())
            self.state = replace(self.state, device=replace(self.state.device, peers={HUB: peer}))

    # What there is:

    @property
    def keys(self) -> str:
        """Which key runs, is in the key file, and in the one for the next boot: o for the old and n for the next."""
        letters = {OLD.reveal_base64(): "o", NEXT.reveal_base64(): "n"}
        (line,) = (line for line in self.startup.splitlines() if line.startswith("PrivateKey"))
        running = self.state.device.private_key
        assert running is not None
        found = running.reveal_base64(), (self.folder / "wg0.key").read_text().strip(), line.partition(" = ")[2]
        return "".join(letters[each] for each in found)

    @property
    def startup(self) -> str:
        return (self.folder / "wg0.conf").read_text()

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())
