# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States as plain dictionaries for ``--diff`` and results. Secrets are never shown, only whether they exist."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from typing import Any

from .._model.interface import PeerNames, RunningPeer, label_peer
from .._model.keys import Secret
from .._model.prefix import sort_prefixes
from .._model.state import Rule, RunningState

_CHANGED = "(hidden, changed)"


def show_difference(before: RunningState, after: RunningState, names: PeerNames) -> dict[str, Any]:
    """Return ``before`` and ``after`` as dictionaries with sorted, readable values. Only changed peers are shown."""
    differ = {
        key
        for key in {*before.device.peers, *after.device.peers}
        if before.device.peers.get(key) != after.device.peers.get(key)
    }
    peers_before = {key: peer for key, peer in before.device.peers.items() if key in differ}
    peers_after = {key: peer for key, peer in after.device.peers.items() if key in differ}
    shown = {"before": show_state(before), "after": show_state(after)}
    for side, peers, others in (("before", peers_before, {}), ("after", peers_after, peers_before)):
        if shown[side]:
            shown[side]["peers"] = {
                label_peer(key, names.get(key)): _show_peer(peer, others.get(key))
                for key, peer in sorted(peers.items(), key=lambda item: label_peer(item[0], names.get(item[0])))
            }
    if after.exists and after.device.private_key != before.device.private_key:
        shown["after"]["private_key"] = _CHANGED if before.device.private_key else "(hidden)"
    return shown


def show_state(state: RunningState) -> dict[str, Any]:
    """Return everything but the peers. An absent interface gives an empty dictionary."""
    if not state.exists:
        return {}
    families = sorted(state.netfilter)
    return {
        "interface": state.interface,
        **({"netns": state.netns} if state.netns else {}),
        "private_key": _show_secret(state.device.private_key, state.device.private_key),
        "listen_port": state.device.listen_port or "(chosen by the kernel)",
        "fwmark": f"{state.device.fwmark:#x}" if state.device.fwmark else "off",
        "mtu": state.mtu,
        "up": state.up,
        **_show_labels(state),
        "addresses": [str(address) for address in state.addresses],
        "routes": [str(route) for route in sorted(state.routes)],
        "rules": _show_rules(rule for rule in state.rules if not rule.fwmark or rule.fwmark == state.device.fwmark),
        "netfilter": [_show_entry(rule) for family in families for rule in sorted(state.netfilter[family])],
        **({"nftables": state.own_table.listing.expandtabs(4).splitlines()} if state.own_table else {}),
    }


def _show_entry(rule: str) -> str:
    return rule if not rule.startswith("[") else "(a table of this name that others have changed)"


def _show_rules(rules: Iterable[Rule]) -> list[str]:
    return [f"{'-4' if rule.family == socket.AF_INET else '-6'} {rule}" for rule in sorted(rules)]


def _show_labels(state: RunningState) -> dict[str, Any]:
    """Return the alias and the DNS settings, as far as they are set."""
    shown = {"alias": state.alias, "dns": list(state.dns.servers), "dns_search": list(state.dns.search)}
    return {key: value for key, value in shown.items() if value}


def describe_state(state: RunningState, now: float, names: PeerNames) -> dict[str, Any]:
    """Describe an existing interface with its peers, as ``interface_info`` returns it. ``now``: seconds since 1970."""
    device = state.device
    return {
        "interface": state.interface,
        "netns": state.netns or None,
        "up": state.up,
        "alias": state.alias,
        "mtu": state.mtu,
        "public_key": str(device.public_key) if device.public_key else None,
        "listen_port": device.listen_port,
        "fwmark": device.fwmark,
        "addresses": [str(address) for address in state.addresses],
        "routes": [str(route) for route in sorted(state.routes)],
        "rules": _show_rules(rule for rule in state.rules if rule.fwmark and rule.fwmark == device.fwmark),
        "dns": list(state.dns.servers),
        "dns_search": list(state.dns.search),
        "peers": [_describe_peer(peer, now, names) for peer in device.peers.values()],
    }


def _describe_peer(peer: RunningPeer, now: float, names: PeerNames) -> dict[str, Any]:
    seen = int(peer.latest_handshake)
    return {
        "name": names.get(peer.public_key),
        "public_key": str(peer.public_key),
        "has_preshared_key": bool(peer.preshared_key),
        "endpoint": str(peer.endpoint) if peer.endpoint else None,
        "allowed_ips": [str(prefix) for prefix in sort_prefixes(peer.allowed_ips)],
        "persistent_keepalive": peer.persistent_keepalive,
        "latest_handshake": seen,
        "latest_handshake_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seen)) if seen else None,
        "latest_handshake_age": max(0, int(now - seen)) if seen else None,
        "transfer_rx": peer.transfer_rx,
        "transfer_tx": peer.transfer_tx,
    }


def _show_secret(secret: Secret | None, other: Secret | None) -> str:
    if not secret:
        return "(none)"
    return "(hidden)" if other is None or secret == other else _CHANGED


def _show_peer(peer: RunningPeer, other: RunningPeer | None) -> dict[str, Any]:
    return {
        "preshared_key": _show_secret(
            peer.preshared_key, other.preshared_key if other and other.preshared_key else None
        ),
        "endpoint": str(peer.endpoint) if peer.endpoint else None,
        "allowed_ips": [str(prefix) for prefix in sort_prefixes(peer.allowed_ips)],
        "persistent_keepalive": peer.persistent_keepalive or "off",
    }
