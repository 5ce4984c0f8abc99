# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provisional changes on the real kernel, where time limits have to pass. What is quicker is in test_rollback.py."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._provisional.record import find_report
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.endpoints import load_endpoints
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import DIRECTORY
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    comparable,
    key_of,
    strangers,
    tunnel,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints, run_module
from ansible_collections.cryptokey.wireguard.tests.kernel.provisional import (
    PATIENT,
    SECONDS,
    Side,
    leftovers,
    settled,
    wait_until,
)

PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def wrong_key(side: Side) -> dict[str, Any]:
    (stranger,) = strangers(1)
    return {"peers": side.peer(public_key=stranger["public_key"])}


BREAKS: dict[str, Callable[[Side], dict[str, Any]]] = {
    "wrong endpoint, preshared key and keepalive": lambda side: {
        "peers": side.peer(endpoint="192.0.2.77:51820", preshared_key=PRESHARED_KEY, persistent_keepalive=0)
    },
    "wrong key of the peer": wrong_key,
    "allowed_ips that steal the way to the peer itself": lambda side: {
        "peers": side.peer(allowed_ips=["10.9.0.2/32", "192.0.2.2/32"])
    },
    "other addresses, port, mark and MTU": lambda side: {
        "addresses": ["10.77.0.1/24"],
        "listen_port": 51999,
        "fwmark": 0,
        "mtu": 1300,
    },
    "down": lambda side: {"up": False},
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_change_that_nobody_confirms_is_undone_by_a_process_of_its_own(side: Side, name: str) -> None:
    before = comparable(side.host.read())
    learned = comparable(side.other.read())
    result = side.run(**BREAKS[name](side), confirm="always", confirm_timeout=SECONDS)
    assert (result["changed"], result["provisional"]) == (True, True)
    assert comparable(side.host.read()) != before
    assert Path(f"{DIRECTORY}/wg0.unconfirmed").stat().st_mode & 0o777 == 0o600
    settled("wg0")
    assert comparable(side.host.read()) == before
    report = find_report("wg0")
    assert report
    assert (report.change, report.problem) == (result["change"], "")
    assert report.changes
    wait_until(lambda: leftovers() == [], 5)
    # The old session, or a new one where the peer had gone.
    side.host.ping("10.9.0.2")
    side.other.ping("10.9.0.1")
    assert comparable(side.other.read()) == learned


def test_another_private_key_is_undone(side: Side, tmp_path: Path) -> None:
    before = comparable(side.host.read())
    other = tmp_path / "other.key"
    other.touch(0o600)
    other.write_text(key_of("other").reveal_base64())
    side.run(private_key_file=str(other), confirm="always", confirm_timeout=SECONDS)
    assert comparable(side.host.read()) != before
    settled("wg0")
    assert comparable(side.host.read()) == before
    side.host.ping("10.9.0.2")


def test_a_firewall_on_the_new_port(side: Side) -> None:
    """The peer calls us at the port that we had, and its firewall drops what comes from the new one."""
    before = comparable(side.host.read())
    rules = "table ip lab { chain guard { type filter hook input priority 0; udp sport 51999 drop; }; }"
    side.other.run("nft", rules)
    result = side.run(listen_port=51999, confirm="always", confirm_timeout=40)
    with pytest.raises(RuntimeError, match="nothing was received through the tunnel from right since the change"):
        side.confirm(change=result["change"])
    answer = side.confirm(change=result["change"], state="rolled_back")
    assert answer["rolled_back"]["changes"] == ["set listen_port 51820"]
    assert comparable(side.host.read()) == before
    side.host.ping("10.9.0.2")


def test_endpoints_that_were_learned_come_back(pair: tuple[Host, Host], tmp_path: Path) -> None:
    """The right host knows where the left one is from its packets alone, and can call it again after the rollback."""
    forget_endpoints()
    left, right = pair
    ours, theirs = tunnel(left, right)
    ours["peers"][0]["persistent_keepalive"] = 0
    run_module(right, tmp_path, interface="wg0", **theirs)
    left.converge(**ours)
    left.ping("10.9.0.2")
    endpoint = right.peer(left).endpoint
    assert endpoint
    run_module(right, tmp_path, interface="wg0", **{**theirs, "peers": []}, confirm="always", confirm_timeout=SECONDS)
    assert right.read().device.peers == {}
    settled("wg0")
    assert right.peer(left).endpoint == endpoint
    right.ping("10.9.0.1")
    forget_endpoints()


def test_an_interface_that_was_not_there_goes_again(pair: tuple[Host, Host], tmp_path: Path) -> None:
    forget_endpoints()
    left, right = pair
    ours, _theirs = tunnel(left, right)
    before = left.read()
    run_module(left, tmp_path, interface="wg0", **ours, confirm="always", confirm_timeout=SECONDS)
    assert left.read().exists
    settled("wg0")
    assert left.read() == before
    assert load_endpoints("wg0") == {}


def test_an_interface_as_somebody_left_it(pair: tuple[Host, Host], tmp_path: Path) -> None:
    """Without a key or a port, down, with a peer that was never anywhere."""
    left, right = pair
    left.run("ip", "link", "add", "wg0", "type", "wireguard")
    left.run("wg", "set", "wg0", "peer", str(right.public_key), "allowed-ips", "10.9.0.2/32")
    before = comparable(left.read())
    assert (before.device.private_key, before.device.listen_port, before.up) == (None, 0, False)
    ours, _theirs = tunnel(left, right)
    run_module(left, tmp_path, interface="wg0", **ours, confirm="always", confirm_timeout=SECONDS)
    settled("wg0")
    assert comparable(left.read()) == before
    forget_endpoints()


def test_a_good_change_is_confirmed_and_stays(side: Side) -> None:
    wanted = {"mtu": 1300, "peers": side.peer(allowed_ips=["10.9.0.2/32", "10.10.0.0/16"])}
    result = side.run(**wanted, confirm="always", confirm_timeout=40)
    assert load_endpoints("wg0")
    after = comparable(side.host.read())
    confirmed = side.confirm(change=result["change"])
    assert (confirmed["changed"], confirmed["tunnels"]) == (True, ["right"])
    assert leftovers() == []
    time.sleep(41)
    assert comparable(side.host.read()) == after
    assert side.run(**wanted)["changed"] is False
    with pytest.raises(RuntimeError, match="there is no unconfirmed change"):
        side.confirm()


def test_what_is_applied_is_remembered_once_it_is_confirmed(side: Side) -> None:
    remembered = load_endpoints("wg0")
    moved = {"peers": side.peer(endpoint="192.0.2.2:51999")}
    side.run(**moved, confirm="always", confirm_timeout=SECONDS)
    assert load_endpoints("wg0") == remembered
    side.confirm(state="rolled_back")
    assert load_endpoints("wg0") == remembered
    side.other.converge(**{**tunnel(side.host, side.other)[1], "listen_port": 51999})
    side.run(**moved, confirm="always", confirm_timeout=PATIENT)
    side.confirm()
    assert load_endpoints("wg0") == {side.other.public_key: "192.0.2.2:51999"}


@pytest.mark.parametrize(
    ("client", "server", "provisional"),
    [("10.9.0.2", "10.9.0.1", True), ("10.9.0.77", "192.0.2.1", True), ("192.0.2.2", "192.0.2.1", False)],
)
def test_whether_the_connection_runs_over_it_is_found_out(
    side: Side, monkeypatch: pytest.MonkeyPatch, client: str, server: str, provisional: bool
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", f"{client} 50000 {server} 22")
    result = side.run(mtu=1300, confirm="auto", confirm_timeout=SECONDS)
    assert result["provisional"] is provisional
    if provisional:
        side.confirm(state="rolled_back")


def test_a_new_route_that_would_steal_the_connection(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.2 50000 192.0.2.1 22")
    before = comparable(side.host.read())
    stolen = {"peers": side.peer(allowed_ips=["10.9.0.2/32", "192.0.2.2/32"])}
    assert side.run(**stolen, confirm="auto", confirm_timeout=SECONDS)["provisional"] is True
    settled("wg0")
    assert comparable(side.host.read()) == before
