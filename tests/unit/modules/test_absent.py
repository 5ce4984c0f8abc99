# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""interface with state=absent, where the programs that look after name servers hang."""

from __future__ import annotations

import functools
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import applying as _running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import dns, programs, trigger_handshake
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model import operations as ops
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.parts import ALL_PARTS, Part
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import interface_lock
from ansible_collections.cryptokey.wireguard.tests.unit.confirm.world import PEER, World, before


@dataclass
class Kernel(World):
    """Reads the name servers through what the code under test opens it with, as the host's kernel does."""

    name_servers: dns.NameServers | None = None

    def read(self, interface: str, parts: Container[Part] = ALL_PARTS) -> RunningState:
        state = super().read(interface, parts)
        servers = self.name_servers
        return replace(state, dns=servers.read(interface) if servers and Part.DNS in parts else NO_DNS)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel(tmp_path, before(), locked=True)

    def opened(_interface: str, _check: bool, _netns: str, _birth: str, name_servers: dns.NameServers | None) -> Kernel:
        kernel.name_servers = name_servers
        return kernel

    monkeypatch.setattr(_running, "open_kernel", opened)
    monkeypatch.setattr(trigger_handshake, "Device", lambda *_where: kernel)
    monkeypatch.setattr(lock, "interface_lock", functools.partial(interface_lock, directory=str(tmp_path / "locks")))
    for name in ("forget_endpoints", "record_last_netns"):
        inside = functools.partial(getattr(_running, name), directory=str(tmp_path / "state"))
        monkeypatch.setattr(_running, name, inside)
    return kernel


@pytest.fixture
def _hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose systemctl does not answer, with a limit that a test can wait for."""
    for name in ("systemctl", "resolvectl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\nexec sleep 60\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr(dns, "_RESOLVED_FOLDER", str(tmp_path))
    monkeypatch.setattr(programs, "LIMIT_SECONDS", 0.2)


@pytest.mark.usefixtures("_hanging")
def test_the_interface_is_removed_and_the_name_servers_are_named(kernel: Kernel) -> None:
    with pytest.raises(ConvergeError) as error:
        _running.ensure_absent({"interface": "wg0"}, False)
    assert not kernel.state.exists
    assert not kernel.state.netfilter
    message = str(error.value)
    assert message.startswith("wg0: some of its parts cannot be removed: name servers: ")
    assert "systemctl did not finish within 0.2 s" in message
    assert message.endswith("The interface itself is removed anyway. Fix this and run again")


@pytest.mark.usefixtures("_hanging")
def test_check_mode_says_the_same_and_removes_nothing(kernel: Kernel) -> None:
    with pytest.raises(ConvergeError, match="The interface itself would be removed anyway"):
        _running.ensure_absent({"interface": "wg0"}, True)
    assert kernel.applied == []


def test_peers_of_an_interface_that_cannot_be_removed_shake_hands(kernel: Kernel) -> None:
    kernel.broken = {ops.DeleteLink: KernelError(16, "delete the link")}
    with pytest.raises(ConvergeError, match="The previous state has been restored"):
        _running.ensure_absent({"interface": "wg0"}, False)
    assert kernel.called == [str(PEER)]
