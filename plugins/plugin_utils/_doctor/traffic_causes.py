# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a tunnel carries no traffic: what happens to packets, from the wire up to the peer's addresses. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from .answers import Way
from .cause import Cause, Told, add_to, run_site, shown
from .tunnel import RESPONSE, ExaminedEnd, TunnelView

_CLOCK_SECONDS = 60
# The least that the option mtu takes (RFC 8200, section 5).
_IPV4_MTU, _IPV6_MTU = 576, 1280

TRAFFIC_CAUSES: list[Cause] = []
_cause = add_to(TRAFFIC_CAUSES)


@_cause()
def _nothing_leaves(view: TunnelView) -> Told | None:
    """The host should send packets to the endpoint, and sends none."""
    near = view.near
    if not near.runs or near.runs.seen is None or not near.endpoint or view.sent():
        return None
    text = f"no packet leaves {near.host} for {shown(near.endpoint, near)}"
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
            # sysctl writes the dot in the name of a VLAN as a slash.
            setting = shlex.quote(f"net.ipv4.conf.{link.replace('.', '/')}.rp_filter=2")
            return Told(text, f"correct the route to {each.host}, or run 'sysctl {setting}'")
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
        return Told(text + shown(near.endpoint, near), remedy)
    # Where this end does not accept packets, it does not follow the other one to a new address either.
    if not any((each.host, each.port) == near.endpoint for each in view.flipped.arrived()):
        return None
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
    remedy = (
        f"set the clock of {near.host} by NTP; if it is right now, remove the peer on {far.host} and {run_site(far)}"
    )
    return Told(text, remedy)


@_cause()
def _not_accepted(view: TunnelView) -> Told | None:
    """Packets arrive, and WireGuard does not accept them; no cause is known."""
    near, far = view.near, view.far
    if not view.arrived() or (near.has_session and any(peer.received for peer in far.peers)):
        return None
    if any(each.kind == RESPONSE for each in view.flipped.arrived()):
        text = f"{far.host} answers handshakes from {near.host}, and WireGuard there does not accept the answers"
        return Told(text, run_site(near, far))
    text = f"packets from {near.host} arrive at {far.host}, and WireGuard there does not accept them"
    remedy = f"look for a chain of another hook than input that drops UDP on {far.host}; then {run_site(near, far)}"
    return Told(text, remedy)


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
            return Told(f"{view.near.host} has no route to {way.prefix}", run_site(view.near))
    return None


@_cause(always=True)
def _wrong_route(view: TunnelView) -> Told | None:
    """A route or a policy rule sends packets for the peer's addresses elsewhere."""
    for way in _ways(view):
        near = view.near
        if way.link != near.interface:
            text = f"{near.host} sends packets for {way.prefix} to {way.link}, and not to {near.interface}"
            address = way.prefix.partition("/")[0]
            return Told(
                text, f"find the rule or route with 'ip rule' and 'ip route get {address}', then {run_site(near)}"
            )
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
    remedy = f"find what sets it with 'sysctl --system', then {run_site(near)}"
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
            return Told(text, f"set wireguard_persistent_keepalive: 25 for {near.host}, and {run_site(near)}")
    return None


@_cause()
def _policy_denies(view: TunnelView) -> Told | None:
    """The access rules that a host has loaded drop the packets."""
    near, far = view.near, view.far
    for end in (far, near):
        if end.runs and end.runs.denied and near.has_session:
            text = f"the access rules of {end.host} dropped {end.runs.denied} packets meanwhile"
            return Told(text, f"run the playbook access to see what the policy allows, and {run_site(end)}")
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
    return Told(text, f"set wireguard_mtu: {size} for {near.host} and {view.far.host}, and {run_site(near, view.far)}")


@_cause()
def _no_reply(view: TunnelView) -> Told | None:
    """The handshake succeeds, and pings are not answered; no cause is known."""
    near, far = view.near, view.far
    if not near.has_session or near.carries or not any(peer.received for peer in near.peers):
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
    return Told(
        "the tunnel carries no traffic, and no cause is found", f"{run_site(view.near, view.far)}, and run again"
    )


@_cause(apart=True)
def _not_at_boot(view: TunnelView) -> Told | None:
    """The interface is up, and will not come up at the next boot."""
    near = view.near
    if not near.runs or near.runs.at_boot is not False:
        return None
    service = f"wg-quick@{near.interface}.service"
    text = f"{service} is disabled, so {near.interface} is gone after a reboot"
    return Told(text, f"run 'systemctl enable {service}', or {run_site(near)}", near.host)
