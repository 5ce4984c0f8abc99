# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings that a live peer loses while a prefix of it comes and goes, by the engine and by ``wg syncconf``."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.tests.bench.configs import wg_config
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, bring_up, make_hosts
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import connect
from ansible_collections.cryptokey.wireguard.tests.kernel.pings import Ping

REMOVALS = 1000


def count_lost() -> tuple[int, int]:
    """Lost while a prefix is removed a thousand times by the engine, and by ``wg syncconf``."""
    with make_hosts("left", "right") as (left, right):
        connect(left, "192.0.2.1/24", right, "192.0.2.2/24")
        _options, hub = bring_up(left, right)
        (peer,) = hub["peers"]
        more = {**hub, "peers": [{**peer, "allowed_ips": [*peer["allowed_ips"], "10.50.0.0/24"]}]}

        def engine() -> None:
            right.converge(**more)
            right.converge(**hub)

        configs = [
            wg_config(parse_interface({"interface": "wg0", **given}, right.private_key)) for given in (more, hub)
        ]

        def syncconf() -> None:
            for config in configs:
                command = ["ip", "netns", "exec", right.name, "wg", "syncconf", "wg0", "/dev/stdin"]
                subprocess.run(command, input=config, text=True, check=True)

        return _lost(left, engine), _lost(left, syncconf)


def _lost(host: Host, change: Callable[[], None]) -> int:
    with Ping(host, "10.9.0.2") as ping:
        for _removal in range(REMOVALS):
            change()
    if ping.sent < REMOVALS:
        raise SystemExit(f"only {ping.sent} pings were sent")
    return ping.lost
