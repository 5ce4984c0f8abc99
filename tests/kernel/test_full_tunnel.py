# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default route through the tunnel: the way wg-quick does it, and whoever came in from outside stays."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.tests.kernel import processes
from ansible_collections.cryptokey.wireguard.tests.kernel.firewalls import load_firewall
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, described, make_hosts, peer_options
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect


@pytest.fixture
def network() -> Iterator[tuple[Host, Host, Host]]:
    """A spoke behind a router; beyond it a hub and, in a network that the spoke has no route of its own to, the
    controller: spoke 192.0.2.2 - router - hub 198.51.100.2, router - controller 203.0.113.2."""
    with make_hosts("spoke", "router", "hub", "controller") as (spoke, router, hub, controller):
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for host, network_ in ((spoke, "192.0.2"), (hub, "198.51.100"), (controller, "203.0.113")):
            connect(host, f"{network_}.2/24", router, f"{network_}.1/24")
            host.run("ip", "route", "add", "default", "via", f"{network_}.1")
        yield spoke, hub, controller


def spoke_options(hub: Host, **more: Any) -> dict[str, Any]:
    return {
        "addresses": ["10.192.122.3/32", "fd19::3/128"],
        "peers": [peer_options(hub, endpoint="198.51.100.2:51820", allowed_ips=["0.0.0.0/0", "::/0"])],
        **more,
    }


def bring_up(hub: Host, spoke: Host) -> None:
    hub.converge(
        listen_port=51820,
        addresses=["10.192.122.1/24", "10.99.99.99/32", "fd19::1/64", "fd99::99/128"],
        peers=[peer_options(spoke, allowed_ips=["10.192.122.3/32", "fd19::3/128"])],
    )


class Echo:
    """A TCP server on a host that sends back what it gets, as long as the connection lives."""

    def __init__(self, host: Host) -> None:
        with host.entered():
            self.listener = socket.create_server(("0.0.0.0", 22))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _address = self.listener.accept()
        with connection:
            while data := connection.recv(100):
                connection.sendall(data)

    def close(self) -> None:
        self.listener.close()


def test_the_connection_that_it_was_set_up_over_survives(network: tuple[Host, Host, Host]) -> None:
    spoke, hub, controller = network
    bring_up(hub, spoke)
    server = Echo(spoke)
    with controller.entered():
        client = socket.create_connection(("192.0.2.2", 22), timeout=60)
    with client:
        client.sendall(b"before")
        assert client.recv(100) == b"before"
        assert described(spoke.converge(**spoke_options(hub)))
        client.sendall(b"after")
        assert client.recv(100) == b"after"
    server.close()
    server = Echo(spoke)
    with controller.entered(), socket.create_connection(("192.0.2.2", 22), timeout=60) as another:
        another.sendall(b"new")
        assert another.recv(100) == b"new"
    server.close()
    for address in ("10.99.99.99", "fd99::99"):
        spoke.ping(address)


def test_everything_else_goes_through_the_tunnel_and_back_again_when_it_ends(network: tuple[Host, Host, Host]) -> None:
    spoke, hub, _controller = network
    bring_up(hub, spoke)
    assert "router" in spoke.run("ip", "route", "get", "203.0.113.2")
    foretold = described(spoke.converge(check_mode=True, **spoke_options(hub)))
    assert described(spoke.converge(**spoke_options(hub))) == foretold
    assert described(spoke.converge(**spoke_options(hub))) == []
    for target, device in (("203.0.113.2", "wg0"), ("192.0.2.1", "router"), ("2001:db8::1", "wg0")):
        assert f"dev {device}" in spoke.run("ip", "route", "get", target)
    assert "dev router" in spoke.run("ip", "route", "get", "198.51.100.2", "mark", "51820")
    split = spoke_options(hub)
    split["peers"][0]["allowed_ips"] = ["10.192.122.0/24", "10.99.99.99/32"]
    described(spoke.converge(**split))
    assert described(spoke.converge(**split)) == []
    assert "dev router" in spoke.run("ip", "route", "get", "203.0.113.2")
    assert "wg-quick-wg0" not in spoke.run("nft", "list", "tables")
    spoke.ping("10.99.99.99")
    spoke.remove()
    assert "dev router" in spoke.run("ip", "route", "get", "10.99.99.99")


def test_without_outside_replies_the_rules_are_wg_quicks_alone(network: tuple[Host, Host, Host]) -> None:
    spoke, hub, _controller = network
    options = spoke_options(hub, outside_replies=False)
    spoke.converge(**options)
    assert described(spoke.converge(**options)) == []
    assert not any(rule.startswith(("inbound", "outbound")) for rule in spoke.read().netfilter[socket.AF_INET])


# What a host does not show: the module, as in a kernel that has it built in; and the names of protocols, as a host
# without the package netbase.
BUILT_IN = f"""
echo kernel/net/netfilter/nf_tables.ko > FOLDER/builtin
grep -v ^nf_tables /proc/modules > FOLDER/modules
mount -t tmpfs none /sys/module
mount --bind FOLDER/modules /proc/modules
mount --bind FOLDER/builtin /lib/modules/{os.uname().release}/modules.builtin
[ ! -e /sys/module/nf_tables ]
"""
NO_NAMES = """
mount --bind /dev/null /etc/protocols
[ ! -s /etc/protocols ]
"""


@pytest.mark.parametrize("hide", [BUILT_IN, NO_NAMES], ids=["nf_tables is built in", "protocols have no names"])
def test_a_second_run_changes_nothing_on_any_host(network: tuple[Host, Host, Host], tmp_path: Path, hide: str) -> None:
    spoke, hub, _controller = network
    bring_up(hub, spoke)
    arguments = tmp_path / "arguments.json"
    arguments.write_text(json.dumps({"host": spoke.name, "options": {"interface": "wg0", **spoke_options(hub)}}))
    script = f"{hide.replace('FOLDER', str(tmp_path))}exec {sys.executable} -m {processes.__name__} {arguments}"
    first, second = (json.loads(spoke.run("unshare", "--mount", "sh", "-ec", script)) for _run in range(2))
    assert "set the IPv4 netfilter table wg-quick-wg0" in first
    assert second == []
    spoke.run("nft", "flush", "chain", "ip", "wg-quick-wg0", "preraw")
    third = json.loads(spoke.run("unshare", "--mount", "sh", "-ec", script))
    assert third == ["set the IPv4 netfilter table wg-quick-wg0"]
    spoke.ping("10.99.99.99")


def test_a_table_that_others_have_changed_is_mended_and_put_back(network: tuple[Host, Host, Host]) -> None:
    spoke, hub, _controller = network
    spoke.converge(**spoke_options(hub))
    ours = own_tables(spoke)
    spoke.run("nft", "add", "rule", "ip", "wg-quick-wg0", "preraw", "counter", "drop")
    theirs = own_tables(spoke)
    spoke.run("ip", "route", "add", "blackhole", "10.77.0.0/16", "table", "99")
    with pytest.raises(ConvergeError, match="has been restored"):
        spoke.converge(**{**spoke_options(hub), "table": "99", "peers": [strangers_peer(hub)]})
    assert own_tables(spoke) == theirs
    assert described(spoke.converge(**spoke_options(hub))) == ["set the IPv4 netfilter table wg-quick-wg0"]
    assert own_tables(spoke) == ours


def own_tables(host: Host) -> list[str]:
    """The two tables of wg0, as nft prints them; they may stand in any order."""
    return [host.run("nft", "-s", "list", "table", family, "wg-quick-wg0") for family in ("ip", "ip6")]


def strangers_peer(hub: Host) -> dict[str, Any]:
    return {**spoke_options(hub)["peers"][0], "allowed_ips": ["10.77.0.0/16"]}


@pytest.mark.parametrize("firewall", ["docker", "ufw", "firewalld"])
def test_the_rules_of_a_firewall_stay_as_they_are(network: tuple[Host, Host, Host], firewall: str) -> None:
    """Byte by byte, while ours come, work and go next to them."""
    spoke, hub, _controller = network
    bring_up(hub, spoke)
    load_firewall(spoke, firewall)
    theirs = spoke.run("nft", "-s", "list", "ruleset")
    assert "chain" in theirs
    spoke.converge(**spoke_options(hub))
    assert described(spoke.converge(**spoke_options(hub))) == []
    for address in ("10.99.99.99", "fd99::99"):
        spoke.ping(address)
    assert without_ours(spoke) == theirs
    spoke.run("nft", "delete", "table", "ip6", "wg-quick-wg0")
    assert described(spoke.converge(**spoke_options(hub))) == ["set the IPv6 netfilter table wg-quick-wg0"]
    assert without_ours(spoke) == theirs
    spoke.remove()
    assert spoke.run("nft", "-s", "list", "ruleset") == theirs


def without_ours(host: Host) -> str:
    """The ruleset without the two tables of wg0."""
    text = host.run("nft", "-s", "list", "ruleset")
    for own in own_tables(host):
        assert own in text
        text = text.replace(own, "")
    return text
