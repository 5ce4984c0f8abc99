# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's step that passes the options of the plan on to the modules, with preshared keys that nothing shows."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import parse_public_key
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._plan.preshared_keys import derive
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.managed import CONFIG_ONLY, Managed

SECRET = "not a secret, but 32 characters."
INVENTORY = f"""
all:
  vars:
    wireguard_networks: "{{{{ described | from_yaml }}}}"
    described: |
      home:
        prefixes: [10.8.0.0/24]
        preshared_secret: "{SECRET}"
wg_hub: {{hosts: {{hub1: {{wireguard_endpoint: vpn.example.org}}}}}}
wg_spoke: {{hosts: {{server: {{wireguard_mtu: 1380, wireguard_listen_port: 51999, wireguard_table: 4711}}}}}}
"""


def test_files_get_all_options_and_the_preshared_key_which_nothing_shows(tmp_path: Path) -> None:
    site = Managed(tmp_path, "hub1", "server")
    site.inventory = yaml.safe_load(INVENTORY)
    checked = site.run("site", *CONFIG_ONLY, "--check", "--diff", "-vvvv")
    assert checked.code == 0, checked.output
    assert checked.output.count("+PresharedKey = (redacted") == 0  # no key of a peer is known yet
    assert "+MTU = 1380" in checked.output
    assert [site.conf("hub1"), site.conf("server")] == ["", ""]

    run = site.run("site", *CONFIG_ONLY, "--diff", "-vvvv")
    assert run.code == 0, run.output
    keys = [parse_public_key(str(facts["public_key"])) for facts in site.recorded()["hosts"].values()]
    preshared = derive(SECRET.encode(), "home", keys).reveal_base64()
    for host in ("hub1", "server"):
        assert re.findall("PresharedKey = (.*)", site.conf(host)) == [preshared]
    for line in ("MTU = 1380", "ListenPort = 51999", "Table = 4711"):
        assert line in site.conf("server")
    shown = checked.output + run.output
    assert "+PresharedKey = (redacted)" in shown
    assert preshared not in shown
    assert shown.count(SECRET) == 0
    assert not site.run("site", *CONFIG_ONLY).changed
