# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an interface is up to date: yes just where ensure_present changes and writes nothing."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends import interface, running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.running import is_up_to_date
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import programs, trigger_handshake
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.resolve import Resolver
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import OwnTable
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.packages import MissingLibrary
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.lock import interface_lock
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment
from ansible_collections.cryptokey.wireguard.tests.unit.modules.state import keep_state_in
from ansible_collections.cryptokey.wireguard.tests.unit.modules.test_names import KEYS, Kernel, options

PACKAGE = "ansible_collections.cryptokey.wireguard.plugins.module_utils"


class Host:
    """A host whose interface the options of ``given`` converge; ``asked`` are the names that were looked up."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.folder = folder
        self.kernel = Kernel()
        self.asked: list[str] = []
        self.warnings: list[str] = []
        key_file = folder / "wg0.key"
        key_file.touch(0o600)
        key_file.write_text(PrivateKey(b"private key, thirty-two bytes ok").reveal_base64())
        self.given = options(str(key_file), "hub.test:1", "192.0.2.9:9")

    def addresses(self, host: str, port: int, **_options: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        return [(0, 0, 0, "", ("192.0.2.1", port))]

    def converge(self) -> int:
        return len(interface.ensure_present(self.given, False, []).operations)

    def is_up_to_date(self, check_mode: bool = False, **changed: Any) -> bool:
        return is_up_to_date({**self.given, **changed}, check_mode, self.warnings)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """One that is converged."""
    found = Host(tmp_path)
    keep_state_in(tmp_path, monkeypatch, (running, "is_recorded"))
    monkeypatch.setattr(running, "open_kernel", lambda *_arguments: found.kernel)
    monkeypatch.setattr(running, "_find_elsewhere", lambda _desired: None)
    monkeypatch.setattr(trigger_handshake, "start_new_sessions", lambda *_arguments: None)
    monkeypatch.setattr(socket, "getaddrinfo", found.addresses)
    assert found.converge()
    return found


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_converged_interface_is(host: Host, check_mode: bool) -> None:
    assert host.is_up_to_date(check_mode)
    assert host.converge() == 0
    assert host.warnings == []


def test_it_takes_no_lock(host: Host) -> None:
    with interface_lock("wg0", str(host.folder / "locks")):
        assert host.is_up_to_date()


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_differs_is_not(host: Host, check_mode: bool) -> None:
    peers = [{**peer, "persistent_keepalive": "25"} for peer in host.given["peers"]]
    assert not host.is_up_to_date(check_mode, peers=peers)
    assert not host.is_up_to_date(check_mode, listen_port=51999)
    assert not host.is_up_to_date(check_mode, mtu=1300)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_missing_interface_is_not(host: Host, check_mode: bool) -> None:
    host.kernel.state = replace(Kernel().state)
    assert not host.is_up_to_date(check_mode)


def test_one_in_another_namespace_is_not(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = Kernel()
    elsewhere.state = host.kernel.state
    host.kernel.state = Kernel().state
    monkeypatch.setattr(running, "_find_elsewhere", lambda _desired: elsewhere)
    assert not host.is_up_to_date()


def test_a_name_is_looked_up_where_the_answer_depends_on_it(host: Host) -> None:
    host.asked.clear()
    host.kernel.edit(KEYS[0], endpoint=Endpoint("192.0.2.1", 1), latest_handshake=0.0)
    assert host.is_up_to_date()
    assert host.asked == ["hub.test"]
    host.kernel.edit(KEYS[0], endpoint=Endpoint("192.0.2.2", 1))
    assert not host.is_up_to_date()


def test_a_name_without_an_address_is_a_warning(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_options: object) -> None:
        raise OSError(0, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert host.is_up_to_date()
    (warning,) = host.warnings
    assert "hub.test" in warning


def test_where_something_is_to_be_recorded_it_is_not(host: Host) -> None:
    (host.folder / "state" / "wg0.endpoints.json").unlink()
    assert not host.is_up_to_date()
    assert host.is_up_to_date(check_mode=True)  # which records nothing
    assert host.converge() == 0
    assert host.is_up_to_date()


def test_an_unconfirmed_change_is_not(host: Host) -> None:
    (host.folder / "state" / "wg0.unconfirmed").touch()
    assert not host.is_up_to_date()


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"mtu": 5}, "out of range"),
        ({"confirm_timeout": 1}, "out of range"),
        ({"table": "unheard-of"}, "no routing table of this host has this name"),
        ({"netns": "unheard-of"}, "there is no such network namespace"),
        ({"private_key_file": "/nowhere/wg0.key"}, "there is no such file"),
    ],
)
def test_it_refuses_what_ensure_present_refuses(host: Host, changed: dict[str, Any], problem: str) -> None:
    messages = []
    for refuse in (is_up_to_date, interface.ensure_present):
        with pytest.raises(InputError, match=problem) as error:
            refuse({**host.given, **changed}, False, [])
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_a_host_without_libraries_is_read_in_check_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are installed by the time of the real run, but for an interface that somebody has made already."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyroute2" else find_spec(name))
    state = running.open_kernel("wg-none", True, "", "").read("wg-none")
    assert (state.exists, 32766 in state.priorities[socket.AF_INET]) == (False, True)
    for interface_name, check_mode in (("wg-none", False), ("lo", True)):
        with pytest.raises(MissingLibrary, match="pyroute2 is missing"):
            running.open_kernel(interface_name, check_mode, "", "")


@pytest.mark.parametrize(("check_mode", "there"), [(True, True), (True, False), (False, False)])
def test_check_mode_needs_no_nft_on_a_fresh_host(
    monkeypatch: pytest.MonkeyPatch, host: Host, check_mode: bool, there: bool
) -> None:
    """By the time of the real run it is installed."""
    monkeypatch.setattr(programs, "find_program", lambda _name: "/usr/sbin/nft" if there else None)
    monkeypatch.setattr(host.kernel, "list_table", lambda _interface, body: OwnTable(f"listed {body}"))
    body = "chain input { }\n"
    found = running.examine({**host.given, "nftables": body, "peers": []}, check_mode, [], Resolver())
    assert found.comparison.after.own_table == OwnTable(body if check_mode and not there else f"listed {body}")


def test_it_loads_nothing_that_applies_or_restores() -> None:
    script = f"import sys, {PACKAGE}._backends.interface; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment())
    loaded = {name.removeprefix(f"{PACKAGE}.") for name in done.stdout.split() if name.startswith(PACKAGE)}
    assert "_backends.running" in loaded
    unwanted = {"_model.operations", "_converge.engine", "_provisional.guard", "_backends.applying"}
    unwanted |= {"_host.changes", "_host.nft", "_host.dns", "_host.programs", "_store.files", "_store.keyfile"}
    unwanted |= {"_host.own_table", "_host.nft_table", "_store.table_record"}
    assert loaded.isdisjoint(unwanted | {"_wireguard.family", "_converge.records"})
