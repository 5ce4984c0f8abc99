# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collect the metrics of this host, and compare them with what ``wg show all dump`` prints at the same moment.

The timer must be stopped. The values of a peer count if they did not move while the collection ran: then they are the
same before and after it. It is repeated until that was so once for each peer. The exit code is 1 if anything differs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FILE = Path("/var/lib/prometheus/node-exporter/cryptokey-wireguard.prom")
SERVICE = "cryptokey-wireguard-metrics.service"
ATTEMPTS = 60

_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)",?')
_ESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read_file() -> Samples:
    found = {}
    for line in FILE.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, text, value = _SAMPLE.fullmatch(line).groups()
        labels = {
            label: re.sub(r"\\.", lambda m: _ESCAPED[m[0]], quoted) for label, quoted in _LABEL.findall(text or "")
        }
        found[name, frozenset(labels.items())] = float(value)
    return found


def dump() -> str:
    return subprocess.run(["wg", "show", "all", "dump"], stdout=subprocess.PIPE, text=True, check=True).stdout


def ordered(allowed_ips: str) -> str:
    """The order is that of the kernel in one of the two."""
    return ",".join(sorted(allowed_ips.split(",")))


def by_wg(text: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Handshake, received and sent of each peer. A line of an interface has five fields, one of a peer nine."""
    peers = [line.split("\t") for line in text.splitlines()]
    return {(p[0], p[1], ordered(p[4])): tuple(map(float, p[5:8])) for p in peers if len(p) == 9}


def by_file(samples: Samples) -> dict[tuple[str, ...], tuple[float, ...]]:
    columns = ("latest_handshake_seconds", "received_bytes_total", "sent_bytes_total")
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for (name, labels), value in samples.items():
        if (column := name.removeprefix("wireguard_")) in columns:
            named = dict(labels)
            peer = (named["interface"], named["public_key"], ordered(named["allowed_ips"]))
            found.setdefault(peer, {})[column] = value
    return {peer: tuple(values[column] for column in columns) for peer, values in found.items()}


def main() -> int:
    compared: set[tuple[str, ...]] = set()
    for _attempt in range(ATTEMPTS):
        before = by_wg(dump())
        subprocess.run(["systemctl", "start", SERVICE], check=True)
        samples = read_file()
        after, found = by_wg(dump()), by_file(samples)
        wrong = [peer for peer, values in before.items() if values == after[peer] != found.get(peer)]
        if wrong or found.keys() != before.keys():
            print(f"wg: {before}\nfile: {found}\ndiffering: {wrong}", file=sys.stderr)
            return 1
        compared |= {peer for peer, values in before.items() if values == after[peer]}
        if compared == before.keys():
            print(f"{len(compared)} peers, {len(samples)} samples")
            return 0
    print(f"packets moved during every collection, except with {sorted(compared)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
