# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarding is compared where a run sets it. Real namespaces, in one of the test's own."""

from __future__ import annotations

import subprocess
import sys

from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics import drift, settings
from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink import namespace
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

PROGRAM = f"""
from pathlib import Path
from {drift.__name__} import read_switches
from {settings.__name__} import WatchedInterface
from {namespace.__name__} import in_netns

def switch(value):
    Path("/proc/sys/net/ipv4/ip_forward").write_text(value)

watched = WatchedInterface("wg0", {{"netns": "one"}}, ("ipv4",))
switch("1")
with in_netns("one"):
    switch("0")
    inside = list(read_switches(watched, Path("/")))
print(inside, list(read_switches(watched, Path("/"))))
"""


def test_forwarding_is_that_of_the_host_wherever_the_interface_is() -> None:
    script = 'mount -t tmpfs none /run && mkdir /run/netns && ip netns add one && exec "$@"'
    unshare = ["unshare", "--map-root-user", "--net", "--mount", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*unshare, sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment()
    )
    assert done.stdout == "[('ipv4', '1')] [('ipv4', '1')]\n", done.stderr
