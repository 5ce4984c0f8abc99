# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: what runs cost, each next to a named reference in the same run.

Times on a noisy machine mean little; the ratios are what to look at. Written to build/bench.json as name to
{"value", "reference", "ratio": value / reference}, in seconds unless said, and printed as a table.
"""

from __future__ import annotations

import argparse
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
# What is measured, the reference, and the ratio that is aimed at.
MEANINGS = {
    "no_change": ("nothing to change at 10,000 peers: read, parse, diff", "wg syncconf", "<= 1.2"),
    "no_change_with_options": ("the same, with the module's options to parse", "wg syncconf", ""),
    "scratch": ("10,000 peers from scratch", "ip link add; wg setconf", "<= 1.1"),
    "one_changed": ("one of 10,000 peers changed", "wg syncconf", "<= 1.2"),
    "hundred_changed": ("100 of 10,000 peers removed, 100 added", "wg syncconf", "<= 1.2"),
    "absent": ("an interface with 10,000 peers removed", "peers cleared; ip link delete", "<= 1.2"),
    "small": ("the whole module process at 10 peers", "Ansible's ping module", "<= 2"),
    "memory": ("its peak memory at 10,000 peers, MiB", "Ansible's ping module", "+120 MiB"),
    "prefix_removal_loss": ("packets lost while a live peer's prefix goes 1,000 times", "wg syncconf", "0"),
    "read_vs_pyroute2": ("10,000 peers read", "pyroute2's info() and a walk", "<= 0.033"),
    "growth": ("nothing to change at 10,000 peers", "ten times that at 1,000", "<= 1.2"),
    "no_change_site": ("a site.yml that changes nothing, on the lab", f"a playbook of {TASKS} ping tasks", ""),
}


def in_guest() -> dict[str, dict[str, float]]:
    """Boot a VM, run guest.py there, take it down."""
    machine = ["--dir", "build/bench"]
    # Next to the bench itself there is an ansible-playbook that has all the peers to pass on.
    subprocess.run([*LAB, "up", *machine, "--memory", "1024", "--machine", "bench=debian12-test"], check=True, cwd=ROOT)
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
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__)
    parser.add_argument("--only", choices=["engine", "site"], help="measure just this part")
    only = parser.parse_args().only
    os.environ.setdefault("ANSIBLE_NOCOWS", "1")
    results: dict[str, dict[str, float]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if only != "site":
        results |= in_guest()
    if only != "engine":
        results["no_change_site"] = on_the_lab()
    RESULTS.write_text(json.dumps({name: results[name] for name in MEANINGS if name in results}, indent=2) + "\n")
    print(f"\n{'what':<58} {'value':>9} {'reference':>10} {'ratio':>7}  {'aim':<9} reference is")
    for name, (what, reference, aim) in MEANINGS.items():
        if name in results:
            row = results[name]
            print(f"{what:<58} {row['value']:>9} {row['reference']:>10} {row['ratio']:>7}  {aim:<9} {reference}")


if __name__ == "__main__":
    main()
