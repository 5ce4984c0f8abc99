# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of a host next to what the kernel's own tools say, and drift that is made by hand."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._backends.config import ensure_config
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.collect import Collection
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.drift import find_drift
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.settings import (
    MetricsSettings,
    WatchedInterface,
)
from ansible_collections.cryptokey.wireguard.plugins.module_utils._metrics.startup_files import StartupFiles
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import netfilter_table
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PresharedKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.operations import SetDevice
from ansible_collections.cryptokey.wireguard.plugins.module_utils._wireguard.family import apply_operations
from ansible_collections.cryptokey.wireguard.tests.bench.guest import INTERFACE, PEERS, bench, run, wanted
from ansible_collections.cryptokey.wireguard.tests.bench.guest_metrics import (
    cost_of,
    median_costs,
    metrics_program,
    quiet,
)
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, peer_options, strangers
from ansible_collections.cryptokey.wireguard.tests.kernel.processes import forget_endpoints, key_file

_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SECRET = PresharedKey(b"between the two".ljust(32, b"."))
DROP = """counter denied {
}
chain input {
  type filter hook input priority 0; policy accept;
  iifname "wg0" ip saddr 10.9.0.2 icmp type echo-request counter name denied drop
}
"""

# The labels of a sample without its name, sorted.
Labels = "tuple[tuple[str, str], ...]"
Samples = "dict[str, dict[Labels, float]]"


class Watched:
    """A host with wg0, whose startup files and running state are made from the same options."""

    def __init__(self, host: Host, folder: Path, **options: Any) -> None:
        self.host = host
        self.options = {"mtu": 1400, "listen_port": 51820, **options}
        self.interface = WatchedInterface("wg0", {})
        self.collection = Collection(MetricsSettings("/nowhere", (self.interface,)))
        self.text = ""
        self._folder = folder
        host.converge(**self.options)
        self.write()

    def write(self) -> None:
        """Write the startup files as the module config does."""
        ensure_config({"interface": "wg0", **self.options, "private_key_file": str(key_file(self.host, self._folder))})

    def collect(self, **watched: Any) -> Any:
        settings = MetricsSettings("/nowhere", (self.interface._replace(**watched),))
        self.collection = Collection(settings)
        with self.host.entered():
            self.collection.run()
        self.text = b"".join(self.collection.exposition.render()).decode()
        return parse(self.text)

    def drift(self, **watched: Any) -> list[str]:
        with self.host.entered():
            return list(find_drift(self.interface._replace(**watched), StartupFiles("wg0")))

    def drift_count(self) -> int:
        samples = self.collect()
        assert self.collection.problems == []
        return int(samples["cryptokey_wireguard_drift_operations"][(("interface", "wg0"),)])


def parse(text: str) -> Any:
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            assert match, line
            found.setdefault(match[1], {})[tuple(sorted(_LABEL.findall(match[2] or "")))] = float(match[3])
    return found


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    for name in ("wg0.conf", "wg0.nft"):
        Path("/etc/wireguard", name).unlink(missing_ok=True)
    Path("/run/cryptokey-wireguard/wg0.metrics").unlink(missing_ok=True)
    Path("/run/cryptokey-wireguard/wg0.nftables.json").unlink(missing_ok=True)
    forget_endpoints()


@pytest.fixture
def watched(pair: tuple[Host, Host], tmp_path: Path) -> Watched:
    """The left host, in a tunnel with the right one and with three peers that never answer."""
    left, right = pair
    secret = SECRET.reveal_base64()
    peer = peer_options(
        right,
        allowed_ips=["10.9.0.2/32", "10.7.0.0/24"],
        preshared_key=secret,
        endpoint="192.0.2.2:51820",
        persistent_keepalive=0,
    )
    back = peer_options(left, allowed_ips=["10.9.0.1/32"], preshared_key=secret)
    right.converge(listen_port=51820, addresses=["10.9.0.2/24"], peers=[back])
    watched = Watched(left, tmp_path, addresses=["10.9.0.1/24"], peers=[peer, *strangers(3)])
    left.ping("10.9.0.2")
    return watched


def dump(host: Host) -> dict[str, list[str]]:
    """The lines of peers of ``wg show wg0 dump``, by their keys."""
    lines = [line.split("\t") for line in host.run("wg", "show", "wg0", "dump").splitlines()]
    return {line[0]: line for line in lines[1:]}


def by_key(samples: Any, metric: str) -> dict[str, tuple[dict[str, str], float]]:
    return {dict(labels)["public_key"]: (dict(labels), value) for labels, value in samples[metric].items()}


def test_values_are_those_of_wg_show(watched: Watched) -> None:
    for _attempt in range(20):
        before = dump(watched.host)
        samples = watched.collect()
        if dump(watched.host) == before:
            break
    assert dump(watched.host) == before
    again = watched.collect()  # from what the first one remembers
    for found in (samples, again):
        sent, received, seconds, info = (
            by_key(found, f"wireguard_{name}")
            for name in ("sent_bytes_total", "received_bytes_total", "latest_handshake_seconds", "peer_info")
        )
        assert sent.keys() == before.keys()
        for key, (_key, _secret, endpoint, allowed, handshake, rx, tx, _keepalive) in before.items():
            assert (sent[key][1], received[key][1], seconds[key][1]) == (int(tx), int(rx), int(handshake))
            assert set(sent[key][0]["allowed_ips"].split(",")) == set(allowed.split(","))
            assert info[key][0]["endpoint"] == ("" if endpoint == "(none)" else endpoint)
    assert sent[str(watched_peer(watched))][0]["friendly_name"] == "right"
    states = {dict(labels)["state"]: value for labels, value in samples["cryptokey_wireguard_peers"].items()}
    assert states == {"connected": 1, "idle": 0, "never": 3}
    (device,) = samples["wireguard_device_info"]
    assert dict(device) == {"interface": "wg0", "listen_port": "51820", "public_key": str(watched.host.public_key)}


def watched_peer(watched: Watched) -> str:
    return str(watched.options["peers"][0]["public_key"])


def test_no_secret_is_in_it(watched: Watched) -> None:
    watched.collect()
    secrets = [watched.host.private_key.reveal_base64(), SECRET.reveal_base64()]
    memory = Path("/run/cryptokey-wireguard/wg0.metrics").read_bytes()
    for secret in secrets:
        assert secret not in watched.text
        assert secret.encode() not in memory
        assert base64.b64decode(secret) not in memory


WG0 = "wg0"
BY_HAND: dict[str, tuple[list[list[str]], str]] = {
    "address": ([["ip", "address", "delete", "10.9.0.1/24", "dev", WG0]], r"add address 10\.9\.0\.1/24"),
    "another address": ([["ip", "address", "add", "10.99.0.1/24", "dev", WG0]], r"remove address 10\.99\.0\.1/24"),
    "route": ([["ip", "route", "delete", "10.7.0.0/24", "dev", WG0]], r"add route 10\.7\.0\.0/24"),
    "another route": ([["ip", "route", "add", "10.77.0.0/24", "dev", WG0]], r"remove route 10\.77\.0\.0/24"),
    "peer": ([["wg", "set", WG0, "peer", "RIGHT", "remove"]], r"peer right \(.*\): add"),
    "allowed ips": ([["wg", "set", WG0, "peer", "RIGHT", "allowed-ips", "10.9.0.2/32"]], r"peer right.*10\.7\.0\.0/24"),
    "keepalive": (
        [["wg", "set", WG0, "peer", "RIGHT", "persistent-keepalive", "7"]],
        r"peer right.*set persistent_keepalive off",
    ),
    "preshared key": (
        [["wg", "set", WG0, "peer", "RIGHT", "preshared-key", "/dev/null"]],
        r"peer right.*preshared_key",
    ),
    "port": ([["wg", "set", WG0, "listen-port", "51999"]], r"listen_port 51820"),
    "mtu": ([["ip", "link", "set", WG0, "mtu", "1300"]], r"set mtu 1400"),
    "down": ([["ip", "link", "set", WG0, "down"]], r"set up"),
    "link": ([["ip", "link", "delete", WG0]], r"create .*wg0"),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_what_was_changed_by_hand_is_counted_and_named(watched: Watched, kind: str) -> None:
    assert watched.drift_count() == 0
    commands, named = BY_HAND[kind]
    for command in commands:
        watched.host.run(*(watched_peer(watched) if word == "RIGHT" else word for word in command))
    count = watched.drift_count()
    drift = watched.drift()
    assert count == len(drift) > 0
    assert any(re.search(named, operation) for operation in drift), drift
    assert watched.drift_count() == count  # what is remembered is the same
    watched.host.converge(**watched.options)
    assert (watched.drift_count(), watched.drift()) == (0, [])


def test_forwarding_that_was_turned_off_is_drift(watched: Watched) -> None:
    watched.host.run("sysctl", "-q", "net.ipv4.ip_forward=0")
    assert watched.drift(forwarding=("ipv4",)) == ["turn on forwarding of IPv4"]
    watched.host.run("sysctl", "-q", "net.ipv4.ip_forward=1")
    assert watched.drift(forwarding=("ipv4",)) == []


def test_a_changed_table_is_drift_and_its_counter_is_not(watched: Watched) -> None:
    watched.options["nftables"] = DROP
    watched.host.converge(**watched.options)
    watched.write()
    assert watched.drift_count() == 0
    other = watched.host
    assert "cryptokey_wireguard_policy_denied_packets_total" in watched.text
    right = Host("right")
    with pytest.raises(RuntimeError):
        right.run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", "10.9.0.1")
    assert watched.drift_count() == 0
    denied = parse(watched.text)["cryptokey_wireguard_policy_denied_packets_total"]
    assert denied == {(("interface", "wg0"),): 3.0}
    other.run("nft", "add", "rule", "inet", "cryptokey-wg0", "input", "accept")
    assert watched.drift_count() == 1
    (operation,) = watched.drift()
    assert "nftables" in operation
    other.run("nft", "delete", "table", "inet", "cryptokey-wg0")
    assert watched.drift_count() == 1
    watched.host.converge(**watched.options)
    assert watched.drift_count() == 0


def test_a_full_tunnel_is_compared_with_its_rules_and_tables(pair: tuple[Host, Host], tmp_path: Path) -> None:
    left, right = pair
    peer = peer_options(right, allowed_ips=["0.0.0.0/0"], endpoint="192.0.2.2:51820")
    watched = Watched(left, tmp_path, addresses=["10.9.0.1/24"], peers=[peer])
    assert [watched.drift_count() for _time in range(2)] == [0, 0]
    for command in (
        ["ip", "rule", "delete", "table", "51820"],
        ["nft", "delete", "table", "ip", netfilter_table("wg0")],
        ["sysctl", "-q", "net.ipv4.conf.all.src_valid_mark=0"],
    ):
        left.run(*command)
        assert watched.drift_count() > 0
        left.converge(**watched.options)
        assert watched.drift_count() == 0


def test_a_changed_file_is_drift(watched: Watched) -> None:
    assert watched.drift_count() == 0
    watched.options["addresses"] = ["10.9.0.1/24", "fd00:9::1/64"]
    watched.write()
    assert watched.drift_count() == 1
    assert watched.drift() == ["add address fd00:9::1/64"]


def test_roaming_peers_are_no_drift(
    watched: Watched, pair: tuple[Host, Host], say: Callable[[str], None], pytestconfig: pytest.Config
) -> None:
    """Before each collection the peer sends from another port, and before every tenth from another address."""
    _left, right = pair
    turns = pytestconfig.getoption("--collections")
    endpoints: set[str] = set()
    assert watched.drift_count() == 0
    back = peer_options(watched.host, endpoint="192.0.2.1:51820")
    right.run("wg", "set", "wg0", "peer", back["public_key"], "endpoint", back["endpoint"])
    for turn in range(turns):
        if turn % 10 == 0:
            right.run("ip", "address", "flush", "dev", "left")
            right.run("ip", "address", "add", f"192.0.2.{100 + turn // 10}/24", "dev", "left")
        with right.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            apply_operations("wg0", [SetDevice(listen_port=20000 + turn)])
            sender.sendto(b"from elsewhere", ("10.9.0.1", 9))
        samples = watched.collect()
        assert watched.collection.problems == []
        assert set(samples["cryptokey_wireguard_drift_operations"].values()) == {0.0}
        endpoints |= {dict(labels)["endpoint"] for labels in samples["wireguard_peer_info"]}
    say(f"the peer was found at {len(endpoints) - 1} endpoints")
    assert len(endpoints) > turns // 2
    Path("/run/cryptokey-wireguard/wg0.metrics").unlink()
    assert watched.drift_count() == 0  # nor where nothing is remembered


def test_an_interface_in_a_namespace_is_read_from_outside(watched: Watched) -> None:
    """As the settings of a host say where it is: here both it and its sockets are in the namespace of the left host."""
    there = watched.interface._replace(options={"netns": "left", "birth_netns": "left"})
    for drift in (0.0, 1.0):
        collection = Collection(MetricsSettings("/nowhere", (there,)))
        collection.run()
        assert collection.problems == []
        samples = parse(b"".join(collection.exposition.render()).decode())
        assert len(samples["wireguard_sent_bytes_total"]) == 4
        assert samples["cryptokey_wireguard_drift_operations"] == {(("interface", "wg0"),): drift}
        watched.host.run("ip", "link", "set", "wg0", "mtu", "1300")


def test_an_interface_that_cannot_be_read_leaves_the_others(watched: Watched) -> None:
    strange = WatchedInterface("left-out", {})
    collection = Collection(MetricsSettings("/nowhere", (strange, watched.interface)))
    with watched.host.entered():
        collection.run()
    samples = parse(b"".join(collection.exposition.render()).decode())
    assert samples["cryptokey_wireguard_collector_success"] == {(): 0.0}
    assert len(samples["wireguard_sent_bytes_total"]) == 4
    assert any("left-out" in problem for problem in collection.problems)


def test_ten_thousand_peers_cost_little(tmp_path: Path, say: Callable[[str], None]) -> None:
    """The program as the timer runs it. Where nothing is remembered, the files are parsed and all is compared."""
    with bench() as each:
        desired = quiet(wanted(range(PEERS)))
        each.engine(desired)
        with metrics_program(tmp_path, desired) as program:
            start = cost_of([str(program.program), "--help"])
            first = program.collect_afresh()
            samples = parse(program.written.read_text())
            again, dumped = median_costs(
                program.collect, lambda: cost_of(["/usr/bin/wg", "show", "all", "dump"]), rounds=3
            )
            known = parse(program.written.read_text())
        run("wg", "setconf", INTERFACE, "/dev/null")
        run("ip", "link", "delete", INTERFACE)
    say(f"start {start.seconds:.2f} s; all compared {first}; nothing new {again}; wg show all dump {dumped}")
    for found in (samples, known):
        assert len(found["wireguard_sent_bytes_total"]) == len(found["wireguard_peer_info"]) == PEERS
        assert found["cryptokey_wireguard_drift_operations"] == {(("interface", INTERFACE),): 0.0}
        assert found["cryptokey_wireguard_collector_success"] == {(): 1.0}
    assert max(first.memory, again.memory) <= 60
    # Seconds would be those of the machine under the emulation.
    assert again.seconds <= 6 * start.seconds
