# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the kernel says of an interface's addresses, routes and rules is there again after a change is undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.restore import restore_state
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.tests.kernel import belongings
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, described, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.raw import Message

PEER = {**strangers(1)[0], "allowed_ips": ["10.20.0.0/16", "10.21.0.0/16", "fd20::/64"]}
OPTIONS: dict[str, Any] = {"listen_port": 51820, "addresses": [], "table": "off", "peers": [PEER]}


@pytest.fixture
def furnished(host: Host) -> Host:
    host.run("ip", "link", "add", "other", "type", "dummy")
    host.converge(**OPTIONS)
    with host.entered():
        Path("/proc/sys/net/ipv4/conf/wg0/promote_secondaries").write_text("1")
        belongings.furnish("wg0", "other")
    return host


def messages(host: Host) -> list[Message]:
    with host.entered():
        return belongings.settled_messages("wg0")


@pytest.mark.pyroute2
@pytest.mark.parametrize("change", ["removed", "held down", "deleted by hand", "other addresses", "a full tunnel"])
def test_a_change_that_is_undone_leaves_all_as_it_was(furnished: Host, change: str) -> None:
    before, state = messages(furnished), furnished.read()
    full = {**PEER, "allowed_ips": ["0.0.0.0/0", "::/0"]}
    if change == "removed":
        furnished.remove()
    elif change == "held down":
        furnished.converge(**OPTIONS, up=False)
    elif change == "deleted by hand":
        furnished.run("ip", "link", "delete", "wg0")
    elif change == "other addresses":
        furnished.converge(**{**OPTIONS, "addresses": ["10.9.0.7/24", "10.4.0.1/24", "fd01::1/64"], "table": "auto"})
    else:
        furnished.converge(**{**OPTIONS, "addresses": ["10.9.0.7/24", "fd01::7/64"], "table": "auto", "peers": [full]})
    with furnished.entered():
        problems = restore_state(state, kernel.HostKernel(), None, {}).problems
    assert problems == {}
    assert messages(furnished) == before


def test_a_run_that_fails_leaves_all_as_it_was(furnished: Host) -> None:
    """Rules come last: everything else has been changed by then."""
    before = messages(furnished)
    options = {**OPTIONS, "addresses": ["10.9.0.7/24"], "table": "auto", "mtu": 1300, "fwmark": "0x99"}
    options["peers"] = [{**PEER, "allowed_ips": ["10.250.0.0/24"]}]
    with pytest.raises(ConvergeError, match=r"add route 10\.250\.0\.0/24: File exists.*has been restored\."):
        furnished.converge(**options)
    assert messages(furnished) == before


def test_two_routes_of_one_prefix_are_no_obstacle(host: Host) -> None:
    """Ours stays, one made by hand is drift, and a routing daemon's is left alone."""
    options = {**OPTIONS, "table": "auto"}
    host.converge(**options)
    for words in ("10.20.0.0/16 metric 50 proto bird", "10.20.0.0/16 metric 70", "10.21.0.0/16 metric 9 proto bird"):
        host.run("ip", "route", "add", *words.split(), "dev", "wg0")
    host.run("ip", "-6", "route", "add", "fd20::/64", "metric", "7", "proto", "bird", "dev", "wg0")
    assert described(host.converge(**options)) == ["remove route 10.20.0.0/16 metric 70"]
    assert described(host.converge(**options)) == []
    routes = host.run("ip", "route") + host.run("ip", "-6", "route")
    for route in ("10.20.0.0/16 dev wg0 proto bird scope link metric 50", "10.21.0.0/16 dev wg0 proto bird",
                  "fd20::/64 dev wg0 proto bird metric 7"):  # fmt: skip
        assert route in routes
    # What a daemon has in the place of ours serves as well.
    host.run("ip", "route", "delete", "10.21.0.0/16", "proto", "87")
    host.run("ip", "route", "add", "10.21.0.0/16", "dev", "wg0", "proto", "bird")
    assert described(host.converge(**options)) == []
