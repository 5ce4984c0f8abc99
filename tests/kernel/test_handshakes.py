# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that ends a session begins another one, before the other end sends into the old one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import ensure_present
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import trigger_handshake
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_public_key
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import (
    Host,
    described,
    strangers,
    tunnel,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints, key_file

ENOUGH_SECONDS = 30


class Site:
    """``left`` knows the endpoint of ``right`` and sends no keepalives, so that only traffic begins a session."""

    def __init__(self, left: Host, right: Host, folder: Path) -> None:
        self.left, self.right = left, right
        options, theirs = tunnel(left, right)
        right.converge(**theirs)
        (peer,) = options["peers"]
        self.peer = {**peer, "persistent_keepalive": 0}
        self.options: dict[str, Any] = {
            "interface": "wg0",
            "private_key_file": str(key_file(left, folder)),
            "addresses": options["addresses"],
            "peers": [self.peer],
        }

    def run(self, check_mode: bool = False, **options: Any) -> list[str]:
        """The operations of one run on the left host."""
        with self.left.entered():
            return described(ensure_present({**self.options, **options}, check_mode, []))

    def handshake(self) -> float:
        """When the right host, which answers, last saw a new session in use: from then on it sends into that one."""
        return self.right.peer(self.left).latest_handshake

    def await_handshake(self, after: float = 0) -> None:
        self.await_true(lambda: self.handshake() > after)

    def await_true(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + ENOUGH_SECONDS
        while not holds():
            assert time.monotonic() < end, f"not within {ENOUGH_SECONDS} s"
            time.sleep(0.1)


@pytest.fixture
def site(pair: tuple[Host, Host], tmp_path: Path) -> Iterator[Site]:
    forget_endpoints()
    yield Site(*pair, tmp_path)
    forget_endpoints()


def remove_peer(site: Site) -> None:
    site.left.run("wg", "set", "wg0", "peer", str(site.right.public_key), "remove")


def bounce(site: Site) -> None:
    site.left.run("ip", "link", "set", "wg0", "down")


def delete(site: Site) -> None:
    site.left.run("ip", "link", "delete", "wg0")


@pytest.mark.parametrize("end_session", [remove_peer, bounce, delete])
def test_the_other_end_loses_nothing_after_a_session_ended(site: Site, end_session: Callable[[Site], None]) -> None:
    """Otherwise the other end would send into the old session until it misses an answer, for up to 15 seconds."""
    site.run()
    site.right.ping("10.9.0.1")
    before = site.handshake()
    end_session(site)
    assert site.run()
    site.await_handshake(after=before)
    # One packet, whose answer must not need another handshake.
    site.right.run("ping", "-n", "-c", "1", "-W", "4", "10.9.0.1")
    assert site.run() == []


def test_a_changed_key_shakes_hands_too(site: Site, tmp_path: Path) -> None:
    site.run()
    site.left.ping("10.9.0.2")
    other = Host("another")
    (tmp_path / "other").mkdir()
    (theirs,) = tunnel(other, site.right)[1]["peers"]
    site.right.converge(peers=[theirs], peers_mode="merge")
    site.run(private_key_file=str(key_file(other, tmp_path / "other")))
    site.await_true(lambda: site.right.peer(other).latest_handshake > 0)


def test_only_peers_with_an_endpoint_and_allowed_ips_are_tried(site: Site) -> None:
    plain, silent = strangers(2)
    silent |= {"endpoint": "192.0.2.77:9", "allowed_ips": []}
    # The kernel tries them in order.
    site.run(peers=[plain, silent, site.peer])
    site.await_handshake()
    peers = site.left.read().device.peers
    assert [peers[parse_public_key(stranger["public_key"])].transfer_tx for stranger in (plain, silent)] == [0, 0]


def test_check_mode_and_a_run_without_a_change_send_nothing(site: Site) -> None:
    site.run()
    site.await_handshake()
    before = site.right.peer(site.left)
    assert site.run() == []
    remove_peer(site)
    assert site.run(check_mode=True)
    time.sleep(1)
    assert site.right.peer(site.left) == before


def test_keepalives_are_as_wanted(site: Site) -> None:
    site.run(peers=[{**site.peer, "persistent_keepalive": 17}])
    site.await_handshake()
    assert site.left.peer(site.right).persistent_keepalive == 17


def test_many_new_peers_cost_a_bounded_number_of_handshakes(site: Site, say: Callable[[str], None]) -> None:
    peers = [{**peer, "endpoint": "192.0.2.2:51820"} for peer in strangers(2000)]
    began = time.monotonic()
    site.run(peers=peers)
    say(f"2000 peers with endpoints added in {time.monotonic() - began:.1f} s")
    most = trigger_handshake._MOST_HANDSHAKES

    def tried() -> int:
        return sum(peer.transfer_tx > 0 for peer in site.left.read().device.peers.values())

    site.await_true(lambda: tried() == most)
    assert site.run(peers=peers) == []
    assert tried() == most
