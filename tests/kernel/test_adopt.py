# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What wg-quick has set up by hand is adopted: the engine finds nothing to do, and no packet and no session is lost."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config_info import describe_files
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.show import describe_state
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.handshake import find_alive
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.parse import parse
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.device import Device
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.components import find_components
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.found import read_found
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._adopt.recognise import Proposal, plan, recognise
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import Problems
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable, described, make_hosts
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect
from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping

TODAY = datetime.date(2026, 6, 1)
PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PHONE = "zsaHx7smrX4UrrzSD2qoIFSAOXXgQ0Tz3vSR0cGIjRw="
QUIET_SECONDS = 6
NOT_OPTIONS = ("network", "forwarding", "reresolve")


def texts(hub: Host, one: Host, two: Host) -> dict[str, str]:
    """As people write them: in any case and order, with comments, several values a line and none."""
    return {
        "hub": f"""\
# The company's hub.
[interface]
privatekey = {hub.private_key.reveal_base64()}
Address = 10.77.0.1/24,fd77::1/64
ListenPort=51820
PostUp = sysctl -q -w net.ipv4.ip_forward=1
PostUp = ip route add 203.0.113.0/24 dev %i  # nobody's
PreDown = true

[Peer] # the first office
PublicKey={one.public_key}
AllowedIPs = 10.77.0.2, fd77::2
AllowedIPs = 192.168.91.0/24

[Peer]
PublicKey = {two.public_key}
PresharedKey = {PRESHARED_KEY}
AllowedIPs = 10.77.0.3/32,fd77::3/128

[Peer]
# friendly_name = Phone of Ada
PublicKey = {PHONE}
AllowedIPs = 10.77.0.9/32
""",
        "one": f"""\
[Interface]\r
Address = 10.77.0.2/24\r
Address = fd77::2/64\r
PrivateKey = {one.private_key.reveal_base64()}\r
\r
[Peer]\r
PublicKey = {hub.public_key}\r
Endpoint = 192.0.2.1:51820\r
AllowedIPs = 10.77.0.0/24, fd77::/64\r
PersistentKeepalive = 25""",
        "two": f"""\
[Interface]
Address = 10.77.0.3/24, fd77::3/64
PrivateKey = {two.private_key.reveal_base64()}
MTU = 1400

[Peer]
PublicKey = {hub.public_key}
PresharedKey = {PRESHARED_KEY}
Endpoint = 198.51.100.1:51820
AllowedIPs = 10.77.0.0/24, fd77::/64, 192.168.91.0/24
PersistentKeepalive = 20
""",
    }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Sequence[Host]]:
    """A hub with two spokes, whose tunnels are up."""
    with make_hosts("hub", "one", "two") as (hub, one, two):
        connect(hub, "192.0.2.1/24", one, "192.0.2.2/24")
        connect(hub, "198.51.100.1/24", two, "198.51.100.2/24")
        for host in (hub, one, two):
            file = file_of(host, tmp_path)
            file.parent.mkdir(mode=0o700)
            file.touch(0o600)
            file.write_text(texts(hub, one, two)[host.name], newline="")
            host.run("wg-quick", "up", str(file))
        for host in (one, two):
            host.ping("10.77.0.1")
        yield hub, one, two


def file_of(host: Host, folder: Path) -> Path:
    return folder / host.name / "wg0.conf"


def adopt(hosts: Sequence[Host], folder: Path, said: int = 0) -> Proposal:
    """``said``: how many notes there are."""
    problems = Problems()
    found = []
    for host in hosts:
        files = describe_files(["wg0"], managed=True, directory=str(file_of(host, folder).parent))
        interfaces, notes = read_found(host.name, files, [describe_state(host.read(), time.time(), {})], problems)
        assert notes == []
        found += interfaces
    (component,), notes = find_components(found, {host.name for host in hosts}, problems)
    problems.refuse()
    proposal, more = recognise(component, {}, TODAY)
    assert len([*notes, *more]) == said
    return proposal


def options_of(planned: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in planned.items() if option not in NOT_OPTIONS}


def wait_for_last_handshakes(site: Sequence[Host]) -> None:
    """Linux 7.2 repeats the first handshake after 5.4 s (REKEY_TIMEOUT and its jitter) without any need."""
    seen: list[float] = []
    since = time.monotonic()
    while time.monotonic() < since + QUIET_SECONDS:
        now = [peer.latest_handshake for host in site for peer in host.read().device.peers.values()]
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.2)


def test_what_was_set_up_by_hand_is_left_as_it_is(site: Sequence[Host], tmp_path: Path) -> None:
    wait_for_last_handshakes(site)
    before = [host.read() for host in site]
    with Ping(site[1], "10.77.0.3") as ping:
        proposal = adopt(site, tmp_path)
        plans = plan(proposal, {}, TODAY)
        for host in site:
            assert described(host.converge(**options_of(plans[host.name]))) == []
            file = file_of(host, tmp_path)
            desired = parse_interface(options_of(plans[host.name]), host.private_key)
            file.write_text(render(overlay(desired, parse(file.read_text(), str(file), managed=True))))
    assert (ping.lost, ping.sent > 50) == (0, True)
    # The spokes call the hub at its two addresses, one of which is an exception.
    assert (proposal.topology, proposal.exceptions) == ("hub_and_spoke", 1)
    for host, old in zip(site, before):
        now = host.read()
        assert comparable(now) == comparable(old)
        for key, peer in old.device.peers.items():
            assert now.device.peers[key].latest_handshake == peer.latest_handshake


def test_the_files_bring_up_the_same_again(site: Sequence[Host], tmp_path: Path) -> None:
    plans = plan(adopt(site, tmp_path), {}, TODAY)
    for host in site:
        file = file_of(host, tmp_path)
        desired = parse_interface(options_of(plans[host.name]), host.private_key)
        old = parse(file.read_text(), str(file))
        file.write_text(render(overlay(desired, old)))
        assert parse(file.read_text()).unmanaged == old.unmanaged
        host.run("wg-quick", "down", str(file))
        host.run("wg-quick", "up", str(file))
    for host in site:
        assert described(host.converge(**options_of(plans[host.name]))) == []
    site[1].ping("10.77.0.3")


def test_a_foreign_server_and_an_interface_without_an_address_stay_as_they_are(tmp_path: Path) -> None:
    with make_hosts("box", "server") as (box, server):
        connect(box, "192.0.2.1/24", server, "192.0.2.2/24")
        files = {
            "box": f"""\
[Interface]
PrivateKey = {box.private_key.reveal_base64()}
Address = 10.2.0.2/32, 2a07:b944::2:2/128

[Peer]
PublicKey = {server.public_key}
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = [192.0.2.2]:51820
""",
            "server": f"""\
[Interface]
PrivateKey = {server.private_key.reveal_base64()}
ListenPort = 51820

[Peer]
PublicKey = {box.public_key}
AllowedIPs = 10.2.0.2/32
""",
        }
        for host in (box, server):
            file = file_of(host, tmp_path)
            file.parent.mkdir(mode=0o700)
            file.touch(0o600)
            file.write_text(files[host.name])
            host.run("wg-quick", "up", str(file))
        # Only replies to connections from outside are new under a full tunnel: wg-quick leaves them out.
        outside = [f"set the {family} netfilter table wg-quick-wg0" for family in ("IPv4", "IPv6")]
        for host, said, expected in ((box, 0, outside), (server, 1, [])):  # no file has an endpoint of it
            before = host.read()
            planned = plan(adopt([host], tmp_path, said), {}, TODAY)[host.name]
            assert described(host.converge(**options_of(planned))) == expected
            assert comparable(replace(host.read(), netfilter=before.netfilter)) == comparable(before)
            assert described(host.converge(**options_of(planned))) == []
        assert server.read().addresses == ()
        with box.entered():
            device = Device("wg0")
            assert find_alive(device, [server.public_key], 10) == {server.public_key}
            assert device.read().peers[server.public_key].persistent_keepalive == 0
        with server.entered():
            assert find_alive(Device("wg0"), [box.public_key], 0) == {box.public_key}


SPELLINGS = {
    "case and space": "[ INTERFACE ]\n listen port = 5 1 8 2 1 # one\nFWMARK\t=\t0xCa6C\n[peer]\nPUBLICKEY={key}\n",
    "repeated": "[Peer]\nPublicKey={key}\nAllowedIPs=10.1.0.0/16\n[Interface]\nListenPort=1\n"
    "[Interface]\nListenPort=51821\n"
    "[Peer]\nPublicKey={key}\nAllowedIPs=10.2.0.0/16 , fd00::/8\nAllowedIPs=10.3.3.3\nPersistentKeepalive=7\n",
    "carriage returns": "[Interface]\r\nFwMark = 010\r\n[Peer]\r\nPublicKey = {key}\r\nAllowedIPs = 0.0.0.0/0,::/0",
    "off": "[Interface]\nFwMark = off\n[Peer]\nPublicKey = {key}\nPersistentKeepalive = Off",
    "endpoints": "[Peer]\nPublicKey = {key}\nEndpoint = [2001:DB8::1]:0443\nPersistentKeepalive = 025\n",
    "a bare address": "[Peer]\nPublicKey = {key}\nEndpoint = 2001:db8::1:443\nPresharedKey = {psk}\n",
    "IPv4 in brackets": "[Peer]\nPublicKey = {key}\nEndpoint = [192.0.2.7]:443\n",
    "a scope": "[Peer]\nPublicKey = {key}\nEndpoint = [fe80::1%lo]:443\n",
    "one prefix twice": "[Peer]\nPublicKey = {key}\nAllowedIPs = 10.0.0.0/8\n"
    "[Peer]\nPublicKey = {other}\nAllowedIPs = 10.9.9.9/8\n",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_parser_reads_what_the_kernel_is_sent(host: Host, tmp_path: Path, name: str) -> None:
    text = SPELLINGS[name].format(key=PHONE, other=PRESHARED_KEY, psk=PRESHARED_KEY)
    file = tmp_path / "wg0.conf"
    file.touch(0o600)
    file.write_text(text, newline="")
    host.run("ip", "link", "add", "wg0", "type", "wireguard")
    host.run("wg", "setconf", "wg0", str(file))
    says, device = parse(text), host.read().device
    if "listen" in text.lower():
        assert says.listen_port == device.listen_port
    assert says.fwmark == device.fwmark
    for peer in says.peers:
        found = device.peers[peer.public_key]
        assert (peer.preshared_key, peer.endpoint, peer.allowed_ips, peer.persistent_keepalive) == (
            found.preshared_key,
            found.endpoint,
            found.allowed_ips,
            found.persistent_keepalive,
        )
    assert {peer.public_key for peer in says.peers} == set(device.peers)
