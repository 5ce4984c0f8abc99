# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: what a run that changes nothing costs, next to a named reference in the same run.

Times on a noisy machine mean little; the ratios are what to look at. Written to build/bench.json as name to
{"value": seconds, "reference": seconds, "ratio": value / reference}, and printed as a table.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, str(ROOT / "tests/lab")]
INVENTORY = ROOT / "build/lab/inventory.yml"
RESULTS = ROOT / "build/bench.json"
# What site.yml runs on a hub that has everything: look, key pair, forwarding, interface, config.
TASKS = 5
MEANINGS = {
    "no_change_100_engine": ("read, plan, compare; 100 peers", "wg syncconf"),
    "no_change_100_module": ("the whole module process; 100 peers", "wg syncconf"),
    "no_change_1000_engine": ("read, plan, compare; 1,000 peers", "wg syncconf"),
    "no_change_1000_module": ("the whole module process; 1,000 peers", "wg syncconf"),
    "no_change_site": ("site.yml on the lab", f"a playbook of {TASKS} ping tasks"),
}


def in_guest() -> dict[str, dict[str, float]]:
    """Boot a VM, run guest.py there, take it down."""
    machine = ["--dir", "build/bench"]
    subprocess.run([*LAB, "up", *machine, "--machine", "bench=debian12-test"], check=True, cwd=ROOT)
    try:
        command = ["bench", "python3", "tests/bench/guest.py"]
        done = subprocess.run(
            [*LAB, "run", *machine, *command], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        results: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
        return results
    finally:
        subprocess.run([*LAB, "down", *machine], check=True, cwd=ROOT)


def playbook(path: Path) -> float:
    """Seconds that a run of the playbook takes; it must change nothing."""
    start = time.perf_counter()
    command = ["ansible-playbook", "-i", str(INVENTORY), str(path)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode or any(changes != "0" for changes in re.findall(r"changed=(\d+)", done.stdout)):
        raise SystemExit(f"{path.name} failed or changed something:\n{done.stdout}{done.stderr}")
    return seconds


def on_the_lab() -> dict[str, float]:
    """A site.yml that changes nothing, next to as many ping tasks as it has."""
    subprocess.run([*LAB, "up"], check=True, cwd=ROOT)
    subprocess.run(["ansible-playbook", "-i", str(INVENTORY), "playbooks/site.yml"], check=True, cwd=ROOT)
    pings = ROOT / "build/bench.yml"
    tasks = [{"name": f"Ping {n}", "ansible.builtin.ping": {}} for n in range(TASKS)]
    play = {"name": "Ping", "hosts": "all", "become": True, "gather_facts": False, "tasks": tasks}
    pings.write_text(json.dumps([play]))
    value, reference = playbook(ROOT / "playbooks/site.yml"), playbook(pings)
    return {"value": round(value, 2), "reference": round(reference, 2), "ratio": round(value / reference, 2)}


def main() -> None:
    os.environ.setdefault("ANSIBLE_NOCOWS", "1")
    results = {**in_guest(), "no_change_site": on_the_lab()}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n{'what':<40} {'seconds':>9} {'reference':>10} {'ratio':>7}  reference is")
    for name, row in results.items():
        what, reference = MEANINGS[name]
        print(f"{what:<40} {row['value']:>9} {row['reference']:>10} {row['ratio']:>7}  {reference}")


if __name__ == "__main__":
    main()
