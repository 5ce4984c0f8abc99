# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a VM as root: a no-change run of ``interface`` next to ``wg syncconf`` of the same configuration.

Prints one JSON object, name to {"value": seconds, "reference": seconds, "ratio": value / reference}. The two are
timed in turn and the medians given, since the machine under the VM may be busy with other things.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.aim import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.runner import converge
from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.host import Host
from ansible_collections.cryptokey.wireguard.plugins.module_utils._keyfile import public_key_of
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.options import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.file import WgQuickFile
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.overlay import overlay
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wgquick.render import render

INTERFACE = "bench0"
MODULE = "ansible_collections.cryptokey.wireguard.plugins.modules.interface"
PRIVATE_KEY = PrivateKey(b"bench".ljust(32, b"."))
RUNS = 5


def options(count: int) -> dict[str, Any]:
    """The module's options for an interface with that many peers of two prefixes each."""
    peers = [
        {
            "public_key": str(public_key_of(PrivateKey(f"peer {n}".encode().ljust(32, b".")))),
            "allowed_ips": [f"10.{n // 256}.{n % 256}.0/24", f"fd00:{n:x}::/64"],
            "persistent_keepalive": "25",
        }
        for n in range(count)
    ]
    return {"interface": INTERFACE, "listen_port": 51999, "table": "off", "addresses": [], "peers": peers}


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(value: Callable[[], object], reference: Callable[[], object]) -> dict[str, float]:
    pairs = [(timed(value), timed(reference)) for _run in range(RUNS)]
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"value": round(first, 4), "reference": round(second, 4), "ratio": round(first / second, 2)}


def measure(count: int, folder: Path) -> dict[str, dict[str, float]]:
    """The engine alone and the module as a whole process, each next to ``wg syncconf``."""
    given = options(count)
    desired = parse_interface(given, PRIVATE_KEY)
    key = folder / "private.key"
    key.touch(0o600)
    key.write_text(PRIVATE_KEY.reveal_base64() + "\n")
    config = folder / f"{INTERFACE}.conf"
    config.touch(0o600)
    config.write_text(render(overlay(desired, WgQuickFile())))
    stripped = folder / "stripped"
    stripped.touch(0o600)
    stripped.write_bytes(subprocess.run(["wg-quick", "strip", str(config)], check=True, capture_output=True).stdout)
    arguments = folder / "arguments.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {**given, "private_key_file": str(key)}}))

    def engine() -> None:
        outcome = converge(parse_interface(given, PRIVATE_KEY), Host(), Circumstances(time.time()))
        if outcome.operations and done:
            raise SystemExit(f"a second run changed something: {outcome.operations[0].describe()}")

    def module() -> None:
        run = subprocess.run(
            [sys.executable, "-m", MODULE, str(arguments)], capture_output=True, text=True, check=False
        )
        if run.returncode or json.loads(run.stdout)["changed"]:
            raise SystemExit(f"the module failed or changed something: {run.stdout}{run.stderr}")

    def reference() -> None:
        subprocess.run(["wg", "syncconf", INTERFACE, str(stripped)], check=True)

    done = False
    engine()
    done = True
    return {
        f"no_change_{count}_engine": compare(engine, reference),
        f"no_change_{count}_module": compare(module, reference),
    }


def main() -> None:
    results: dict[str, dict[str, float]] = {}
    for count in (100, 1000):
        with tempfile.TemporaryDirectory() as folder:
            results |= measure(count, Path(folder))
        subprocess.run(["ip", "link", "delete", INTERFACE], check=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
