# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that change their key: which of the two has what belongs to the host, and how it moves."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.desired import read_desired
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningDevice, RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import SetPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink.errors import KernelError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation import follower, key_transition
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation.follower import (
    follow,
    is_followed,
    parse_following,
    stop_following,
    turn_path,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation.key_transition import split_peers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store import lock
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.device import Device
from ansible_collections.cryptokey.wireguard.tests.unit.files.test_lock import HOLD, holding
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import run_module

OLD, NEXT, OTHER = (PublicKey(bytes([number] * 32)) for number in (1, 2, 3))
SECRETS = tuple(str(PublicKey(bytes([number] * 32))) for number in (4, 5))
PREFIX = parse_prefix("10.8.0.2/32")
ENTRY = {
    "name": "a",
    "public_key": str(OLD),
    "preshared_key": SECRETS[0],
    "next_public_key": str(NEXT),
    "next_preshared_key": SECRETS[1],
    "endpoint": "192.0.2.1:51820",
    "allowed_ips": ["10.8.0.2/32"],
    "persistent_keepalive": "25",
}


def peers(old: float | None, successor: float | None, at: PublicKey = OLD) -> dict[PublicKey, RunningPeer]:
    """With these times of handshakes, None for no such peer, and the prefix at one of them."""
    times = {OLD: old, NEXT: successor, OTHER: 99.0}
    return {
        key: RunningPeer(key, allowed_ips=frozenset([PREFIX] if key == at else []), latest_handshake=when)
        for key, when in times.items()
        if when is not None
    }


@pytest.mark.parametrize(
    ("handshakes", "owner"),
    [
        ((None, None), OLD),
        ((0, 0), OLD),
        ((5, 0), OLD),
        ((5, 4), OLD),
        ((5, 6), NEXT),
        ((0, 6), NEXT),
        ((None, 6), NEXT),
    ],
)
def test_what_is_given_goes_to_the_key_that_shook_hands_last(
    handshakes: tuple[float | None, float | None], owner: PublicKey
) -> None:
    found = parse_interface({"interface": "wg0", "peers": list(split_peers([ENTRY], lambda: peers(*handshakes)))})
    assert [(peer.public_key, peer.name) for peer in found.peers or ()] == [(OLD, "a"), (NEXT, "a")]
    for peer, secret in zip(found.peers or (), SECRETS, strict=True):
        has = peer.public_key == owner
        assert peer.allowed_ips == frozenset([PREFIX] if has else [])
        assert (peer.endpoint is not None, peer.persistent_keepalive) == (has, 25 if has else 0)
        assert peer.preshared_key is not None
        assert peer.preshared_key.reveal_base64() == secret


def test_the_kernel_is_asked_only_where_somebody_changes_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def running(options: Any) -> dict[PublicKey, RunningPeer]:
        asked.append(options)
        return {}

    monkeypatch.setattr(key_transition, "_running_peers", running)
    for entry, keys in (({**ENTRY, "next_public_key": None}, [OLD]), (ENTRY, [OLD, NEXT])):
        assert asked == []
        options = {"interface": "wg0", "private_key_file": str(tmp_path / "none"), "peers": [entry]}
        assert [peer.public_key for peer in read_desired(options, check_mode=True).peers or ()] == keys
    assert len(asked) == 1


def test_a_bad_next_key_is_refused_by_its_path() -> None:
    entries: list[dict[str, Any]] = [{"public_key": str(OTHER)}, {**ENTRY, "next_public_key": "junk"}]
    with pytest.raises(InputError, match=r"^peers\[1\]\.next_public_key 'junk': not a WireGuard key"):
        list(split_peers(entries, dict))


@pytest.mark.parametrize("successor", [6.0, 5.5])
def test_prefixes_and_keepalive_move_to_the_next_key_and_back(successor: float) -> None:
    there = peers(5.0, successor)
    there[OLD] = there[OLD]._replace(persistent_keepalive=25)
    moved = [SetPeer(NEXT, persistent_keepalive=25, add=(PREFIX,)), SetPeer(OLD, persistent_keepalive=0)]
    assert follow(RunningDevice("wg0", peers=there), {OLD: NEXT}) == moved
    back = [SetPeer(OLD, persistent_keepalive=0, add=(PREFIX,)), SetPeer(NEXT, persistent_keepalive=0)]
    assert follow(RunningDevice("wg0", peers=peers(7.0, successor, at=NEXT)), {OLD: NEXT}) == back


@pytest.mark.parametrize(
    "there", [peers(5, 0), peers(0, 0), peers(5, 6, at=NEXT), peers(None, 6, at=NEXT), peers(5, None)]
)
def test_what_is_in_its_place_stays(there: dict[PublicKey, RunningPeer]) -> None:
    assert follow(RunningDevice("wg0", peers=there), {OLD: NEXT}) == []


def test_only_those_that_change_are_followed() -> None:
    options = {"interface": "wg0", "next_public_keys": {str(OLD): str(NEXT)}, "seconds": 60}
    assert parse_following(options).next_keys == {OLD: NEXT}
    for seconds in (0, 86401):
        with pytest.raises(InputError, match="seconds"):
            parse_following({**options, "seconds": seconds})


def test_following_ends_when_it_has_no_turn_or_nobody_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    following = parse_following({"interface": "wg0", "next_public_keys": {str(OLD): str(NEXT)}, "seconds": 60})
    states = [peers(5, 0), peers(5, 0), peers(None, 6)]
    monkeypatch.setattr(Device, "read", lambda _device: RunningDevice("wg0", peers=states.pop(0)))
    follower.follow_on(following, lambda: True)
    assert states == []
    turns = [True, True, False]
    states = [peers(5, 0)] * 9
    follower.follow_on(following, lambda: turns.pop(0))
    assert len(states) == 7
    follower.follow_on(following._replace(seconds=-1), lambda: True)
    assert len(states) == 7


@pytest.mark.parametrize("number", [errno.EINTR, errno.ENOBUFS, errno.ENOMEM])
def test_following_outlasts_what_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    device = Peers(monkeypatch, peers(5, 6))
    found: list[Any] = [KernelError(number, "read the device"), device.there, device.there, peers(None, 6, at=NEXT)]

    def read(_device: object) -> RunningDevice:
        there = found.pop(0)
        if isinstance(there, Exception):
            raise there
        return RunningDevice("wg0", peers=there)

    monkeypatch.setattr(Device, "read", read)
    follower.follow_on(FOLLOWING, lambda: True, str(tmp_path / "locks"))
    assert device.applied == [MOVE]


def test_following_ends_with_the_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_device: object) -> RunningDevice:
        raise KernelError(errno.ENODEV, "read the device")

    monkeypatch.setattr(Device, "read", gone)
    with pytest.raises(KernelError, match="the interface does not exist any more"):
        follower.follow_on(FOLLOWING, lambda: True, str(tmp_path / "locks"))


class Peers:
    """A device whose peers another run changes, as soon as that is wanted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, there: dict[PublicKey, RunningPeer]) -> None:
        self.there = there
        self.applied: list[Any] = []
        monkeypatch.setattr(Device, "read", lambda _device: RunningDevice("wg0", peers=self.there))
        monkeypatch.setattr(Device, "apply", lambda _device, operations: self.apply(operations))

    def apply(self, operations: Any) -> None:
        self.applied.append(operations)
        self.there = peers(5, 6, at=NEXT)


FOLLOWING = parse_following({"interface": "wg0", "next_public_keys": {str(OLD): str(NEXT)}, "seconds": 60})
MOVE = [SetPeer(NEXT, persistent_keepalive=0, add=(PREFIX,)), SetPeer(OLD, persistent_keepalive=0)]


def test_nothing_is_moved_while_another_run_has_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)
    device = Peers(monkeypatch, peers(5, 6))
    turns = iter([True, True])
    with holding(HOLD, tmp_path):
        follower.follow_on(FOLLOWING, lambda: next(turns, False), str(tmp_path))
        assert device.applied == []
    turns = iter([True, True, True])
    follower.follow_on(FOLLOWING, lambda: next(turns, False), str(tmp_path))
    assert device.applied == [MOVE]


def test_it_is_decided_again_once_there_is_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = Peers(monkeypatch, peers(5, 6))
    with holding(HOLD, tmp_path) as other:

        def finish() -> None:
            device.there = peers(None, 6, at=NEXT)  # the other run knows the next key alone
            assert other.stdin is not None
            other.stdin.close()

        threading.Timer(0.3, finish).start()
        follower.follow_on(FOLLOWING, lambda: True, str(tmp_path))
    assert device.applied == []


def test_the_call_that_begins_it_waits_for_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)
    Peers(monkeypatch, peers(5, 0))
    with holding(HOLD, tmp_path) as other, pytest.raises(InputError, match=rf"locked by .* process {other.pid} "):
        follower.start_following(FOLLOWING, str(tmp_path))
    assert not Path(turn_path("wg0", str(tmp_path))).exists()


def test_the_process_outlives_its_maker_and_keeps_nothing_of_it_open(tmp_path: Path) -> None:
    reading, writing = os.pipe()

    def work() -> None:
        (tmp_path / "seen").write_text(" ".join(sorted(path.name for path in Path("/proc/self/fd").iterdir())))

    follower._detach(work)
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)
    end = time.monotonic() + 20
    while not (tmp_path / "seen").exists() or not (tmp_path / "seen").read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    # The fourth and fifth are the files that it reads and writes for this.
    assert set((tmp_path / "seen").read_text().split()) <= {"0", "1", "2", "3", "4"}


def test_to_have_nothing_follow_is_to_take_its_turn_away(tmp_path: Path) -> None:
    path = Path(turn_path("wg0", str(tmp_path)))
    path.write_text(json.dumps(["token", time.monotonic() + 60, []]))
    assert stop_following("wg0", True, str(tmp_path))
    assert path.exists()
    assert stop_following("wg0", False, str(tmp_path))
    assert not path.exists()
    assert not stop_following("wg0", False, str(tmp_path))


def test_to_stop_one_that_is_over_changes_nothing(tmp_path: Path) -> None:
    path = Path(turn_path("wg0", str(tmp_path)))
    path.write_text(json.dumps(["token", time.monotonic() - 1, []]))
    assert not stop_following("wg0", True, str(tmp_path))
    assert not stop_following("wg0", False, str(tmp_path))
    assert not path.exists()


def test_it_is_a_change_only_where_nothing_follows_the_same_peers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Peers(monkeypatch, peers(5, 0))
    monkeypatch.setattr(Device, "start_sessions", lambda _device, _peers: None)
    works: list[Any] = []
    monkeypatch.setattr(follower, "_detach", works.append)
    folder = str(tmp_path)
    assert not is_followed(FOLLOWING, folder)
    follower.start_following(FOLLOWING, folder)
    assert is_followed(FOLLOWING, folder)
    assert is_followed(FOLLOWING._replace(seconds=5), folder)
    assert not is_followed(FOLLOWING._replace(next_keys={OLD: OTHER}), folder)
    assert not is_followed(FOLLOWING._replace(namespaces=("vpn", "")), folder)
    follower.start_following(FOLLOWING._replace(seconds=0), folder)
    assert not is_followed(FOLLOWING, folder)  # its time is over
    works[0]()
    assert Path(turn_path("wg0", folder)).exists()  # that of the second one, which has the turn
    works[1]()
    assert not Path(turn_path("wg0", folder)).exists()


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("_follow", {"next_public_keys": {"junk": str(NEXT)}}, "next_public_keys[junk] 'junk': not a WireGuard key"),
        ("_follow", {"next_public_keys": {str(OLD): 7}}, f"next_public_keys[{OLD}] 7: not a WireGuard key"),
        ("_rekey", {"interface": "no/name"}, "not an interface name"),
    ],
)
def test_a_refusal_says_what_is_wrong(module: str, arguments: dict[str, Any], message: str) -> None:
    assert message in run_module(module, {"interface": "wg0", **arguments}).message


def test_without_a_next_key_there_is_nothing_to_change_to(tmp_path: Path) -> None:
    run = run_module("_rekey", {"interface": "wg0", "private_key_file": str(tmp_path / "wg0.key")})
    assert run.changed is False


def test_a_switch_that_is_not_settled_is_in_the_way(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for suffix, key in (("", OLD), (".next", NEXT), (".old", OTHER)):
        file = tmp_path / f"wg0.key{suffix}"
        file.touch(0o600)
        file.write_text(str(key))
    run = run_module("_rekey", {"interface": "wg0", "private_key_file": str(tmp_path / "wg0.key")})
    assert "its key rotation is not finished; finish it first" in run.message
