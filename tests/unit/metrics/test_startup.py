# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the startup files ask for is what the options asked for that they were written from."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.kernel import HostKernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.drift import find_drift
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.memory import (
    Memory,
    load_memory,
    save_memory,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.peers import Labels
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.settings import (
    MetricsSettings,
    WatchedInterface,
    parse_metrics_settings,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.startup import parse_table_file
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.startup_files import StartupFiles
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.metrics import render_metrics_settings
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.own_table import TABLE_FILE_MARK
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import MAIN_TABLE, Route, fresh_state
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.inventories import key_of

KEY = PrivateKey(b"startup".ljust(32, b"."))
OPTIONS = {
    "interface": "wg0",
    "listen_port": 51820,
    "mtu": 1400,
    "fwmark": "0x7",
    "table": "123",
    "alias": "an alias",
    "addresses": ["10.8.0.1/24", "fd00::1/64"],
    "nftables": 'chain input {\n  iifname "wg0" drop\n}\n',
    "peers": [
        {"name": "one", "public_key": key_of("one"), "allowed_ips": ["10.8.0.2/32"], "endpoint": "one.example.org:7"},
        {"public_key": key_of("two"), "allowed_ips": [], "preshared_key": key_of("psk"), "persistent_keepalive": "25"},
    ],
}


@pytest.fixture
def files(tmp_path: Path) -> StartupFiles:
    key = tmp_path / "wg0.key"
    key.touch(0o600)
    key.write_text(KEY.reveal_base64() + "\n")
    given = {**OPTIONS, "path": str(tmp_path / "wg0.conf"), "private_key_file": str(key), "nftables": ""}
    ensure_config(given, own_directory=str(tmp_path))
    return StartupFiles("wg0", str(tmp_path))


def test_the_files_ask_for_what_they_were_written_from(files: StartupFiles) -> None:
    wanted = parse_interface(OPTIONS, KEY)
    found = files.desired({})
    for name in ("private_key", "listen_port", "mtu", "fwmark", "table", "alias", "peers_mode", "netns", "up"):
        assert getattr(found, name) == getattr(wanted, name), name
    assert sorted(found.addresses or ()) == sorted(wanted.addresses or ())
    assert [(peer.name, peer.allowed_ips) for peer in found.peers or ()] == [
        (peer.name, peer.allowed_ips) for peer in wanted.peers or ()
    ]
    assert [peer.persistent_keepalive for peer in found.peers or ()] == [0, 25]
    assert all(peer.endpoint is None for peer in found.peers or ())
    assert found.nftables == ""
    assert files.names == {key_of("one"): "one"}


def test_options_that_are_not_in_the_file_are_taken_from_the_settings(files: StartupFiles) -> None:
    found = files.desired({"netns": "vpn", "birth_netns": "vpn", "peers_mode": "merge", "keep_routes": True})
    assert (found.netns, found.birth_netns, found.peers_mode, found.keep_routes) == ("vpn", "vpn", "merge", True)


@pytest.mark.parametrize(
    ("handshakes", "count"),
    [((0, 0), 0), ((5, 0), 0), ((5, 7), 0), ((5, 7), 1)],
    ids=["new", "old key in use", "next key in use", "next key in use without its allowed IPs"],
)
def test_allowed_ips_that_follow_a_key_are_no_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handshakes: tuple[int, int], count: int
) -> None:
    keys = [parse_public_key(key_of(name)) for name in ("present", "next")]
    mine: dict[str, Any] = {"allowed_ips": frozenset([parse_prefix("10.8.0.2/32")]), "persistent_keepalive": 25}
    used = handshakes[1] > handshakes[0] and not count
    there = {
        key: RunningPeer(key, latest_handshake=handshake)._replace(**(mine if which == used else {}))
        for which, (key, handshake) in enumerate(zip(keys, handshakes, strict=True))
    }
    state = fresh_state("wg0")
    state = replace(state, exists=True, up=True, mtu=1420, device=RunningDevice("wg0", private_key=KEY, peers=there))
    state = replace(state, routes=frozenset([Route(parse_prefix("10.8.0.2/32"), MAIN_TABLE)]))
    monkeypatch.setattr(HostKernel, "read", lambda *_arguments: state)
    head = f"[Interface]\nPrivateKey = {KEY.reveal_base64()}\n"
    peers = [f"[Peer]\n# friendly_name = one\nPublicKey = {key}\n" for key in keys]
    own = "AllowedIPs = 10.8.0.2/32\nPersistentKeepalive = 25\n"
    (tmp_path / "wg0.conf").write_text("\n".join([head, peers[0] + own, peers[1]]))
    found = find_drift(WatchedInterface("wg0", {}), StartupFiles("wg0", str(tmp_path)))
    assert [operation.partition(" (")[0] for operation in found] == ["peer one"] * 2 * count, found


def test_a_file_that_was_replaced_has_another_identity(files: StartupFiles, tmp_path: Path) -> None:
    before = StartupFiles("wg0", str(tmp_path)).identity
    assert StartupFiles("wg0", str(tmp_path)).identity == before
    text = (tmp_path / "wg0.conf").read_text()
    (tmp_path / "new").write_text(text)
    (tmp_path / "new").rename(tmp_path / "wg0.conf")
    other = StartupFiles("wg0", str(tmp_path)).identity
    assert other != before
    (tmp_path / "wg0.nft").write_text("")
    assert StartupFiles("wg0", str(tmp_path)).identity not in (before, other)


TABLE = f"""{TABLE_FILE_MARK}: and more
add table inet cryptokey-wg0
delete table inet cryptokey-wg0
table inet cryptokey-wg0 {{
"""


@pytest.mark.parametrize("name", ["wg0.conf", "wg0.nft"])
def test_a_pipe_in_place_of_a_file_is_refused_at_once(files: StartupFiles, tmp_path: Path, name: str) -> None:
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)

    def give_up(*_signal: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    try:
        with pytest.raises(InputError, match=f"{name}.*not a regular file"):
            StartupFiles("wg0", str(tmp_path)).desired({})
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_the_body_of_a_table_file_is_found() -> None:
    assert parse_table_file(f"{TABLE}chain x {{\n}}\n}}\n", "wg0", "path") == "chain x {\n}\n"


@pytest.mark.parametrize(
    "text",
    [TABLE_FILE_MARK, f"{TABLE_FILE_MARK}\ntable inet cryptokey-wg0 {{\n}}\n", f"{TABLE}}}\nflush ruleset\n"],
)
def test_a_table_file_that_was_changed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"the-path.*run Ansible again"):
        parse_table_file(text, "wg0", "the-path")


@pytest.mark.parametrize("text", ["", "table inet filter {\n}\n", "# of the operator\ninclude 'x'\n"])
def test_the_file_of_somebody_else_is_left_alone_as_config_does(text: str) -> None:
    assert parse_table_file(text, "wg0", "the-path") == ""


def test_settings_are_read_as_they_were_written() -> None:
    interfaces = [{"interface": "wg0", "options": {"netns": "vpn"}, "forwarding": ["ipv4"], "clients": {"phone": 7}}]
    text = render_metrics_settings({"directory": "/somewhere", "interfaces": interfaces})
    watched = WatchedInterface("wg0", {"netns": "vpn"}, ("ipv4",), {"phone": 7})
    assert parse_metrics_settings(text) == MetricsSettings("/somewhere", (watched,))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"directory": "/x"}', '{"directory": "/x", "interfaces": [7]}'])
def test_settings_that_are_torn_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="run Ansible again"):
        parse_metrics_settings(text)


def test_what_is_remembered_is_read_back_and_a_torn_file_is_nothing(tmp_path: Path) -> None:
    memory = Memory(
        "a", [Labels(b"{x}\n{y}", b"12"), Labels(b"", b"")], {"k": "n"}, "s", ("do this",), ("here", 7), "t"
    )
    (tmp_path / "run").mkdir(0o700)
    save_memory("wg0", memory, str(tmp_path / "run"))
    assert load_memory("wg0", str(tmp_path / "run")) == memory
    assert load_memory("wg1", str(tmp_path / "run")) == Memory()
    file = tmp_path / "run/wg0.metrics"
    file.write_bytes(file.read_bytes()[:-1])
    assert load_memory("wg0", str(tmp_path / "run")) == Memory()
    file.write_bytes(b'{"stamp": ["here"], "operations": [], "sizes": []}\n')
    assert load_memory("wg0", str(tmp_path / "run")) == Memory()
