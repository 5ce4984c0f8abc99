# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's drop-ins under this machine's own systemd: the service adopts an interface in a namespace, and makes both
anew at boot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.applying import ensure_absent
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import (
    ensure_config,
    ensure_no_config,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.interface import ensure_present
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.endpoints import DIRECTORY
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import comparable, described, key_of, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run

ROLE = Path(__file__).parents[2] / "roles/network"
UNIT = "wg-quick@wg0.service"
TABLE = 'chain forward { type filter hook forward priority filter; oifname "wg0" drop; }\n'
FULL = {**strangers(3)[2], "allowed_ips": ["0.0.0.0/0", "::/0"]}


def write_drop_ins(namespaces: dict[str, str]) -> None:
    """As the role does, with Ansible's settings of Jinja."""
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, autoescape=False)
    template = environment.from_string((ROLE / "templates/60-cryptokey-netns.conf.j2").read_text())
    folder = Path(f"/etc/systemd/system/{UNIT}.d")
    folder.mkdir(exist_ok=True)
    shutil.copy(ROLE / "files/50-cryptokey-adopt.conf", folder)
    (folder / "60-cryptokey-netns.conf").write_text(template.render(network_interface={"options": namespaces}))
    run("systemctl", "daemon-reload")


@pytest.fixture
def options(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Of this machine's wg0. What the tests leave of it is removed."""
    key = tmp_path / "wg0.key"
    key.touch(0o600)
    key.write_text(key_of("machine").reveal_base64())
    options = {"interface": "wg0", "private_key_file": str(key), "listen_port": 51821, "nftables": TABLE}
    yield {**options, "addresses": ["10.200.0.1/24", "fd20::1/64"], "peers": [*strangers(2), FULL]}
    run("sh", "-c", f"systemctl stop {UNIT}; rm -rf /etc/systemd/system/{UNIT}.d; systemctl daemon-reload")
    ensure_no_config(options)
    ensure_absent(options, False)
    run("sh", "-c", "for name in vpn birth; do ! test -e /run/netns/$name || ip netns delete $name; done")
    shutil.rmtree(DIRECTORY, ignore_errors=True)


@pytest.mark.parametrize(
    "namespaces",
    [
        pytest.param({"netns": "vpn"}, id="sockets outside"),
        pytest.param({"netns": "vpn", "birth_netns": "vpn"}, id="whole"),
        pytest.param({"birth_netns": "birth"}, id="sockets in a namespace"),
    ],
)
def test_the_service_adopts_it_and_makes_it_anew(options: dict[str, Any], namespaces: dict[str, str]) -> None:
    names = set(namespaces.values())
    if "netns" not in namespaces:
        options["peers"] = strangers(2)  # what leaves this machine is not to go into a tunnel

    host = kernel.HostKernel(namespaces.get("netns", ""), namespaces.get("birth_netns", ""))

    def state() -> RunningState:
        return comparable(host.read("wg0"))

    for name in names:
        run("ip", "netns", "add", name)
    options.update(namespaces)
    ensure_present(options, False, [])
    ensure_config(options)
    write_drop_ins(namespaces)
    running, index = state(), host.read("wg0").device.ifindex

    run("systemctl", "start", UNIT)
    assert (state(), host.read("wg0").device.ifindex) == (running, index)
    run("systemctl", "restart", UNIT)
    assert state() == running
    assert host.read("wg0").device.ifindex != index
    run("systemctl", "stop", UNIT)
    assert not state().exists
    for name in names:
        run("ip", "netns", "delete", name)
    run("systemctl", "start", UNIT)
    assert state() == running
    assert described(ensure_present(options, False, [])) == []


def test_a_start_that_fails_leaves_no_interface(options: dict[str, Any]) -> None:
    options["netns"] = "vpn"
    ensure_config({**options, "mtu": 1400})
    file = Path("/etc/wireguard/wg0.conf")
    file.write_text(file.read_text().replace("[Interface]\n", "[Interface]\nPostUp = false\n"))
    write_drop_ins({"netns": "vpn"})
    # The hook by hand comes before ours where it fails, and then after them.
    for _place in ("before", "after"):
        with pytest.raises(RuntimeError):
            run("systemctl", "start", UNIT)
        assert not kernel.HostKernel("vpn").read("wg0").exists
        assert not kernel.HostKernel().read("wg0").exists
        ensure_config({**options, "mtu": 1400})
