# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the role's timer: dead peers are found again by their names, live ones are left alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    comparable,
    make_hosts,
    peer_options,
    strangers,
    tunnel,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect
from ansible_collections.cryptokey.wireguard.tests.kernel.test_endpoints import (
    RIGHT,
    Names,
    bring_up,
    endpoint_at,
    move,
    names,
    options_with,
)

__all__ = ["names"]
PROGRAM = Path(__file__).parents[2] / "roles" / "network" / "files" / "reresolve.sh"


@pytest.fixture
def file() -> Iterator[Path]:
    """The startup state of wg0, which all namespaces of this machine share."""
    path = Path("/etc/wireguard/wg0.conf")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(0o600)
    yield path
    path.unlink(missing_ok=True)


def startup_of(host: Host, options: dict[str, Any]) -> str:
    return render(overlay(parse_interface({"interface": "wg0", **options}, host.private_key), WgQuickFile()))


def reresolve(host: Host) -> str:
    return host.run("sh", str(PROGRAM), "wg0")


def put_forward(seconds: float) -> None:
    """The machine's clock. Sessions do not go by it, but the age of a handshake does."""
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)


def silence(host: Host, silent: bool = True) -> None:
    """Have it answer nothing to the left host, however long that lasts on a slow machine. Its sessions stay."""
    host.run("ip", "link", "set", "left", "down" if silent else "up")


@pytest.fixture
def wait_until_dead() -> Iterator[Callable[[], None]]:
    """Once; when all is over, the time that it took is given back."""
    yield lambda: put_forward(200)
    put_forward(-200)


def test_a_dead_peer_is_found_again_and_a_live_one_is_left_alone(
    file: Path, names: Names, wait_until_dead: Callable[[], None]
) -> None:
    with make_hosts("left", "right", "other") as (spoke, hub, other):
        connect(spoke, "192.0.2.1/24", hub, "192.0.2.2/24")
        connect(spoke, "198.51.100.1/24", other, "198.51.100.2/24")
        names("hub.test", "192.0.2.2")
        options, _hub_options = bring_up(spoke, hub, endpoint="hub.test:51820")
        file.write_text(startup_of(spoke, options))
        move(hub)
        # Or it would show itself where it is now, as it had no answer to its last packet for 15 seconds.
        silence(hub)
        names("hub.test", "192.0.2.3")
        before = spoke.read()
        assert reresolve(spoke) == ""
        assert comparable(spoke.read()) == comparable(before)

        wait_until_dead()
        live = peer_options(other, endpoint="other.test:51820", allowed_ips=["10.9.0.3/32"], persistent_keepalive=25)
        names("other.test", "198.51.100.2")
        both = {**options, "peers": [*options["peers"], live]}
        back = peer_options(spoke, allowed_ips=["10.9.0.1"])
        other.converge(listen_port=51820, addresses=["10.9.0.3/24"], peers=[back])
        # The hub's name has no address meanwhile: it keeps its endpoint, though it is dead.
        spoke.converge(**both)
        spoke.ping("10.9.0.3")
        file.write_text(startup_of(spoke, both))
        before = spoke.read()
        assert reresolve(spoke) == ""
        assert comparable(spoke.read()) == comparable(before)

        names("hub.test", "192.0.2.3")
        assert reresolve(spoke) == (
            f"wg0: peer {hub.public_key}: endpoint 192.0.2.2:51820 -> 192.0.2.3:51820 (hub.test)\n"
        )
        silence(hub, False)
        spoke.ping(RIGHT)
        spoke.ping("10.9.0.3")
        assert (endpoint_at(spoke, hub), endpoint_at(spoke, other)) == ("192.0.2.3:51820", "198.51.100.2:51820")


def test_a_peer_that_does_not_answer_at_one_address_is_called_at_the_next(
    pair: tuple[Host, Host], file: Path, names: Names
) -> None:
    spoke, hub = pair
    options, hub_options = tunnel(spoke, hub)
    options = options_with(options, endpoint="hub.test:51820")
    move(hub)
    hub.converge(**hub_options)
    names("hub.test", "192.0.2.2", "192.0.2.3", "2001:db8::3")
    spoke.converge(**options_with(options, persistent_keepalive=0))
    file.write_text(startup_of(spoke, options))
    # Nobody calls it: no answer tells nothing.
    assert reresolve(spoke) == ""
    spoke.converge(**options)
    assert endpoint_at(spoke, hub) == "192.0.2.2:51820"
    silence(hub)
    seen = [reresolve(spoke).rpartition(" -> ")[2] for _attempt in range(3)]
    expected = [f"{address}:51820 (hub.test)\n" for address in ("192.0.2.3", "[2001:db8::3]", "192.0.2.2")]
    assert seen == expected
    silence(hub, False)
    reresolve(spoke)
    spoke.ping(RIGHT, count=8)
    assert reresolve(spoke) == ""
    assert endpoint_at(spoke, hub) == "192.0.2.3:51820"


def test_only_what_has_a_name_and_is_there_is_touched(host: Host, file: Path, names: Names) -> None:
    plain, scoped, missing, silent, by_name = strangers(5)
    names("peer.test", "192.0.2.7")
    (plain["endpoint"], scoped["endpoint"]) = ("192.0.2.5:1", "[2001:db8::5]:1")
    host.converge(peers=[plain, scoped, silent, by_name])
    before = host.read()
    keys = [peer["public_key"] for peer in (plain, scoped, missing, silent, by_name)]
    file.write_text(
        "[Interface]\n# [Peer]\n"
        f"[Peer]\nPublicKey = {keys[0]}\nEndpoint = 192.0.2.6:1\n"
        f"[Peer]\nPublicKey = {keys[1]}\nEndpoint = [2001:db8::6]:1\n"
        f"[Peer]\nPublicKey = {keys[2]}\nEndpoint = peer.test:1\n"
        f"[Peer]\nPublicKey = {keys[3]}\n# Endpoint = peer.test:1\n"
        f"[ peer ]\r\n endpoint=peer.test : 9 # home\r\nPUBLICKEY\t= {keys[4]}\r\n"
    )
    assert reresolve(host) == f"wg0: peer {keys[4]}: endpoint (none) -> 192.0.2.7:9 (peer.test)\n"
    after = host.read()
    changed = {str(key) for key, peer in after.device.peers.items() if peer != before.device.peers.get(key)}
    assert (changed, len(after.device.peers)) == ({keys[4]}, 4)
    assert reresolve(host) == ""


def test_a_peer_that_is_removed_while_its_name_is_looked_up_stays_removed(
    host: Host, file: Path, tmp_path: Path
) -> None:
    """wg(8) would add it, with no allowed IPs but with a way in."""
    gone, stays = strangers(2)
    host.converge(peers=[gone, stays])
    keys = [peer["public_key"] for peer in (gone, stays)]
    file.write_text("".join(f"[Peer]\nPublicKey = {key}\nEndpoint = peer.test:9\n" for key in keys))
    getent = tmp_path / "getent"
    getent.write_text(f"#!/bin/sh\nwg set wg0 peer {keys[0]} remove\necho 192.0.2.7 STREAM\n")
    getent.chmod(0o755)
    said = host.run("env", f"PATH={tmp_path}:/usr/bin:/bin:/usr/sbin", "sh", str(PROGRAM), "wg0")
    assert said == f"wg0: peer {keys[1]}: endpoint (none) -> 192.0.2.7:9 (peer.test)\n"
    assert list(map(str, host.read().device.peers)) == [keys[1]]


def test_where_there_is_no_interface_or_no_file_there_is_nothing_to_do(host: Host, file: Path) -> None:
    assert reresolve(host) == ""
    host.converge()
    file.unlink()
    assert reresolve(host) == ""
