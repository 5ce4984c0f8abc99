# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread is back where it was, however it leaves a network namespace. Real namespaces, in one of the test's own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._netlink import namespace
from ansible_collections.cryptokey.wireguard.tests.unit.modules.running import environment

PROGRAM = f"""
import json, os
from {namespace.__name__} import in_netns
from {namespace.__name__.replace("namespace", "errors")} import KernelError

def here():
    return os.readlink("/proc/thread-self/ns/net")

def leave(how, *names):
    try:
        with in_netns(names[0]):
            inside.append(here())
            if names[1:]:
                leave(how, *names[1:])
            if how:
                raise how("leave")
    except BaseException as error:
        seen.append(type(error).__name__)

def descriptors():
    return len(os.listdir("/proc/self/fd"))

inside, seen, places = [], [], []
outside, opened = here(), descriptors()
for names in (["one"], ["one", "two"], ["one", ""], ["one", "two", ""], ["one", "absent"], ["absent"]):
    for how in (None, OSError, KeyboardInterrupt, SystemExit):
        leave(how, *names)
        places.append(here())
        with in_netns(""):
            places.append(here())
print(json.dumps({{"back": set(places) == {{outside}}, "inside": len(set(inside)), "seen": sorted(set(seen)),
                  "own": inside.count(outside) > 0, "open": descriptors() - opened}}))
"""


def test_the_thread_is_back_after_any_error() -> None:
    script = 'mount -t tmpfs none /run && mkdir /run/netns && for n in one two; do ip netns add $n; done && exec "$@"'
    unshare = ["unshare", "--map-root-user", "--net", "--mount", "sh", "-c", script, "sh"]
    done = subprocess.run(
        [*unshare, sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found == {
        "back": True,
        "inside": 3,
        "own": True,
        "seen": ["KernelError", "KeyboardInterrupt", "OSError", "SystemExit"],
        "open": 0,
    }
