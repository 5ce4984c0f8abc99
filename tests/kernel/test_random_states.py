# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From one random state to the next on the real kernel: check mode tells what is done, which is then what was asked
for, and nothing is left to do. What came of it is read by `wg` and `ip`."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple, Union

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge, remove
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeResult
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.kernel import HostKernel as Kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import DesiredInterface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import NO_PRESHARED_KEY
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_prefix
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.tests.kernel.hosts import Host, comparable, described
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import run
from ansible_collections.cryptokey.wireguard.tests.unit.converge.strategies import (
    KEYS,
    desired_interfaces,
    resolve,
)

Network = Union[IPv4Network, IPv6Network]

# What somebody does to the interface by hand; it may also fail, where there is none.
MEDDLING = [
    "ip link set wg0 down",
    "ip link set wg0 mtu 1300",
    "ip link delete wg0",
    "ip address flush dev wg0",
    "ip address add 10.66.0.1/24 dev wg0",
    "ip address add fd66::1/64 dev wg0",
    "ip route add 10.67.0.0/16 dev wg0",
    "ip route add 192.168.7.0/24 dev wg0 table 1234",
    "ip route flush dev wg0",
    "ip rule flush priority 32765",
    "wg set wg0 listen-port 40000",
    "wg set wg0 fwmark 9",
    "wg set wg0 private-key /dev/null",
    f"wg set wg0 peer {KEYS[0]} remove",
    f"wg set wg0 peer {KEYS[1]} allowed-ips 10.9.0.0/24,10.9.0.1/32,fd00::1/128",
    f"wg set wg0 peer {KEYS[2]} persistent-keepalive 9 endpoint 192.0.2.9:9",
    f"wg set wg0 peer {KEYS[4]} preshared-key /dev/null allowed-ips 0.0.0.0/0",
    "nft delete table ip wg-quick-wg0",
    "nft delete table inet cryptokey-wg0",
    "nft add rule inet cryptokey-wg0 input drop",
]


def here(wanted: DesiredInterface) -> DesiredInterface:
    """The same in this namespace, and without name servers: those are the host's own, which this is not about."""
    return replace(wanted, netns="", birth_netns="", dns=None, dns_search=None)


class Step(NamedTuple):
    """What somebody does first, and what is then wanted; None is no interface."""

    meddling: list[str]
    wanted: DesiredInterface | None


steps = st.builds(
    Step,
    st.one_of(st.just([]), st.lists(st.sampled_from(MEDDLING), min_size=1, max_size=3)),
    st.one_of(*[desired_interfaces().map(here)] * 15, st.none()),
)


@contextmanager
def laboratory() -> Iterator[Host]:
    """A host with a link of its own, whose packets to the peers' endpoints go nowhere."""
    host = Host("random")
    host.create()
    try:
        host.run("ip", "link", "add", "other", "type", "dummy")
        host.run("ip", "address", "add", "192.0.2.100/24", "dev", "other")
        host.run("ip", "link", "set", "other", "up")
        yield host
    finally:
        host.delete()


def go(wanted: DesiredInterface | None, check_mode: bool) -> ConvergeResult:
    if wanted is None:
        return remove("wg0", Kernel(), check_mode)
    kernel = Kernel()
    circumstances = Circumstances(time.time(), resolve=resolve, list_table=kernel.list_table)
    return converge(wanted, kernel, circumstances, check_mode)


def test_every_state_is_reached_from_every_other(request: pytest.FixtureRequest, say: Callable[[str], None]) -> None:
    number = request.config.getoption("--pairs")
    # Other pairs with each version of pyroute2, and the same ones each time.
    start = zlib.crc32(metadata.version("pyroute2").encode())
    counts = {"pairs": 0, "changed": 0, "operations": 0, "meddled": 0}

    @seed(start)
    @settings(
        max_examples=number, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(steps)
    def walk(step: Step) -> None:
        for command in step.meddling:
            with_failure(command)
        foretold = go(step.wanted, check_mode=True)
        note(f"running before: {foretold.before}\nplanned: {described(foretold)}")
        done = go(step.wanted, check_mode=False)
        assert comparable(done.before) == comparable(foretold.before)
        assert described(done) == described(foretold)
        assert described(go(step.wanted, check_mode=True)) == []
        check_asked(step.wanted, done.before)
        counts["pairs"] += 1
        counts["changed"] += bool(done.operations)
        counts["operations"] += len(done.operations)
        counts["meddled"] += bool(step.meddling)

    with laboratory() as host, host.entered():
        began = time.monotonic()
        walk()
        say(f"{counts} in {time.monotonic() - began:.0f} s, seed {start}")
    assert counts["pairs"] >= number
    assert counts["changed"] > number / 3


def with_failure(command: str) -> None:
    with suppress(RuntimeError):
        run(*command.split())


def check_asked(wanted: DesiredInterface | None, before: RunningState) -> None:
    """The running state is what was asked for, as far as it was asked for, in the words of `wg` and `ip`."""
    links = {link["ifname"]: link for link in json.loads(run("ip", "-j", "address", "show"))}
    if wanted is None:
        assert "wg0" not in links
        return
    link = links["wg0"]
    assert ("UP" in link["flags"]) == wanted.up
    # The list of addresses does not have it.
    (described_link,) = json.loads(run("ip", "-j", "link", "show", "dev", "wg0"))
    assert wanted.alias in (None, described_link.get("ifalias", ""))
    assert wanted.mtu in (None, link["mtu"])
    if wanted.addresses is not None:
        found = {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global"}
        asked = set(map(str, wanted.addresses))
        assert found == asked if wanted.peers_mode == "exact" else asked <= found
    head, *lines = (line.split("\t") for line in run("wg", "show", "wg0", "dump").splitlines())
    private_key, _public_key, port, mark = head
    assert wanted.private_key is None or private_key == wanted.private_key.reveal_base64()
    assert wanted.listen_port in (None, int(port))
    full = wanted.up and wanted.table == "auto" and any("/0" in line[3] for line in lines)
    if wanted.fwmark is not None and not full:
        assert wanted.fwmark == (0 if mark == "off" else int(mark, 16))
    check_peers(wanted, {line[0]: line for line in lines})
    allowed = {ip_network(p) for line in lines for p in line[3].split(",") if p != "(none)"}
    former = {ip_network(str(p)) for peer in before.device.peers.values() for p in peer.allowed_ips} - allowed
    check_routes(wanted, allowed, former, mark)


def check_peers(wanted: DesiredInterface, found: dict[str, list[str]]) -> None:
    if wanted.peers is None:
        return
    named = {str(peer.public_key) for peer in wanted.peers}
    assert named == set(found) if wanted.peers_mode == "exact" else named <= set(found)
    for peer in wanted.peers:
        _key, preshared, endpoint, allowed, _handshake, _rx, _tx, keepalive = found[str(peer.public_key)]
        if peer.preshared_key is not None:
            none = peer.preshared_key == NO_PRESHARED_KEY
            assert preshared == ("(none)" if none else peer.preshared_key.reveal_base64())
        candidates = [str(candidate) for candidate in resolve(peer.endpoint, "")] if peer.endpoint else []
        assert not candidates or endpoint in candidates
        if peer.allowed_ips is not None:
            assert set(allowed.split(",")) == (set(map(str, peer.allowed_ips)) or {"(none)"})
        if peer.persistent_keepalive is not None:
            assert keepalive == (str(peer.persistent_keepalive) if peer.persistent_keepalive else "off")


def check_routes(wanted: DesiredInterface, allowed: set[Network], former: set[Network], mark: str) -> None:
    """Each prefix has its route on the interface, or a network of the interface covers it; and there is no other.

    On a shared interface there may be others, as on one that keeps them, but for what was a peer's before. On one that
    is down there is none.
    """
    alone = wanted.peers_mode == "exact" and not wanted.keep_routes
    if wanted.table == "off" and wanted.up:
        return
    ours: set[tuple[Network, str]] = set()
    connected: list[Network] = []
    for family, every in (("-4", "0.0.0.0/0"), ("-6", "::/0")):
        for route in json.loads(run("ip", "-j", family, "route", "show", "table", "all", "dev", "wg0")):
            network = ip_network(every if route["dst"] == "default" else route["dst"])
            if route.get("protocol", "boot") in ("87", "boot", "static"):
                ours.add((network, str(route.get("table", "main"))))
            elif route.get("protocol") == "kernel" and route.get("table", "main") == "main":
                connected.append(network)
    if not wanted.up:
        assert ours == set()
        return
    assert not former & {network for network, table in ours if table in ("main", wanted.table)}
    if wanted.table != "auto":
        asked = {(network, wanted.table) for network in allowed}
        assert ours == asked if alone else asked <= ours
        return
    for network in allowed:
        if network.prefixlen == 0:
            assert (network, str(int(mark, 16))) in ours
        else:
            covered = any(parse_prefix(str(other)).covers(parse_prefix(str(network))) for other in connected)
            assert ((network, "main") in ours) != covered
    assert not alone or {network for network, _table in ours} <= allowed
