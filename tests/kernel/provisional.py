# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisional changes on the real kernel: a host with a tunnel, and this machine itself, where systemd is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.record import find_change
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import DIRECTORY as PROGRAMS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import DIRECTORY
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable, key_of
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import run_confirm, run_module

SECONDS = 10
# For what somebody has to do in time, however slow the machine is.
PATIENT = 300


class Side(NamedTuple):
    """The left host, whose wg0 the module changes, and what it is given at first."""

    host: Host
    other: Host
    folder: Path
    options: dict[str, Any]

    def run(self, **options: Any) -> Any:
        return run_module(self.host, self.folder, **{"interface": "wg0", **self.options, **options})

    def confirm(self, **options: Any) -> Any:
        return run_confirm(self.host, self.folder, interface="wg0", **options)

    def peer(self, **options: Any) -> list[dict[str, Any]]:
        """The one peer, otherwise."""
        (peer,) = self.options["peers"]
        return [{**peer, **options}]


def wait_until(come: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < end
        time.sleep(0.2)


def settled(interface: str) -> None:
    """Wait until no change of the interface waits."""
    wait_until(lambda: find_change(interface) is None)


def leftovers() -> list[str]:
    """What is left of a change that is over: records with secrets, and programs."""
    return [str(path) for path in (*Path(DIRECTORY).glob("*unconfirmed*"), *Path(PROGRAMS).glob("*.zip"))]


class Machine(NamedTuple):
    """An interface ``wgown`` of this machine itself."""

    folder: Path

    def _run(self, module: str, options: dict[str, Any]) -> Any:
        arguments = self.folder / "own.json"
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"interface": "wgown", **options}}))
        command = [sys.executable, "-m", f"ansible_collections.cryptokey.wireguard.plugins.modules.{module}"]
        done = subprocess.run([*command, str(arguments)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
        return json.loads(done.stdout)

    def run(self, **options: Any) -> Any:
        key_file = self.folder / "own.key"
        key_file.touch(0o600)
        key_file.write_text(key_of("own").reveal_base64())
        return self._run(
            "interface", {"private_key_file": str(key_file), "addresses": ["10.66.0.1/24"], "table": "off", **options}
        )

    def confirm(self, **options: Any) -> Any:
        return self._run("confirm", options)

    def read(self) -> RunningState:
        state = kernel.HostKernel().read("wgown")
        return comparable(replace(state, device=replace(state.device, peers=dict(state.device.peers.items()))))
