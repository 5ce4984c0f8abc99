# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a tunnel carries no traffic: what runs on a host is not what is planned. Pure."""

from __future__ import annotations

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)

from .cause import Cause, Told, add_to, run_site, shown
from .tunnel import TunnelView

_WIREGUARD = "wireguard"

SETUP_CAUSES: list[Cause] = []
_cause = add_to(SETUP_CAUSES)


@_cause()
def _no_answer(view: TunnelView) -> Told | None:
    """Neither end could be asked."""
    if view.near.found or view.far.found:
        return None
    return Told(f"the host could not be asked: {view.near.problem}", "make Ansible reach it", view.near.host)


@_cause(always=True)
def _no_interface(view: TunnelView) -> Told | None:
    """The interface does not exist."""
    near = view.near
    if not near.found or near.found.kind:
        return None
    return Told(f"the interface {near.interface} does not exist", run_site(near), near.host)


@_cause(always=True)
def _other_kind(view: TunnelView) -> Told | None:
    """An interface of another kind has its name."""
    near = view.near
    if not near.found or near.found.kind in ("", _WIREGUARD):
        return None
    text = f"the interface {near.interface} is a {near.found.kind} interface, not a wireguard one"
    return Told(text, f"remove it, or set wireguard_interface to another name; then {run_site(near)}", near.host)


@_cause(always=True)
def _no_key(view: TunnelView) -> Told | None:
    """The interface has no private key."""
    near = view.near
    if not near.found or near.found.kind != _WIREGUARD or near.found.public_key:
        return None
    return Told(f"{near.interface} has no private key", run_site(near), near.host)


@_cause(always=True)
def _port_taken(view: TunnelView) -> Told | None:
    """Another program has the UDP port, so that the interface cannot come up."""
    near = view.near
    if not near.found or near.found.kind != _WIREGUARD or near.found.up or not near.found.holders:
        return None
    program = next(filter(None, near.found.holders), "another WireGuard interface")
    port = near.options.get("listen_port") or near.found.listen_port
    remedy = f"stop {program}, or set wireguard_listen_port to another port; then {run_site(near)}"
    return Told(f"{near.interface} is down, as {program} has the UDP port {port}", remedy, near.host)


@_cause(always=True)
def _link_down(view: TunnelView) -> Told | None:
    """The interface is down."""
    near = view.near
    if not near.found or near.found.kind != _WIREGUARD or near.found.up:
        return None
    return Told(f"{near.interface} is down", f"run 'ip link set {near.interface} up', or {run_site(near)}", near.host)


@_cause(always=True)
def _not_bound(view: TunnelView) -> Told | None:
    """The interface has lost its UDP socket: the network namespace in which it was made is gone."""
    near = view.near
    if not near.runs or not near.runs.listen_port or "" in near.runs.holders:
        return None
    text = f"no socket of {near.interface} has the UDP port {near.runs.listen_port}"
    return Told(text, f"run 'ip link delete {near.interface}', then {run_site(near)}", near.host)


@_cause(always=True)
def _wrong_port(view: TunnelView) -> Told | None:
    """The interface listens at another port than planned."""
    near = view.near
    planned = near.options.get("listen_port")
    if not near.runs or not planned or near.runs.listen_port == planned:
        return None
    text = f"{near.interface} listens at UDP port {near.runs.listen_port}, and not at {planned} as planned"
    return Told(text, run_site(near), near.host)


@_cause(always=True)
def _no_address(view: TunnelView) -> Told | None:
    """The interface lacks a planned address."""
    near = view.near
    if not near.runs:
        return None
    missing = [each for each in near.options["addresses"] if parse_interface_address(each) not in near.runs.addresses]
    return Told(f"{near.interface} lacks the address {missing[0]}", run_site(near), near.host) if missing else None


@_cause(always=True)
def _wrong_own_key(view: TunnelView) -> Told | None:
    """The interface runs with another private key than the registry has the public key of."""
    near = view.near
    planned = [near.planned.entry.get(name) for name in ("public_key", "next_public_key")]
    if not near.found or not near.found.public_key or not planned[0] or near.found.public_key in planned:
        return None
    text = f"{near.interface} runs with the public key {near.found.public_key}, and peers have {planned[0]}"
    return Told(text, f"run the playbook rotate if the host was installed again, otherwise {run_site(near)}", near.host)


@_cause(always=True)
def _wrong_key(view: TunnelView) -> Told | None:
    """The interface has the peer with a wrong public key."""
    near, far = view.near, view.far
    instead = next((peer.instead for peer in near.listed if peer.instead), "")
    known = [peer.public_key for peer in near.peers]
    if known and far.found and far.found.public_key in near.planned.keys and far.found.public_key not in known:
        instead = known[0]
    if not instead:
        return None
    text = f"{near.host} has {far.host} with the public key {instead}, which is not that of {far.host}"
    return Told(text, run_site(near))


@_cause(always=True)
def _no_peer(view: TunnelView) -> Told | None:
    """The interface lacks the peer."""
    near, far = view.near, view.far
    if not near.listed or near.peers:
        return None
    return Told(f"{near.interface} of {near.host} has no peer with the key of {far.host}", run_site(near))


@_cause(always=True)
def _preshared_key(view: TunnelView) -> Told | None:
    """The two ends have different preshared keys."""
    for mine, theirs in view.matched():
        if mine.preshared != theirs.preshared:
            lacking = [end.host for end, peer in ((view.near, mine), (view.far, theirs)) if not peer.preshared]
            text = f"only {lacking[0]} has no preshared key" if lacking else "the two preshared keys differ"
            return Told(text, run_site(view.near, view.far))
    return None


@_cause()
def _name_unresolved(view: TunnelView) -> Told | None:
    """The name of the endpoint has no address on the host."""
    near, far = view.near, view.far
    if not near.runs or near.runs.names.get(near.planned.peer["name"]) != []:
        return None
    name = near.planned_endpoint.host if near.planned_endpoint else ""
    remedy = f"correct the name servers of {near.host}, or wireguard_endpoint of {far.host}"
    return Told(f"{near.host} cannot resolve {name}, the endpoint of {far.host}", remedy)


@_cause()
def _no_endpoint(view: TunnelView) -> Told | None:
    """The running peer has no endpoint, and the inventory has one."""
    near = view.near
    if not near.runs or not near.peers or near.endpoint or not near.planned_endpoint:
        return None
    return Told(f"{near.interface} of {near.host} has no endpoint for {view.far.host}", run_site(near))


@_cause()
def _endpoint_outdated(view: TunnelView) -> Told | None:
    """The host sends to another address than the endpoint has."""
    near, planned = view.near, view.near.planned_endpoint
    if not near.runs or not near.endpoint or not planned:
        return None
    names = near.runs.names.get(near.planned.peer["name"], ())
    right = [str(planned)] if planned.is_literal else list(names)
    if not right or str(near.endpoint) in right:
        return None
    text = f"{near.host} sends to {near.endpoint}, and the endpoint of {view.far.host} is {right[0]}"
    remedy = run_site(near) if planned.is_literal else f"set wireguard_reresolve on {near.host}, and {run_site(near)}"
    return Told(text, remedy)


@_cause()
def _no_route_to_endpoint(view: TunnelView) -> Told | None:
    """The host has no route to the endpoint."""
    near = view.near
    if not near.runs or not near.endpoint or any(peer.outer for peer in near.peers):
        return None
    text = f"{near.host} has no route to {shown(near.endpoint, near)}"
    family = "IPv6" if ":" in near.endpoint.host else "IPv4"
    return Told(text, f"add a route; if {near.host} has no {family}, give {view.far.host} another endpoint")


@_cause()
def _endpoint_in_tunnel(view: TunnelView) -> Told | None:
    """The host sends the tunnel's own packets into the tunnel."""
    near = view.near
    if near.options.get("netns") != near.options.get("birth_netns"):
        return None
    if not near.runs or not near.endpoint or not any(peer.outer == near.interface for peer in near.peers):
        return None
    text = f"{near.host} sends packets for {shown(near.endpoint, near)} into {near.interface} itself"
    return Told(
        text, f"remove the prefix with this address from the allowed IPs of {view.far.host}, or {run_site(near)}"
    )


@_cause(always=True)
def _allowed_ips(view: TunnelView) -> Told | None:
    """The running peer lacks some of its allowed IPs."""
    near = view.near
    if not near.runs or not near.peers:
        return None
    running = {prefix for peer in near.peers for prefix in peer.allowed_ips}
    planned = list(map(parse_prefix, near.planned.peer["allowed_ips"]))
    missing = [each for each in planned if each not in running and not any(other.covers(each) for other in running)]
    if not missing:
        return None
    text = f"the allowed IPs of {view.far.host} on {near.host} lack {missing[0]}"
    return Told(text, run_site(near))
