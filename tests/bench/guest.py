# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a VM as root: what the engine and the module cost, each next to its reference in the same run.

Prints one JSON object, name to {"value", "reference", "ratio": value / reference}. Times are in seconds; the two are
taken in turn and the medians given, since the machine under the VM may be busy with other things.

The interface is held down: one that is up calls each peer that has a keepalive, and ten thousand handshakes at once
keep an emulated processor busy for minutes, whoever has set them.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge, remove
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeResult
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.kernel import HostKernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey, PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.compare import find_proven
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.decode import DeviceDecoder
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.reading import read_device
from ansible_collections.cryptokey.wireguard.tests.bench.configs import wg_config
from ansible_collections.cryptokey.wireguard.tests.bench.guest_metrics import (
    cost_of,
    median_costs,
    metrics_program,
    quiet,
)
from ansible_collections.cryptokey.wireguard.tests.bench.guest_policy import LOAD_SECONDS, load_seconds, throughputs
from ansible_collections.cryptokey.wireguard.tests.bench.policy import body_of_a_hub
from ansible_collections.cryptokey.wireguard.tests.bench.processes import AnsibleModule
from ansible_collections.cryptokey.wireguard.tests.bench.removal import count_lost

INTERFACE = "bench0"
PRIVATE_KEY = PrivateKey(b"bench".ljust(32, b"."))
PEERS = 10_000
RUNS = 5
FEW = 3
# Two prefixes each. The peak memory of the process that gives all of them to one peer, in MiB, should be at most this.
SUBNETS = 65_280
PREFIXES_MEMORY = 200.0
# What the program of the metrics should use at most, in MiB.
METRICS_MEMORY = 60.0

Row = dict[str, float]


LINK = {"interface": INTERFACE, "up": False, "mtu": 1420, "table": "off", "addresses": [], "listen_port": 51999}


def subnets(n: int) -> list[str]:
    """The two prefixes of a number below 65,536."""
    return [f"10.{n // 256}.{n % 256}.0/24", f"fd00:{n:x}::/64"]


def options(numbers: range, keepalive: int = 25) -> dict[str, Any]:
    """The module's options for an interface with a peer of each number; ``keepalive`` is that of the first."""
    peers = [
        {
            "public_key": str(PublicKey(digest(f"peer {n}"))),
            "preshared_key": PresharedKey(digest(f"preshared {n}")).reveal_base64(),
            "allowed_ips": subnets(n),
            "persistent_keepalive": str(keepalive if n == numbers[0] else 25),
        }
        for n in numbers
    ]
    return {**LINK, "peers": peers}


def one_large_peer(count: int) -> dict[str, Any]:
    """The module's options for an interface with one peer, which has the prefixes of ``count`` numbers."""
    peer = {
        "public_key": str(PublicKey(digest("large"))),
        "allowed_ips": [*chain.from_iterable(map(subnets, range(count)))],
    }
    return {**LINK, "peers": [peer]}


def wanted(numbers: range, keepalive: int = 25) -> DesiredInterface:
    return parse_interface(options(numbers, keepalive), PRIVATE_KEY)


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def walk_peer(peer: Any) -> int:
    """Have pyroute2 decode what it knows of a peer, as it does only when asked; returns the number of prefixes."""
    for name in ("PUBLIC_KEY", "PRESHARED_KEY", "ENDPOINT", "LAST_HANDSHAKE_TIME", "RX_BYTES", "TX_BYTES"):
        peer.get_attr(f"WGPEER_A_{name}")
    peer.get_attr("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL")
    allowed = peer.get_attr("WGPEER_A_ALLOWEDIPS") or ()
    return sum(bool(prefix.get_attr("WGALLOWEDIP_A_IPADDR")) for prefix in allowed)


def row(value: float, reference: float) -> Row:
    return {"value": round(value, 4), "reference": round(reference, 4), "ratio": round(value / reference, 3)}


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(value: Callable[[], object], reference: Callable[[], object], runs: int = RUNS) -> Row:
    pairs = [(timed(value), timed(reference)) for _run in range(runs)]
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    return row(first, second)


def run(*command: str) -> None:
    subprocess.run(command, check=True)


class Bench:
    """The interface, its options as ``wg`` takes them, and what brings it to them either way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def config(self, desired: DesiredInterface) -> str:
        """A file for ``wg setconf`` and ``wg syncconf`` that says the same."""
        text = wg_config(desired)
        path = self.folder / f"{digest(text).hex()}.conf"
        path.touch(0o600)
        path.write_text(text)
        return str(path)

    def engine(self, desired: DesiredInterface, operations: int | None = None) -> ConvergeResult:
        """Converge as the module does once it knows what is wanted: read, plan, and where needed apply and verify."""
        outcome = converge(desired, HostKernel(), Circumstances(time.time(), find_proven=find_proven))
        if operations is not None and len(outcome.operations) != operations:
            raise SystemExit(f"{len(outcome.operations)} operations instead of {operations}: {outcome.operations[:3]}")
        return outcome

    def clear(self) -> None:
        run("wg", "setconf", INTERFACE, "/dev/null")
        run("ip", "link", "delete", INTERFACE)

    def no_change(self, count: int) -> Row:
        desired = wanted(range(count))
        file = self.config(desired)
        self.engine(desired)
        return compare(lambda: self.engine(desired, 0), lambda: run("wg", "syncconf", INTERFACE, file))

    def growth(self) -> tuple[Row, Row]:
        """No change at the full number of peers, and that next to ten times what a tenth of them costs."""
        tenth = self.no_change(PEERS // 10)
        self.clear()
        whole = self.no_change(PEERS)
        return whole, row(whole["value"], 10 * tenth["value"])

    def with_options(self) -> Row:
        """No change, the options of the module read as well: their texts to keys and prefixes."""
        given = options(range(PEERS))
        file = self.config(wanted(range(PEERS)))
        return compare(
            lambda: self.engine(parse_interface(given, PRIVATE_KEY), 0),
            lambda: run("wg", "syncconf", INTERFACE, file),
        )

    def one_changed(self) -> Row:
        given = [wanted(range(PEERS), keepalive) for keepalive in (21, 22, 23, 24)]
        files = [self.config(each) for each in given]
        turns = iter(range(100))

        def engine() -> None:
            self.engine(given[next(turns) % 4], 1)

        return compare(engine, lambda: run("wg", "syncconf", INTERFACE, files[next(turns) % 4]))

    def hundred_changed(self) -> Row:
        """A hundred peers leave and a hundred others come, one way and back."""
        given = [wanted(range(start, PEERS + start)) for start in (0, 100)]
        files = [self.config(each) for each in given]
        self.engine(given[0])
        pairs = []
        for _run in range(RUNS):
            ours = timed(lambda: self.engine(given[1], 200))
            theirs = timed(lambda: run("wg", "syncconf", INTERFACE, files[0]))
            pairs.append((ours, theirs))
        return row(*(statistics.median(column) for column in zip(*pairs, strict=True)))

    def scratch_and_absent(self) -> tuple[Row, Row]:
        given = wanted(range(PEERS))
        file = self.config(given)

        def setconf() -> None:
            run("ip", "link", "add", INTERFACE, "mtu", "1420", "type", "wireguard")
            run("wg", "setconf", INTERFACE, file)

        times = []
        for _run in range(FEW):
            made = timed(lambda: self.engine(given))
            gone = timed(lambda: remove(INTERFACE, HostKernel()))
            times.append((made, timed(setconf), gone, timed(self.clear)))
        made, setconf_time, gone, clear_time = (statistics.median(column) for column in zip(*times, strict=True))
        return row(made, setconf_time), row(gone, clear_time)

    def read_vs_pyroute2(self) -> Row:
        from pyroute2 import WireGuard

        def walk() -> None:
            peers = prefixes = 0
            with WireGuard() as family:
                for message in family.info(INTERFACE):
                    for peer in message.get_attr("WGDEVICE_A_PEERS") or ():
                        peers += 1
                        prefixes += walk_peer(peer)
            if peers < PEERS or prefixes < 2 * PEERS:
                raise SystemExit(f"pyroute2 found {peers} peers with {prefixes} prefixes")

        def read() -> None:
            # They are decoded when one is looked at.
            peers = dict(read_device(INTERFACE, DeviceDecoder()).peers.items())
            if len(peers) < PEERS:
                raise SystemExit(f"{len(peers)} peers were read")

        return compare(read, walk, runs=1)

    def module(self, name: str, arguments: dict[str, Any], check: bool = True) -> AnsibleModule:
        """The process that Ansible starts for the module; compare the ``run`` of two of them."""
        return AnsibleModule(Path(tempfile.mkdtemp(dir=self.folder), "module"), name, arguments, check)

    def interface(self, given: dict[str, Any], check: bool = True) -> AnsibleModule:
        key = self.folder / "private.key"
        key.touch(0o600)
        key.write_text(PRIVATE_KEY.reveal_base64() + "\n")
        return self.module("cryptokey.wireguard.interface", {**given, "private_key_file": str(key)}, check)

    def processes(self) -> tuple[Row, Row]:
        """The whole module process next to ping's: seconds at ten peers, MiB at all of them."""
        ping = self.module("ansible.builtin.ping", {})
        many = self.interface(options(range(PEERS)))
        # Up, as interfaces are: for one that is down the module also looks for name servers to clear.
        few = self.interface({**options(range(10)), "up": True})
        self.engine(replace(wanted(range(10)), up=True))
        small = compare(few.run, ping.run)
        self.engine(wanted(range(PEERS)))
        return small, row(many.run(), ping.run())

    def member_three(self) -> Row:
        """The whole module process of ``member`` that changes nothing: with three interfaces, next to one."""
        three, one = (self._member(names) for names in (("bench1", "bench2", "bench3"), ("bench4",)))
        # In this VM no service brings an interface up, and that is reported as a change.
        return compare(lambda: three.run(changed=True), lambda: one.run(changed=True), runs=11)

    def policy_no_change(self) -> Row:
        """The whole module process of ``member`` that changes nothing: with a policy of 50 grants, next to none."""
        with_policy, without = (
            self._member(["bench5"], nftables=body_of_a_hub(100)),
            self._member(["bench6"], nftables=""),
        )
        return compare(lambda: with_policy.run(changed=True), lambda: without.run(changed=True), runs=11)

    def _member(self, names: Iterable[str], **others: Any) -> AnsibleModule:
        """The process of ``member`` for these interfaces with ten peers each, after they are up to date."""
        entries = [
            {
                "network": name,
                "options": {**options(range(10)), "interface": name, "listen_port": 51000 + int(name[-1]), **others},
                "forwarding": {},
            }
            for name in names
        ]
        arguments = {"interfaces": entries, "check_keys": False}
        return AnsibleModule(
            Path(tempfile.mkdtemp(dir=self.folder)), "cryptokey.wireguard.member", arguments, check=False, runs=2
        )

    def metrics(self) -> tuple[Row, Row, Row]:
        """Processor seconds of a collection that finds nothing new, next to reading the peers with wg; those of one
        that compares everything, next to wg syncconf; and the peak memory of the latter in MiB."""
        desired = quiet(wanted(range(PEERS)))
        file = self.config(desired)
        self.engine(desired)
        with metrics_program(self.folder, desired) as program:
            program.collect_afresh()
            again, dumped = median_costs(program.collect, lambda: cost_of(["/usr/bin/wg", "show", "all", "dump"]))
            afresh, synced = median_costs(
                program.collect_afresh, lambda: cost_of(["/usr/bin/wg", "syncconf", INTERFACE, file])
            )
        return (
            row(again.seconds, dumped.seconds),
            row(afresh.seconds, synced.seconds),
            row(afresh.memory, METRICS_MEMORY),
        )

    def prefixes(self) -> Row:
        """The whole module process that makes an interface and gives one peer all the prefixes, in MiB."""
        module = self.interface(one_large_peer(SUBNETS), check=False)
        self.clear()
        return row(module.run(changed=True), PREFIXES_MEMORY)


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        yield Bench(Path(folder))


def main() -> None:
    gc.disable()  # as the module does
    os.environ["LC_ALL"] = "C.UTF-8"
    results: dict[str, Row] = {}

    def done(**rows: Row) -> None:
        results.update(rows)
        for name, each in rows.items():
            print(f"{name}: {each}", file=sys.stderr, flush=True)

    with bench() as each:
        no_change, growth = each.growth()
        done(no_change=no_change, growth=growth)
        done(no_change_with_options=each.with_options())
        done(one_changed=each.one_changed())
        done(hundred_changed=each.hundred_changed())
        done(read_vs_pyroute2=each.read_vs_pyroute2())
        small, memory = each.processes()
        done(small=small, memory=memory)
        done(member_three=each.member_three())
        done(policy_no_change=each.policy_no_change())
        metrics, drift, metrics_memory = each.metrics()
        done(metrics_10000=metrics, drift_10000=drift, metrics_memory=metrics_memory)
        each.clear()
        done(prefixes=each.prefixes())
        each.clear()
        scratch, absent = each.scratch_and_absent()
        done(scratch=scratch, absent=absent)
    done(policy_load=row(load_seconds(), LOAD_SECONDS), policy_throughput=row(*throughputs()))
    lost, reference = count_lost()
    done(prefix_removal_loss={"value": lost, "reference": reference, "ratio": round(lost / max(reference, 1), 3)})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
