# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Startup state is running state: what ``wg-quick up`` makes of our file is just what the engine makes."""

from __future__ import annotations

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
    described,
    peer_options,
    strangers,
    tunnel,
)

PRESHARED_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def cases(left: Host, right: Host) -> dict[str, dict[str, Any]]:
    options, _other = tunnel(left, right)
    full = peer_options(right, endpoint="192.0.2.2:51820", allowed_ips=["0.0.0.0/0", "::/0"])
    return {
        "plain": {**options, "listen_port": 51820},
        "everything": {
            "listen_port": 51820,
            "fwmark": "0x99",
            "mtu": 1380,
            "alias": 'to "Paris", é, $HOME, 100 %',
            "addresses": ["10.9.0.1/24", "10.9.1.1/32", "fd09::1/64"],
            "peers": [
                peer_options(right, endpoint="192.0.2.2:51820", allowed_ips=["10.9.0.0/16", "10.8.0.0/24", "fd10::/64"],
                             persistent_keepalive=25, preshared_key=PRESHARED_KEY),
                *strangers(3, 2),
            ],
        },
        "full tunnel": {**options, "listen_port": 21841, "peers": [full]},
        "full tunnel, own mark": {**options, "listen_port": 21841, "fwmark": "0x1234", "peers": [full]},
        "full tunnel, no outside replies": {
            **options, "listen_port": 21841, "outside_replies": False, "peers": [full]
        },
        "table off": {**options, "listen_port": 51820, "table": "off", "peers": strangers(2)},
        "table by name": {**options, "listen_port": 51820, "table": "vpn", "peers": strangers(2)},
        "table by number": {**options, "listen_port": 51820, "table": "1234", "peers": [full, *strangers(2)]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "mtu"),
    [
        pytest.param(["ip", "link", "set", "right", "mtu", "1400"], 1320, id="a narrow link"),
        pytest.param(["ip", "route", "add", "192.0.2.2", "dev", "right", "mtu", "1380"], 1300, id="a narrow route"),
        pytest.param(["ip", "route", "add", "default", "via", "192.0.2.77"], 1420, id="nothing narrow"),
    ],
)
def test_the_mtu_is_what_wg_quick_finds(pair: tuple[Host, Host], tmp_path: Path, change: list[str], mtu: int) -> None:
    left, right = pair
    left.run(*change)
    options, _other = tunnel(left, right)
    file = tmp_path / "wg0.conf"
    file.touch(0o600)
    file.write_text(render(overlay(parse_interface({"interface": "wg0", **options}, left.private_key), WgQuickFile())))
    left.converge(**options)
    ours = left.read().mtu
    left.remove()
    left.run("wg-quick", "up", str(file))
    assert (ours, left.read().mtu) == (mtu, mtu)


@pytest.mark.usefixtures("vpn_table")
@pytest.mark.parametrize("case", list(cases(Host("left"), Host("right"))))
def test_wg_quick_up_and_the_engine_agree(pair: tuple[Host, Host], tmp_path: Path, case: str) -> None:
    left, right = pair
    options = cases(left, right)[case]
    left.run("ip", "route", "add", "default", "via", "192.0.2.2")
    desired = parse_interface({"interface": "wg0", **options}, left.private_key)
    file = tmp_path / "wg0.conf"
    file.write_text(render(overlay(desired, WgQuickFile())))
    file.chmod(0o600)

    left.converge(**options)
    ours = comparable(left.read())
    left.remove()
    left.run("wg-quick", "up", str(file))
    assert comparable(left.read()) == ours
    assert described(left.converge(**options)) == []

    left.run("wg-quick", "down", str(file))
    assert not left.read().exists
    left.converge(**options)
    left.run("wg-quick", "down", str(file))
    gone = left.read()
    assert (gone.exists, gone.rules, gone.netfilter) == (False, frozenset(), {})
