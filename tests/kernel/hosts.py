# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host: a namespace with a key, on which the engine itself is run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.circumstances import Circumstances
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.engine import converge, remove
from ansible_collections.cryptokey.wireguard.plugins.module_utils._converge.result import ConvergeResult
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host import kernel
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.resolve import Resolver
from ansible_collections.cryptokey.wireguard.plugins.module_utils._host.tables import resolve_table
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.interface import RunningPeer
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.keys import PrivateKey, PublicKey
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.state import RunningState
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.endpoints import remember
from ansible_collections.cryptokey.wireguard.plugins.module_utils._store.public_key import public_key_of
from ansible_collections.cryptokey.wireguard.tests.kernel.namespaces import Namespace


class Host(Namespace):
    """``recorded`` stands for the file that remembers the endpoints last applied; ``warnings`` are the last run's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.private_key = key_of(name)
        self.public_key = public_key_of(self.private_key)
        self.recorded: dict[PublicKey, str] = {}
        self.warnings: list[str] = []

    def converge(
        self,
        check_mode: bool = False,
        private_key: PrivateKey | None = None,
        seconds_later: float = 0,
        **options: Any,
    ) -> ConvergeResult:
        """Converge wg0 to the module options given, as if it were so much later."""
        desired = parse_interface({"interface": "wg0", **options}, private_key or self.private_key)
        desired = replace(desired, table=resolve_table(desired.table))
        here = kernel.HostKernel()
        resolver = Resolver()
        with self.entered():
            resolver.look_up([peer.endpoint for peer in desired.peers or () if peer.endpoint])
        now = time.time() + seconds_later
        circumstances = Circumstances(
            now, self.recorded, resolver, here.path_mtu, here.has_routes, list_table=here.list_table
        )
        with self.entered():
            outcome = converge(desired, here, circumstances, check_mode)
        if not check_mode:
            self.recorded = remember(desired, self.recorded, outcome.after.device.peers, resolver.unresolved)
        self.warnings = resolver.warnings
        return outcome

    def remove(self, check_mode: bool = False) -> ConvergeResult:
        with self.entered():
            return remove("wg0", kernel.HostKernel(), check_mode)

    def read(self) -> RunningState:
        with self.entered():
            state = kernel.HostKernel().read("wg0")
            # What is not looked at is not decoded, and the scopes of endpoints are this host's.
            return replace(state, device=replace(state.device, peers=dict(state.device.peers.items())))

    def peer(self, other: Host) -> RunningPeer:
        return self.read().device.peers[other.public_key]


def key_of(name: str) -> PrivateKey:
    return PrivateKey(name.encode().ljust(32, b"."))


def comparable(state: RunningState) -> RunningState:
    """The state without what time and chance put there: a peer that is not reached is called again and again.

    Nor does it matter who has made a route of the interface's own: wg-quick's are as good as ours.
    """
    peers = {
        key: peer._replace(latest_handshake=0.0, transfer_rx=0, transfer_tx=0)
        for key, peer in state.device.peers.items()
    }
    routes = frozenset(route._replace(protocol=0) for route in state.routes)
    return replace(state, device=replace(state.device, ifindex=0, peers=peers), routes=routes)


def described(outcome: ConvergeResult) -> list[str]:
    return [operation.describe() for operation in outcome.operations]


def peer_options(other: Host, **options: Any) -> dict[str, Any]:
    return {"name": other.name, "public_key": str(other.public_key), **options}


def bring_up(left: Host, right: Host) -> tuple[dict[str, Any], dict[str, Any]]:
    """A tunnel between both, through which a ping has gone, and the options of each."""
    ours, theirs = tunnel(left, right)
    left.converge(**ours)
    right.converge(**theirs)
    left.ping("10.9.0.2")
    return ours, theirs


def strangers(count: int, prefixes_each: int = 1) -> list[dict[str, Any]]:
    """Peers that nobody answers for, each with prefixes of its own. Any 32 bytes are a public key."""
    return [
        {
            "public_key": str(PublicKey(hashlib.sha256(f"stranger {n}".encode()).digest())),
            "allowed_ips": [f"10.{n // 256}.{n % 256}.{m}/32" for m in range(prefixes_each)],
        }
        for n in range(count)
    ]


@contextmanager
def make_hosts(*names: str) -> Iterator[Sequence[Host]]:
    hosts = [Host(name) for name in names]
    with ExitStack() as stack:
        for each in hosts:
            each.create()
            stack.callback(each.delete)
        yield hosts


def tunnel(left: Host, right: Host) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of both ends of a plain tunnel; only the right one has a known endpoint."""
    return (
        {
            "addresses": ["10.9.0.1/24", "fd09::1/64"],
            "peers": [
                peer_options(
                    right,
                    endpoint="192.0.2.2:51820",
                    allowed_ips=["10.9.0.2/32", "fd09::2/128"],
                    persistent_keepalive=25,
                )
            ],
        },
        {
            "listen_port": 51820,
            "addresses": ["10.9.0.2/24", "fd09::2/64"],
            "peers": [peer_options(left, allowed_ips=["10.9.0.1/32", "fd09::1/128"])],
        },
    )
