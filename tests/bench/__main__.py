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
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = [sys.executable, str(ROOT / "tests/lab")]
INVENTORY = ROOT / "build/lab/inventory.yml"
RESULTS = ROOT / "build/bench.json"
PARTS = ["payloads", "engine", "planner", "policy", "page", "site", "fleet"]
FLEETS = [20, 100, 1000]
# Seconds that a second `make site` took with the first design of the role.
FIRST_DESIGN = 60.0
# What is measured, the reference, and the goal, a ratio unless said.
MEANINGS = {
    "no_change": ("nothing to change at 10,000 peers: read, parse, diff", "wg syncconf", "<= 0.5"),
    "no_change_with_options": ("the same, with the module's options to parse", "wg syncconf", ""),
    "scratch": ("10,000 peers from scratch", "ip link add; wg setconf", "<= 1.1"),
    "one_changed": ("one of 10,000 peers changed", "wg syncconf", "<= 1.2"),
    "hundred_changed": ("100 of 10,000 peers removed, 100 added", "wg syncconf", "<= 1.2"),
    "absent": ("an interface with 10,000 peers removed", "peers cleared; ip link delete", "<= 1.2"),
    "small": ("the whole module process at 10 peers", "Ansible's ping module", "<= 1.5"),
    "member_three": ("the process of member with three interfaces, nothing to change", "with one", "<= 1.25"),
    "memory": ("its peak memory at 10,000 peers, MiB", "Ansible's ping module", "+120 MiB"),
    "metrics_10000": ("processor seconds of a collection at 10,000 peers, nothing new", "wg show all dump", "<= 1 s"),
    "drift_10000": ("the same that compares all with the startup files", "wg syncconf", ""),
    "metrics_memory": ("its peak memory, MiB", "60", "<= 1.0"),
    "prefixes": ("one peer with 130,560 allowed IPs set from nothing: peak memory of the module, MiB", "200", "<= 1.0"),
    "prefix_removal_loss": ("packets lost while a live peer's prefix goes 1,000 times", "wg syncconf", "0"),
    "read_vs_pyroute2": ("10,000 peers read", "pyroute2's info() and a walk", "<= 0.033"),
    "growth": ("nothing to change at 10,000 peers", "ten times that at 1,000", "<= 1.2"),
    "payload_member": ("the payload of member, KiB", "Ansible's ping module", "300 KiB"),
    "payload_interface": ("the payload of interface, KiB", "Ansible's ping module", "290 KiB"),
    "payload_interface_info": ("the payload of interface_info, KiB", "Ansible's ping module", "275 KiB"),
    "payload_config": ("the payload of config, KiB", "Ansible's ping module", "240 KiB"),
    "payload_config_info": ("the payload of config_info, KiB", "Ansible's ping module", "220 KiB"),
    "planner_10000": ("10,000 hosts, 10 hubs planned", "100 times a fleet of 100", "<= 1.3"),
    "mesh_1000": ("a mesh of 1,000 planned, a million peers", "100 times a mesh of 100", "<= 1.3"),
    "policy_3000": ("200 grants compiled for 3,000 hosts", "twice that for 1,500", "<= 1.2"),
    "access_tests": ("100 tests of the 200 grants run", "twice that for 1,500 hosts", "<= 1.2"),
    "access_matrix": ("who reaches what found, 3,000 hosts", "twice that for 1,500", ""),
    "policy_load": ("the table of a hub with 10,000 clients and 50 grants loaded, seconds", "2 s", "<= 1.0"),
    "policy_throughput": ("TCP through a hub with 50 grants, bits a second", "without a policy", ">= 0.95"),
    "policy_no_change": ("the process of member with a policy of 50 grants, nothing to change", "without", "<= 1.05"),
    "policy_hub_10000": ("lines of a hub's table, 10,000 clients, 50 grants", "twice that with 5,000", "<= 1.0"),
    "status_page_1000": ("the HTML page of 1,000 hosts rendered", "twice that of 500", "<= 1.2"),
    "no_change_site": ("a site.yml that changes nothing, on the lab", "one ping task per host", ""),
    "lab": ("a second make site with the VMs up", "the first design, 60 s", "<= 35 s"),
    # Config-only: without the tasks tagged running, as WireGuard need not be in this kernel.
    "first_run_100": ("the first site.yml, 100 hosts, config-only", "five ping tasks per host", "<= 2.5"),
    "fleet_N": ("a site.yml that changes nothing, {0} hosts, config-only", "one ping task per host", "<= 2.0"),
    "fleet_memory": ("its peak memory in the largest fleet, MiB", "one ping task per host", "<= 1.5"),
    "onboard": ("onboard.yml in the largest fleet, config-only", "its site.yml that changes nothing", "<= 0.03"),
}

Rows = dict[str, dict[str, float]]


def in_guest() -> Rows:
    """Boot a VM, run guest.py there, take it down."""
    machine = ["--dir", "build/bench"]
    # Next to the bench itself there is an ansible-playbook that has all the peers to pass on.
    # On the second processor, pings run while the first one takes a prefix from their peer.
    size = ["--memory", "1024", "--cpus", "2"]
    subprocess.run([*LAB, "up", *machine, *size, "--machine", "bench=debian12-test"], check=True, cwd=ROOT)
    try:
        command = ["bench", "python3", "tests/bench/guest.py"]
        done = subprocess.run(
            [*LAB, "run", *machine, *command], check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        results: Rows = json.loads(done.stdout.splitlines()[-1])
        return results
    finally:
        subprocess.run([*LAB, "down", *machine], check=True, cwd=ROOT)


def timed(*command: str) -> float:
    """Seconds that a command takes; its playbooks must change nothing."""
    start = time.perf_counter()
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode or any(changes != "0" for changes in re.findall(r"changed=(\d+)", done.stdout)):
        raise SystemExit(f"{' '.join(command)} failed or changed something:\n{done.stdout}{done.stderr}")
    return seconds


def on_the_lab() -> Rows:
    """On VMs: a second ``make site``, and its site.yml next to one ping task per host."""
    subprocess.run(["make", "site"], check=True, cwd=ROOT)
    pings = ROOT / "build/bench.yml"
    task = {"name": "Ping", "ansible.builtin.ping": {}}
    play = {"name": "Ping", "hosts": "all", "become": True, "gather_facts": False, "tasks": [task]}
    pings.write_text(json.dumps([play]))
    playbook = ("ansible-playbook", "-i", str(INVENTORY))
    whole, site, ping = timed("make", "site"), timed(*playbook, "playbooks/site.yml"), timed(*playbook, str(pings))
    return {"lab": row(whole, FIRST_DESIGN), "no_change_site": row(site, ping)}


def row(value: float, reference: float) -> dict[str, float]:
    return {"value": round(value, 2), "reference": round(reference, 2), "ratio": round(value / reference, 2)}


def on_this_machine(script: str, *arguments: str) -> Iterator[Rows]:
    """Run one of the scripts of this folder, which prints rows as lines of JSON as it has them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "build/collections")}
    command = [sys.executable, str(ROOT / "tests/bench" / script), *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield from map(json.loads, process.stdout or ())
    if process.returncode:
        raise SystemExit(f"{script} failed")


def measured(part: str, fleets: list[int]) -> Iterator[Rows]:
    if part == "engine":
        yield in_guest()
    elif part in {"payloads", "planner", "policy", "page"}:
        yield from on_this_machine(f"{part}.py")
        if part == "policy":
            yield from on_this_machine("access.py")
    elif part == "site":
        yield on_the_lab()
    else:
        yield from on_this_machine("fleet.py", *map(str, fleets))


def kind(name: str) -> tuple[str, int]:
    """The name that MEANINGS has for it, and the size of the fleet."""
    size = name.removeprefix("fleet_")
    return ("fleet_N", int(size)) if size.isdigit() else (name, 0)


def meaning(name: str) -> tuple[str, str, str]:
    generic, size = kind(name)
    what, reference, goal = MEANINGS[generic]
    return what.format(f"{size:,}"), reference, goal


def order(name: str) -> tuple[int, int]:
    """Sort as MEANINGS does, and fleets by their size."""
    generic, size = kind(name)
    return [*MEANINGS].index(generic), size


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="measure just this part")
    parser.add_argument(
        "--hosts",
        type=lambda text: [int(count) for count in text.split(",")],
        default=FLEETS,
        metavar="N,N",
        help="the sizes of the fleets, by default 20,100,1000",
    )
    arguments = parser.parse_args()
    os.environ.setdefault("ANSIBLE_NOCOWS", "1")
    results: Rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in [arguments.only] if arguments.only else PARTS:
        for rows in measured(part, arguments.hosts):
            results |= rows
            # At once, as what comes after may take long.
            RESULTS.write_text(
                json.dumps({name: results[name] for name in sorted(results, key=order)}, indent=2) + "\n"
            )
    print(f"\n{'what':<58} {'value':>9} {'reference':>10} {'ratio':>7}  {'goal':<9} reference is")
    for name, each in results.items():
        what, reference, goal = meaning(name)
        print(f"{what:<58} {each['value']:>9} {each['reference']:>10} {each['ratio']:>7}  {goal:<9} {reference}")


if __name__ == "__main__":
    main()
