# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name servers, for real: the machine's own namespace, since a host has one resolver, and a tunnel out of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.applying import ensure_absent
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import ensure_present
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface_info import read_running
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.dns import find_name_servers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.dns import NO_DNS, Dns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable, described, key_of, make_hosts
from ansible_collections.cryptokey.wireguard.tests.kernel.names import (
    RESOLV_CONF,
    NameServer,
    openresolv,
    resolved,
    restored_resolv_conf,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run

NEAR_KEY = key_of("near")
DNS = {"dns": ["10.9.0.2", "fd09::2"], "dns_search": ["corp.example", "lan"]}
NAMES = {"web.corp.example": "10.77.0.1", "db.corp.example": "10.77.0.2", "www.example.net": "10.77.0.3"}
FAR_DNS = Dns(("10.9.0.2", "fd09::2"), ("corp.example", "lan"), True)


@pytest.fixture(scope="module")
def far() -> Iterator[Host]:
    """A host that this machine has a cable to, with a tunnel's end."""
    with make_hosts("far") as (far,):
        run("ip", "link", "add", "far0", "type", "veth", "peer", "name", "near0", "netns", "far")
        run("ip", "address", "add", "192.0.2.1/24", "dev", "far0")
        run("ip", "link", "set", "far0", "up")
        far.run("ip", "address", "add", "192.0.2.2/24", "dev", "near0")
        far.run("ip", "link", "set", "near0", "up")
        peer = {"public_key": str(public_key_of(NEAR_KEY)), "allowed_ips": ["10.9.0.1/32"]}
        far.converge(listen_port=51820, addresses=["10.9.0.2/24"], peers=[peer])
        yield far


@pytest.fixture
def near(far: Host, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The options of this machine's end."""
    key = tmp_path / "wg0.key"
    key.touch(0o600)
    key.write_text(NEAR_KEY.reveal_base64())
    peer = {"public_key": str(far.public_key), "endpoint": "192.0.2.2:51820", "allowed_ips": ["10.9.0.2/32"]}
    options = {"interface": "wg0", "private_key_file": str(key), "listen_port": 51820, "addresses": ["10.9.0.1/24"]}
    options["peers"] = [peer]
    yield options
    ensure_absent(options, check_mode=False)


@pytest.fixture(scope="module", params=[resolved, openresolv])
def resolver(request: pytest.FixtureRequest) -> Iterator[str]:
    """Starting one takes seconds, so that the tests that want none come first in this file."""
    with restored_resolv_conf(), request.param():
        yield request.param.__name__


def thrice(options: dict[str, Any], **more: Any) -> list[str]:
    """Check mode, the run, the run again: the first two say the same, the third nothing."""
    foretold, done, left = (
        described(ensure_present({**options, **more}, check_mode, [])) for check_mode in (True, False, False)
    )
    assert foretold == done
    assert left == []
    return done


def once(options: dict[str, Any], **more: Any) -> list[str]:
    return described(ensure_present({**options, **more}, False, []))


def running() -> RunningState:
    return comparable(kernel.HostKernel(name_servers=find_name_servers()).read("wg0"))


def found(name: str) -> str:
    """What the C library finds, empty for nothing."""
    return subprocess.run(["getent", "hosts", name], capture_output=True, text=True, check=False).stdout


def test_where_nothing_looks_after_name_servers_they_are_refused(near: dict[str, Any]) -> None:
    message = (
        r"^dns '10.9.0.2, fd09::2': this host has neither a running systemd-resolved nor resolvconf; "
        r"install the package systemd-resolved or openresolv, or start systemd-resolved if it is installed$"
    )
    for check_mode in (True, False):
        with pytest.raises(InputError, match=message):
            ensure_present({**near, **DNS}, check_mode, [])
    assert not running().exists
    assert once(near, dns=[], dns_search=[])
    with pytest.raises(InputError, match="there is no name server for it"):
        once(near, dns_search=["lan"])


def test_where_wg_quick_could_not_set_name_servers_the_file_is_not_written(
    near: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    program = Path("/usr/sbin/resolvconf")
    aside = program.rename("/usr/sbin/resolvconf.aside")
    file = tmp_path / "wg0.conf"
    try:
        with pytest.raises(InputError, match="wg-quick sets name servers through the program resolvconf, which this"):
            ensure_config({**near, **DNS, "path": str(file)})
        assert not file.exists()
        ensure_config({**near, "path": str(file)})
        assert "DNS" not in file.read_text()
    finally:
        aside.rename(program)


@pytest.mark.usefixtures("resolver")
def test_names_are_asked_of_the_server_behind_the_tunnel(far: Host, near: dict[str, Any]) -> None:
    before = RESOLV_CONF.read_text()
    assert "set dns 10.9.0.2, fd09::2, dns_search corp.example, lan" in thrice(near, **DNS)
    with NameServer(far, "10.9.0.2", NAMES) as server:
        assert found("web.corp.example").split() == ["10.77.0.1", "web.corp.example"]
        assert found("db").split() == ["10.77.0.2", "db.corp.example"]
        assert found("www.example.net").split() == ["10.77.0.3", "www.example.net"]
        assert found("nowhere.example.net") == ""
    assert {*NAMES, "nowhere.example.net"} <= server.asked

    assert once(near) == []
    assert [(shown["dns"], shown["dns_search"]) for shown in read_running(["wg0"])] == [(DNS["dns"], DNS["dns_search"])]
    assert once(near, dns_search=[]) == ["set dns 10.9.0.2, fd09::2"]
    assert once(near, dns=["10.9.0.2"], dns_search=["lan"]) == ["set dns 10.9.0.2, dns_search lan"]

    # Held down, it is not asked.
    assert once(near, up=False) == ["set down", "clear dns"]
    assert RESOLV_CONF.read_text() == before
    assert "set dns 10.9.0.2, fd09::2, dns_search corp.example, lan" in once(near, **DNS)

    foretold, done, left = (described(ensure_absent(near, check_mode)) for check_mode in (True, False, False))
    assert foretold == done == ["clear dns", "remove all 1 peers", "delete interface wg0"]
    assert left == []
    assert RESOLV_CONF.read_text() == before
    assert running().dns == NO_DNS


@pytest.mark.usefixtures("resolver")
def test_wg_quick_and_the_engine_undo_each_other(near: dict[str, Any], tmp_path: Path) -> None:
    before = RESOLV_CONF.read_text()
    file = tmp_path / "wg0.conf"
    options = {**near, **DNS, "alias": "to Paris", "path": str(file)}
    foretold, done, left = (ensure_config(options, check_mode).changed for check_mode in (True, False, False))
    assert (foretold, done, left) == (True, True, False)
    assert "\nDNS = 10.9.0.2, fd09::2, corp.example, lan\n" in file.read_text()

    once(options)
    ours = running()
    assert (ours.dns, ours.alias) == (FAR_DNS, "to Paris")
    run("wg-quick", "down", str(file))
    assert (running().exists, running().dns, RESOLV_CONF.read_text()) == (False, NO_DNS, before)

    run("wg-quick", "up", str(file))
    assert running() == ours
    assert once(options) == []
    ensure_absent(options, False)
    assert (running().exists, running().dns, RESOLV_CONF.read_text()) == (False, NO_DNS, before)


@pytest.mark.usefixtures("resolver")
@pytest.mark.parametrize("resolver", [resolved], indirect=True)
def test_a_run_that_fails_puts_the_name_servers_back(near: dict[str, Any]) -> None:
    once(near, **DNS)
    before = running()
    # Routes come after name servers, and this one is taken.
    run("ip", "route", "add", "blackhole", "10.9.0.2/32", "table", "99")
    try:
        with pytest.raises(ConvergeError, match=r"add route 10\.9\.0\.2/32.*The previous state has been restored"):
            once(near, table="99", dns=["10.9.0.7"], alias="new")
    finally:
        run("ip", "route", "flush", "table", "99")
    assert running() == before


def test_name_servers_that_others_set_are_left_alone_changed_and_cleared(near: dict[str, Any], resolver: str) -> None:
    once(near)
    record = "nameserver 10.9.0.3\nsearch Other.example\n"
    subprocess.run(["resolvconf", "-a", "wg0"], input=record, text=True, check=True)
    assert once(near) == []
    assert once(near, dns=["10.9.0.2"]) == ["set dns 10.9.0.2, dns_search other.example"]
    assert once(near, dns=[]) == ["clear dns"]
    once(near, **DNS)
    run("ip", "link", "delete", "wg0")
    # A record outlives its interface.
    stale = resolver == "openresolv"
    assert running().dns == (FAR_DNS if stale else NO_DNS)
    assert described(ensure_absent(near, False)) == (["clear dns"] if stale else [])
    assert running().dns == NO_DNS


@pytest.mark.usefixtures("resolver")
@pytest.mark.parametrize("resolver", [resolved], indirect=True)
def test_a_run_that_is_not_about_name_servers_does_not_look_at_them(near: dict[str, Any]) -> None:
    programs: list[str] = []
    sys.addaudithook(lambda event, args: programs.append(str(args[0])) if event == "subprocess.Popen" else None)
    once(near)
    assert not [program for program in programs if "resolv" in program or "systemctl" in program]
    once(near, dns=[])
    assert [program for program in programs if "resolv" in program]
