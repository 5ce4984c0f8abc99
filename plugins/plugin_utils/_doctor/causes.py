# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a tunnel does not carry traffic, from the bottom up: each cause is a function that finds it or not. Pure.

A cause is looked for from both ends. The first one that is found is why the tunnel is down, and what depends on it is
not looked for any more. The docstring of a function says what its finding means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.endpoint import Endpoint
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import (
    parse_interface_address,
    parse_prefix,
)

from .answers import Way
from .tunnel import RESPONSE, ExaminedEnd, TunnelView

_WIREGUARD = "wireguard"
_CLOCK_SECONDS = 60
# The least that the option mtu takes (RFC 8200, section 5).
_IPV4_MTU, _IPV6_MTU = 576, 1280


class Told(NamedTuple):
    """What is wrong and what to do. ``host``: it concerns this host as a whole, not one tunnel."""

    text: str
    remedy: str
    host: str = ""


class Cause(NamedTuple):
    """``always``: it is looked for although the tunnel carries traffic. ``apart``: besides other causes, and it does
    not keep the tunnel itself from working."""

    code: str
    find: Callable[[TunnelView], Told | None]
    always: bool = False
    apart: bool = False


CAUSES: list[Cause] = []


def _cause(
    always: bool = False, apart: bool = False
) -> Callable[[Callable[[TunnelView], Told | None]], Callable[[TunnelView], Told | None]]:
    """Add the function to the causes, in the order of this file. Its name is the code."""

    def add(find: Callable[[TunnelView], Told | None]) -> Callable[[TunnelView], Told | None]:
        CAUSES.append(Cause(find.__name__.strip("_"), find, always or apart, apart))
        return find

    return add


def _site(*ends: ExaminedEnd) -> str:
    return f"run the playbook site with -e wireguard_hosts={','.join(sorted(end.host for end in ends))}"


def _shown(endpoint: Endpoint | None, end: ExaminedEnd) -> str:
    """The endpoint, with the name that it was configured with."""
    name = end.planned.peer.get("endpoint")
    return f"{endpoint} ({name})" if name and str(name) != str(endpoint) else str(endpoint)


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
    return Told(f"the interface {near.interface} does not exist", _site(near), near.host)


@_cause(always=True)
def _other_kind(view: TunnelView) -> Told | None:
    """An interface of another kind has its name."""
    near = view.near
    if not near.found or near.found.kind in ("", _WIREGUARD):
        return None
    text = f"the interface {near.interface} is a {near.found.kind} interface, not a wireguard one"
    return Told(text, f"remove it, or set wireguard_interface to another name; then {_site(near)}", near.host)


@_cause(always=True)
def _no_key(view: TunnelView) -> Told | None:
    """The interface has no private key."""
    near = view.near
    if not near.found or near.found.kind != _WIREGUARD or near.found.public_key:
        return None
    return Told(f"{near.interface} has no private key", _site(near), near.host)


@_cause(always=True)
def _port_taken(view: TunnelView) -> Told | None:
    """Another program has the UDP port, so that the interface cannot come up."""
    near = view.near
    if not near.found or near.found.kind != _WIREGUARD or near.found.up or not near.found.holders:
        return None
    program = next(filter(None, near.found.holders), "another WireGuard interface")
    port = near.options.get("listen_port") or near.found.listen_port
    remedy = f"stop {program}, or set wireguard_listen_port to another port; then {_site(near)}"
    return Told(f"{near.interface} is down, as {program} has the UDP port {port}", remedy, near.host)


@_cause(always=True)
def _link_down(view: TunnelView) -> Told | None:
    """The interface is down."""
    near = view.near
    if not near.found or near.found.kind != _WIREGUARD or near.found.up:
        return None
    return Told(f"{near.interface} is down", f"run 'ip link set {near.interface} up', or {_site(near)}", near.host)


@_cause(always=True)
def _not_bound(view: TunnelView) -> Told | None:
    """The interface has lost its UDP socket: the network namespace in which it was made is gone."""
    near = view.near
    if not near.runs or not near.runs.listen_port or "" in near.runs.holders:
        return None
    text = f"no socket of {near.interface} has the UDP port {near.runs.listen_port}"
    return Told(text, f"run 'ip link delete {near.interface}', then {_site(near)}", near.host)


@_cause(always=True)
def _wrong_port(view: TunnelView) -> Told | None:
    """The interface listens at another port than planned."""
    near = view.near
    planned = near.options.get("listen_port")
    if not near.runs or not planned or near.runs.listen_port == planned:
        return None
    text = f"{near.interface} listens at UDP port {near.runs.listen_port}, and not at {planned} as planned"
    return Told(text, _site(near), near.host)


@_cause(always=True)
def _no_address(view: TunnelView) -> Told | None:
    """The interface lacks a planned address."""
    near = view.near
    if not near.runs:
        return None
    there = {parse_interface_address(each)[:2] for each in near.runs.addresses}
    missing = [each for each in near.options["addresses"] if parse_interface_address(each)[:2] not in there]
    return Told(f"{near.interface} lacks the address {missing[0]}", _site(near), near.host) if missing else None


@_cause(always=True)
def _wrong_own_key(view: TunnelView) -> Told | None:
    """The interface runs with another private key than the registry has the public key of."""
    near = view.near
    planned = [near.planned.entry.get(name) for name in ("public_key", "next_public_key")]
    if not near.found or not near.found.public_key or not planned[0] or near.found.public_key in planned:
        return None
    text = f"{near.interface} runs with the public key {near.found.public_key}, and peers have {planned[0]}"
    return Told(text, f"run the playbook rotate if the host was installed again, otherwise {_site(near)}", near.host)


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
    return Told(text, _site(near))


@_cause(always=True)
def _no_peer(view: TunnelView) -> Told | None:
    """The interface lacks the peer."""
    near, far = view.near, view.far
    if not near.listed or near.peers:
        return None
    return Told(f"{near.interface} of {near.host} has no peer with the key of {far.host}", _site(near))


@_cause(always=True)
def _preshared_key(view: TunnelView) -> Told | None:
    """The two ends have different preshared keys."""
    for mine, theirs in view.matched():
        if mine.preshared != theirs.preshared:
            lacking = [end.host for end, peer in ((view.near, mine), (view.far, theirs)) if not peer.preshared]
            text = f"only {lacking[0]} has no preshared key" if lacking else "the two preshared keys differ"
            return Told(text, _site(view.near, view.far))
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
    return Told(f"{near.interface} of {near.host} has no endpoint for {view.far.host}", _site(near))


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
    remedy = _site(near) if planned.is_literal else f"set wireguard_reresolve on {near.host}, and {_site(near)}"
    return Told(text, remedy)


@_cause()
def _no_route_to_endpoint(view: TunnelView) -> Told | None:
    """The host has no route to the endpoint."""
    near = view.near
    if not near.runs or not near.endpoint or any(peer.outer for peer in near.peers):
        return None
    text = f"{near.host} has no route to {_shown(near.endpoint, near)}"
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
    text = f"{near.host} sends packets for {_shown(near.endpoint, near)} into {near.interface} itself"
    return Told(text, f"remove the prefix with this address from the allowed IPs of {view.far.host}, or {_site(near)}")


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
    return Told(text, _site(near))


@_cause()
def _nothing_leaves(view: TunnelView) -> Told | None:
    """The host should send packets to the endpoint, and sends none."""
    near = view.near
    if not near.runs or near.runs.seen is None or not near.endpoint or view.sent():
        return None
    text = f"no packet leaves {near.host} for {_shown(near.endpoint, near)}"
    remedy = f"look for a chain of the output hook that drops UDP, with 'nft list ruleset' on {near.host}"
    return Told(text, remedy)


@_cause()
def _port_dropped(view: TunnelView) -> Told | None:
    """A chain of the host's firewall drops packets to the UDP port."""
    far = view.far
    if not far.runs or not far.runs.port_drops:
        return None
    return _dropped(far.runs.port_drops, far)


def _dropped(texts: Iterable[str], end: ExaminedEnd) -> Told:
    what, _words, remedy = next(iter(texts)).partition(". To allow it, ")
    return Told(what, remedy, end.host)


@_cause()
def _rp_filter(view: TunnelView) -> Told | None:
    """The reverse path filter drops the packets as they arrive: the way back is by another interface."""
    far = view.far
    for each in view.arrived():
        if far.runs and each.host in far.runs.refused:
            link, back = far.runs.refused[each.host]
            way = f"leaves by {back}" if back else "has no route"
            text = f"rp_filter of {far.host} drops packets from {each.host}: they arrive by {link}, the way back {way}"
            return Told(text, f"correct the route to {each.host}, or run 'sysctl net.ipv4.conf.{link}.rp_filter=2'")
    return None


@_cause()
def _not_arriving(view: TunnelView) -> Told | None:
    """Packets leave the host, and none arrives at the other one."""
    near, far = view.near, view.far
    if not view.watched_together or not far.runs or not view.sent() or view.arrived():
        return None
    text = f"no packet from {near.host} arrives at UDP port {far.runs.listen_port} of {far.host}; they leave for "
    if near.planned_endpoint and near.endpoint:
        remedy = f"open UDP port {near.endpoint.port} in the firewall in front of {far.host}, or forward it there"
        return Told(text + _shown(near.endpoint, near), remedy)
    remedy = f"set wireguard_persistent_keepalive on {far.host}; the firewall in front must let answers pass"
    return Told(f"{text}{near.endpoint}", remedy)


@_cause()
def _clock(view: TunnelView) -> Told | None:
    """The clock of the host went back: peers ignore handshakes that are older than the last one."""
    near, far = view.near, view.far
    latest = max((peer.latest_handshake for peer in far.peers), default=0)
    if not near.found or not view.arrived() or latest <= near.found.ended + _CLOCK_SECONDS:
        return None
    late = int(latest - near.found.ended)
    text = f"the clock of {near.host} is {late} s behind its last handshake with {far.host}, which ignores older ones"
    remedy = f"set the clock of {near.host} by NTP; if it is right now, remove the peer on {far.host} and {_site(far)}"
    return Told(text, remedy)


@_cause()
def _not_answered(view: TunnelView) -> Told | None:
    """Handshakes arrive, and are not answered, or the answer is refused; no cause is known."""
    near, far = view.near, view.far
    if not view.arrived() or near.has_session:
        return None
    answered = any(each.kind == RESPONSE for each in view.flipped.sent())
    what = f"{near.host} refuses the answer of {far.host}" if answered else f"{far.host} does not answer"
    return Told(f"handshakes from {near.host} arrive, and {what}", _site(near, far))


@_cause(always=True)
def _other_interface(view: TunnelView) -> Told | None:
    """Another interface has a network with the peer's addresses, so packets for them go there."""
    for way in _ways(view):
        if way.owner:
            text = f"{view.near.host} sends packets for {way.prefix} to {way.link}, whose own network has them"
            return Told(text, f"give one of the two networks another prefix, or remove the address from {way.link}")
    return None


@_cause(always=True)
def _no_route(view: TunnelView) -> Told | None:
    """The host has no route for the peer's addresses."""
    for way in _ways(view):
        if not way.link:
            return Told(f"{view.near.host} has no route to {way.prefix}", _site(view.near))
    return None


@_cause(always=True)
def _wrong_route(view: TunnelView) -> Told | None:
    """A route or a policy rule sends packets for the peer's addresses elsewhere."""
    for way in _ways(view):
        near = view.near
        if way.link != near.interface:
            text = f"{near.host} sends packets for {way.prefix} to {way.link}, and not to {near.interface}"
            address = way.prefix.partition("/")[0]
            return Told(text, f"find the rule or route with 'ip rule' and 'ip route get {address}', then {_site(near)}")
    return None


def _ways(view: TunnelView) -> list[Way]:
    """Where the near end sends packets, if its routes are those of the plan."""
    near = view.near
    if not near.runs or not near.listed or near.options.get("table") not in (None, "auto"):
        return []
    return [way for way in near.listed[0].ways if way.link != near.interface]


@_cause(apart=True)
def _no_forwarding(view: TunnelView) -> Told | None:
    """The host should pass packets on, and its kernel does not forward."""
    near = view.near
    families = [name for name, on in near.planned.entry.get("forwarding", {}).items() if on]
    missing = [name for name in families if near.runs and near.runs.forwarding.get(name) is False]
    if not missing:
        return None
    setting = {"ipv4": "net.ipv4.ip_forward", "ipv6": "net.ipv6.conf.all.forwarding"}[missing[0]]
    remedy = f"find what sets it with 'sysctl --system', then {_site(near)}"
    return Told(f"{setting} is 0, so the host passes nothing on", remedy, near.host)


@_cause(apart=True)
def _forward_dropped(view: TunnelView) -> Told | None:
    """A chain of the host's firewall drops what the interface forwards."""
    near = view.near
    return _dropped(near.runs.forward_drops, near) if near.runs and near.runs.forward_drops else None


@_cause(always=True)
def _nat_changed(view: TunnelView) -> Told | None:
    """A NAT gave the host a new address or port while it sent nothing, and the other end sent to the old one."""
    near, far = view.near, view.far
    if near.planned_endpoint is None or far.planned_endpoint or any(peer.persistent_keepalive for peer in near.peers):
        return None
    for peer in far.peers:
        if peer.endpoint and peer.endpoint_before and peer.endpoint != peer.endpoint_before:
            text = f"{near.host} sends no keepalives, and has moved from {peer.endpoint_before} to {peer.endpoint}"
            return Told(text, f"set wireguard_persistent_keepalive: 25 for {near.host}, and {_site(near)}")
    return None


@_cause()
def _policy_denies(view: TunnelView) -> Told | None:
    """The access rules that a host has loaded drop the packets."""
    near, far = view.near, view.far
    for end in (far, near):
        if end.runs and end.runs.denied and near.has_session:
            text = f"the access rules of {end.host} dropped {end.runs.denied} packets meanwhile"
            return Told(text, f"run the playbook access to see what the policy allows, and {_site(end)}")
    return None


@_cause(always=True)
def _mtu(view: TunnelView) -> Told | None:
    """Small packets pass, and large ones are lost."""
    near = view.near
    if not near.runs:
        return None
    sizes = [(size, address) for peer in near.listed for address, size in peer.pings.items() if size]
    size, address = min(sizes, default=(near.runs.mtu, ""))
    if size >= near.runs.mtu:
        return None
    text = f"packets to {address} pass up to {size} bytes, and {near.interface} has the MTU {near.runs.mtu}"
    smallest = _IPV6_MTU if any(":" in each for each in near.options["addresses"]) else _IPV4_MTU
    if size < smallest:
        return Told(text, f"find the link on the way to {view.far.host} that carries no packets of 1500 bytes")
    return Told(text, f"set wireguard_mtu: {size} for {near.host} and {view.far.host}, and {_site(near, view.far)}")


@_cause()
def _no_reply(view: TunnelView) -> Told | None:
    """The handshake succeeds, and pings are not answered; no cause is known."""
    near, far = view.near, view.far
    if not near.runs or not near.has_session or near.carries:
        return None
    text = f"the handshake succeeds, and {far.host} does not answer pings"
    return Told(text, f"look for a chain on {far.host} or {near.host} that drops what comes by {far.interface}")


@_cause()
def _other_end_unknown(view: TunnelView) -> Told | None:
    """One end is as it should be, and the other one could not be asked."""
    near, far = view.near, view.far
    if far.found or not near.runs:
        return None
    what = f"packets leave {near.host} for {near.endpoint}" if view.sent() else f"no fault is found on {near.host}"
    text = f"{what}, and {far.host} could not be asked: {far.problem}"
    return Told(text, f"check that {far.host} runs and that Ansible reaches it")


@_cause()
def _no_cause(view: TunnelView) -> Told | None:
    """The tunnel carries no traffic, and both ends look as they should."""
    if not (view.near.found or view.far.found):
        return None
    return Told("the tunnel carries no traffic, and no cause is found", f"{_site(view.near, view.far)}, and run again")


@_cause(apart=True)
def _not_at_boot(view: TunnelView) -> Told | None:
    """The interface is up, and will not come up at the next boot."""
    near = view.near
    if not near.runs or near.runs.at_boot is not False:
        return None
    service = f"wg-quick@{near.interface}.service"
    text = f"{service} is disabled, so {near.interface} is gone after a reboot"
    return Told(text, f"run 'systemctl enable {service}', or {_site(near)}", near.host)
