# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure what whole runs cost in a fleet, next to a playbook that only pings each host: ``fleet.py HOSTS...``.

All hosts are this machine, over local connections, each with an /etc/wireguard of its own: its Python is a script that
runs the real one in a mount namespace. The pings pay for that too. WireGuard need not be in the kernel, as the
tasks tagged ``running`` are skipped. All of it runs in namespaces, without privileges, and writes below build/bench.

Prints each row as a line of JSON, as soon as it is there. ``seconds`` is the value. ``processor_ratio`` is the same
ratio of the processor time of all processes; other load on the machine changes it less. ``tasks`` is the
number of tasks on each host, ``MiB`` the peak memory of the largest process of the controller.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.cryptokey.wireguard.tests.unit.runs import counting, read_executions, read_recap

ROOT = Path(__file__).resolve().parents[2]
FORKS = 8
HOSTS_PER_HUB = 100
FEW = 100
RUNS = 3  # with at most FEW hosts; else one, which takes long enough
FIRST_PINGS = 5  # for each host, next to the first run
NEW = "newcomer"
CONFIG_ONLY = ["--skip-tags", "running"]
# No network but the loopback: what should touch the running system after all touches nothing of this machine.
ISOLATED = ["unshare", "--map-root-user", "--mount", "--net"]
PYTHON = """\
#!/bin/sh
exec unshare --mount /bin/sh -ec 'mount --bind {folder} /etc/wireguard; exec {python} "$@"' sh "$@"
"""
# The same job as roles do it that have no plan: each host's template looks at the variables of all hosts.
TEMPLATE = """\
[Interface]
Address = {{ address }}
ListenPort = 51820
{% for host in groups['all'] | difference([inventory_hostname]) %}
{% if host in groups['wg_hub'] or inventory_hostname in groups['wg_hub'] %}

[Peer]
# {{ host }}
PublicKey = {{ hostvars[host].public_key }}
AllowedIPs = {{ hostvars[host].address }}
{% if hostvars[host].wireguard_endpoint is defined %}
Endpoint = {{ hostvars[host].wireguard_endpoint }}:51820
{% endif %}
{% endif %}
{% endfor %}
"""

Row = dict[str, float]


class Run(NamedTuple):
    seconds: float
    processor_seconds: float
    mib: float
    output: str
    tasks: dict[str, list[str]]

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """Each host's counts."""
        return read_recap(self.output)

    @property
    def changed(self) -> list[str]:
        return [host for host, counts in self.recap.items() if counts["changed"]]

    @property
    def tasks_each(self) -> int:
        """How many tasks ran on each host."""
        counts = {len(names) for names in self.tasks.values()}
        if len(counts) != 1:
            raise SystemExit(f"the hosts have run different numbers of tasks: {self.tasks}")
        return counts.pop()


class Fleet:
    """Some hosts, and a folder for their inventory, their registry and their files."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.folder = ROOT / f"build/bench/fleet_{count}"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.names = [f"host{number:04}" for number in range(count)]
        self.hubs = self.names[: max(count // HOSTS_PER_HUB, 1)]
        self.write()

    def write(self) -> None:
        """The inventory, and for each host what stands for its Python."""
        hosts = {name: self._host(number, name) for number, name in enumerate(self.names, 1)}
        inventory = {
            "all": {
                "vars": {
                    "ansible_connection": "local",
                    "ansible_become": False,
                    "ansible_python_interpreter": "{{ inventory_dir }}/hosts/{{ inventory_hostname }}/python",
                    "wireguard_networks": {"bench": {"prefixes": ["10.8.0.0/16", "fd00:8::/64"]}},
                }
            },
            "wg_hub": {"hosts": {name: hosts[name] for name in self.hubs}},
            "wg_spoke": {"hosts": {name: hosts[name] for name in self.names if name not in self.hubs}},
        }
        for name in self.names:
            folder = self.folder / "hosts" / name
            (folder / "wireguard").mkdir(parents=True, exist_ok=True)
            python = folder / "python"
            places = {"folder": shlex.quote(str(folder / "wireguard")), "python": shlex.quote(sys.executable)}
            python.write_text(PYTHON.format(**places))
            python.chmod(0o755)
        (self.folder / "inventory.json").write_text(json.dumps(inventory, indent=1))
        (self.folder / "template.j2").write_text(TEMPLATE)

    def _host(self, number: int, name: str) -> dict[str, str]:
        # The role gives out addresses by itself and has the hosts make their keys; these are for the template.
        key = base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()
        variables = {"public_key": key, "address": f"10.8.{number // 256}.{number % 256}"}
        return variables | ({"wireguard_endpoint": f"{name}.example.org"} if name in self.hubs else {})

    def run(self, playbook: Path, *arguments: str) -> Run:
        command = [*ISOLATED, "ansible-playbook", "-i", str(self.folder / "inventory.json"), str(playbook), *arguments]
        environment = {
            **os.environ,
            **counting(self.folder),
            "ANSIBLE_FORKS": str(FORKS),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_REMOTE_TEMP": str(self.folder / "ansible/tmp"),
        }
        log = self.folder / f"{playbook.stem}.log"
        with log.open("w") as output:
            start = time.perf_counter()
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
            _pid, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{playbook.name} failed with {self.count} hosts, see {log}")
        print(f"{playbook.name} with {self.count} hosts: {seconds:.1f} s", file=sys.stderr, flush=True)
        busy, mib = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
        return Run(seconds, busy, mib, log.read_text(), read_executions(self.folder))

    def site(self) -> Run:
        return self.run(ROOT / "playbooks/site.yml", *CONFIG_ONLY)

    def unchanged(self) -> Run:
        run = self.site()
        if run.changed or len(run.recap) != self.count:
            raise SystemExit(f"site.yml changed {run.changed} of {len(run.recap)} hosts")
        return run

    def playbook(self, name: str, *tasks: dict[str, Any]) -> Run:
        path = self.folder / f"{name}.yml"
        path.write_text(json.dumps([{"name": name, "hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return self.run(path)

    def first(self) -> Run:
        run = self.site()
        if len(run.changed) != self.count:
            raise SystemExit("the first run has not set up all hosts")
        return run

    def pings(self, count: int = 1) -> Run:
        return self.playbook("pings", *({"name": f"Ping {n}", "ansible.builtin.ping": {}} for n in range(count)))

    def templates(self) -> Run:
        options = {"src": str(self.folder / "template.j2"), "dest": "/etc/wireguard/template.conf", "mode": "0600"}
        return self.playbook("templates", {"name": "Write it", "ansible.builtin.template": options})


def row(runs: list[Run], references: list[Run], **others: float) -> Row:
    """The medians of both, in seconds."""
    value, reference = (statistics.median(run.seconds for run in each) for each in (runs, references))
    busy, reference_busy = (statistics.median(run.processor_seconds for run in each) for each in (runs, references))
    return {
        "value": round(value, 2),
        "reference": round(reference, 2),
        "ratio": round(value / reference, 3),
        "seconds": round(value, 2),
        "processor_ratio": round(busy / reference_busy, 3),
        **others,
    }


def memory(fleet: Fleet, run: Run, reference: Run) -> Row:
    value, other = round(run.mib), round(reference.mib)
    return {"value": value, "reference": other, "ratio": round(run.mib / reference.mib, 3), "hosts": fleet.count}


def onboard(fleet: Fleet, site: Run) -> Row:
    """Add one host. Only it and the hubs are contacted, as each hub must know which hub is in front of it."""
    fleet.names.append(NEW)
    fleet.write()
    run = fleet.run(ROOT / "playbooks/onboard.yml", "-e", f"wireguard_hosts={NEW}", *CONFIG_ONLY)
    expected = {NEW, *fleet.hubs}
    if run.recap.keys() - {"localhost"} != expected or not expected <= {*run.changed}:
        raise SystemExit(f"not just {expected} were updated, but: {run.recap}")
    return row([run], [site], hosts=fleet.count, MiB=round(run.mib))


def measure(fleet: Fleet, largest: bool) -> Iterator[dict[str, Row]]:
    """The rows of a fleet. A run that changes nothing and the pings are taken in turn."""
    first = fleet.first()
    if fleet.count == FEW:
        yield {f"first_run_{FEW}": row([first], [fleet.pings(FIRST_PINGS)])}
    pairs = [(fleet.unchanged(), fleet.pings()) for _run in range(RUNS if fleet.count <= FEW else 1)]
    sites, pings = ([*column] for column in zip(*pairs, strict=True))
    others = {"tasks": sites[-1].tasks_each, "first": round(first.seconds, 2)}
    if fleet.count == FEW:
        others["template"] = round(fleet.templates().seconds, 2)
    yield {f"fleet_{fleet.count}": row(sites, pings, **others, MiB=round(sites[-1].mib))}
    if largest:
        yield {"fleet_memory": memory(fleet, sites[-1], pings[-1])}
        yield {"onboard": onboard(fleet, sites[-1])}


def main() -> None:
    counts = sorted({int(count) for count in sys.argv[1:]})
    if not counts or counts[0] < 2:
        raise SystemExit("usage: fleet.py HOSTS..., each a number from 2 on")
    for count in counts:
        for rows in measure(Fleet(count), largest=count == counts[-1]):
            print(json.dumps(rows), flush=True)


if __name__ == "__main__":
    main()
