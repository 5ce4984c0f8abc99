# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host changes its key while pings run: it is cut off for a moment, and nobody else is at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.rekey import RekeyError, rekey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation.follower import (
    parse_following,
    start_following,
    stop_following,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._rotation.key_transition import split_peers
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.keyfile import converge_key, read_keys
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.private_key import read_private_key
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, make_hosts
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect
from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping

OUTAGE_SECONDS = 2.0
INTERVAL = 0.01
SPOKES = ("one", "two")


def secret_of(one: PublicKey, other: PublicKey) -> str:
    """A preshared key for each pair of keys."""
    return PresharedKey(bytes(a ^ b for a, b in zip(one, other))).reveal_base64()


class Star:
    """A hub at 10.9.0.1 with two spokes, each of which may change its key. ``next_keys``: what peers know of it."""

    def __init__(self, hosts: Sequence[Host], folder: Path, keepalive: int) -> None:
        self.hosts = {host.name: host for host in hosts}
        self.folder = folder
        self.keepalive = keepalive
        self.next_keys: dict[str, PublicKey] = {}
        hub = self.hosts["hub"]
        hub.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for n, name in enumerate(SPOKES, 2):
            connect(self.hosts[name], f"192.0.{n}.2/24", hub, f"192.0.{n}.1/24")
        for host in hosts:
            (folder / host.name).mkdir(mode=0o700)
            self.key_file(host.name).touch(0o600)
            self.key_file(host.name).write_text(host.private_key.reveal_base64())
            self.converge(host.name)
        for name in SPOKES:
            self.hosts[name].ping("10.9.0.1")

    def key_file(self, name: str) -> Path:
        return self.folder / name / "wg0.key"

    def options(self, name: str, own: PublicKey | None = None) -> dict[str, Any]:
        own = own or self.hosts[name].public_key
        number = 1 if name == "hub" else SPOKES.index(name) + 2
        peers = SPOKES if name == "hub" else ("hub",)
        return {
            "interface": "wg0",
            "private_key_file": str(self.key_file(name)),
            "path": str(self.folder / name / "wg0.conf"),
            "listen_port": 51820 if name == "hub" else None,
            "addresses": [f"10.9.0.{number}/24", f"fd09::{number}/64"],
            "peers": [self.peer(peer, number, own) for peer in peers],
        }

    def peer(self, name: str, number: int, own: PublicKey) -> dict[str, Any]:
        key = self.hosts[name].public_key
        entry: dict[str, Any] = {"name": name, "public_key": str(key), "preshared_key": secret_of(own, key)}
        if name == "hub":
            entry |= {"endpoint": f"192.0.{number}.1:51820", "allowed_ips": ["10.9.0.0/24", "fd09::/64"]}
            entry["persistent_keepalive"] = str(self.keepalive)
        else:
            at = SPOKES.index(name) + 2
            entry["allowed_ips"] = [f"10.9.0.{at}/32", f"fd09::{at}/128"]
        successor = self.next_keys.get(name)
        if successor:
            entry |= {"next_public_key": str(successor), "next_preshared_key": secret_of(own, successor)}
        return entry

    def converge(self, name: str) -> list[str]:
        """As the modules ``interface`` and ``config`` do."""
        host, options = self.hosts[name], self.options(name)
        options["peers"] = list(split_peers(options["peers"], lambda: dict(host.read().device.peers.items())))
        ensure_config(options, own_directory="/nowhere")
        for option in ("private_key_file", "path", "interface"):
            del options[option]
        private_key = read_private_key(str(self.key_file(name)))
        return [op.describe() for op in host.converge(private_key=private_key, **options).operations]

    def prepare(self, name: str) -> None:
        """Make a next key, and have the peers know it."""
        options = {"interface": "wg0", "private_key_file": str(self.key_file(name)), "state": "next"}
        successor = converge_key(options, own_directory="/nowhere").next_public_key
        assert successor is not None
        self.next_keys[name] = successor
        for peer in self.peers(name):
            self.converge(peer)

    def peers(self, name: str) -> Sequence[str]:
        return SPOKES if name == "hub" else ("hub",)

    def follow(self, name: str, seconds: int = 60) -> None:
        for peer in self.peers(name):
            entries = self.options(peer)["peers"]
            keys = {entry["public_key"]: entry["next_public_key"] for entry in entries if entry.get("next_public_key")}
            following = parse_following({"interface": "wg0", "next_public_keys": keys, "seconds": seconds})
            with self.hosts[peer].entered():
                start_following(following, str(self.folder / peer))

    def rekey(self, name: str, **more: Any) -> dict[str, float]:
        options = self.options(name, self.next_keys[name])
        with self.hosts[name].entered():
            done = rekey({**options, "answering": self.peers(name), "timeout": 12, **more})
        return dict(done.seconds)

    def finish(self, name: str) -> None:
        """The next key is the key from now on, everywhere."""
        host = self.hosts[name]
        host.private_key, host.public_key = read_private_key(str(self.key_file(name))), self.next_keys.pop(name)
        for each in self.hosts:
            self.converge(each)


@pytest.fixture
def star(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Star]:
    """With a keepalive, unless the test's parameter says another."""
    with make_hosts("hub", *SPOKES) as hosts:
        built = Star(hosts, tmp_path, getattr(request, "param", 25))
        yield built
        for name in built.hosts:
            stop_following("wg0", False, str(tmp_path / name))


def other_ends(name: str) -> tuple[str, str]:
    """Who pings whom through the tunnel that is changed."""
    return ("10.9.0.1", "one") if name == "hub" else ("10.9.0.2", "hub")


@pytest.mark.parametrize("star", [25, 0], ids=["keepalive", "no-keepalive"], indirect=True)
@pytest.mark.parametrize("name", ["one", "hub"])
def test_a_key_is_changed_in_a_moment(star: Star, name: str, say: Callable[[str], None]) -> None:
    address, pinging = other_ends(name)
    own = "10.9.0.1" if name == "one" else "10.9.0.2"
    star.prepare(name)
    star.follow(name)
    with Ping(star.hosts[pinging], address) as to, Ping(star.hosts[name], own) as back:
        seconds = star.rekey(name)
    outage = max(to.lost, back.lost) * INTERVAL
    say(f"{name}, keepalive {star.keepalive}: out for {outage:.2f} s, shook hands after {max(seconds.values()):.3f} s")
    assert outage < OUTAGE_SECONDS
    assert set(seconds) == set(star.peers(name))
    found = star.hosts[star.peers(name)[0]].read().device.peers
    assert not found[star.hosts[name].public_key].allowed_ips
    assert len(found[star.next_keys[name]].allowed_ips) == 2
    # What does not know that all is done leaves it so.
    with Ping(star.hosts[pinging], address) as ping:
        for peer in star.peers(name):
            assert star.converge(peer) == []
        star.finish(name)
    assert ping.lost == 0
    for host in star.hosts.values():
        assert len(host.read().device.peers) == (2 if host.name == "hub" else 1)
    assert converge_key({"interface": "wg0", "private_key_file": str(star.key_file(name)), "state": "settled"}).changed
    assert sorted(path.name for path in star.key_file(name).parent.glob("wg0.key*")) == ["wg0.key"]


def test_nobody_else_loses_a_packet(star: Star) -> None:
    with Ping(star.hosts["two"], "10.9.0.1") as ping:
        star.prepare("one")
        star.follow("one")
        star.rekey("one")
        star.finish("one")
    assert (ping.lost, ping.sent > 50) == (0, True)


def test_hub_and_spoke_change_one_after_the_other(star: Star) -> None:
    for name in ("one", "hub"):
        star.prepare(name)
    for name in ("one", "hub"):
        star.follow(name)
    # One follower for each interface, and both ends know of both.
    star.rekey("one")
    star.rekey("hub")
    for name, address in (("one", "10.9.0.1"), ("two", "10.9.0.1"), ("hub", "10.9.0.2")):
        star.hosts[name].ping(address, count=20)
    star.finish("one")
    star.finish("hub")
    star.hosts["hub"].ping("10.9.0.2")


def test_without_an_answer_all_is_as_before(star: Star) -> None:
    star.prepare("one")
    star.follow("one")
    wrong = PresharedKey(bytes(range(32))).reveal_base64()
    star.hosts["hub"].converge(
        peers_mode="merge", peers=[{"public_key": str(star.next_keys["one"]), "preshared_key": wrong}]
    )
    before = star.hosts["one"].read().device
    file = (star.folder / "one" / "wg0.conf").read_bytes()
    with pytest.raises(RekeyError, match=r"hub: no handshake with the next key\. The old key is in use again, and all"):
        star.rekey("one", timeout=3)
    keys = read_keys(str(star.key_file("one")))
    assert keys.current == star.hosts["one"].private_key
    assert (keys.next is None, keys.old) == (False, None)
    after = star.hosts["one"].read().device
    hub = star.hosts["hub"].public_key
    assert after.private_key == before.private_key
    assert after.peers[hub].preshared_key == before.peers[hub].preshared_key
    assert (star.folder / "one" / "wg0.conf").read_bytes() == file
    star.hosts["one"].ping("10.9.0.1")


def test_a_host_that_goes_back_is_followed_back(star: Star) -> None:
    star.prepare("one")
    star.follow("one")
    star.rekey("one")
    one, hub = star.hosts["one"], star.hosts["hub"]
    one.ping("10.9.0.1", count=20)
    assert not hub.peer(one).allowed_ips
    secret = secret_of(one.public_key, hub.public_key)
    one.converge(peers_mode="merge", peers=[{"public_key": str(hub.public_key), "preshared_key": secret}])
    one.ping("10.9.0.1", count=20)
    assert len(hub.peer(one).allowed_ips) == 2


def test_a_peer_that_does_not_answer_now_is_a_reason_to_change_nothing(star: Star) -> None:
    star.prepare("one")
    one = star.hosts["one"]
    one.run("ip", "link", "set", "hub", "down")
    one.converge(peers=[])
    star.converge("one")
    with pytest.raises(RekeyError, match=r"hub: no handshake with the current key, .* Nothing was changed"):
        star.rekey("one", timeout=2)
    assert read_keys(str(star.key_file("one"))).current == one.private_key
