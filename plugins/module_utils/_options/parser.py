# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module options, as Ansible hands them over, to the model: every refusal happens here, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from .._model.dns import NO_DNS, check_dns
from .._model.endpoint import Endpoint, parse_endpoint
from .._model.errors import InputError
from .._model.interface import EXACT, KEY_OF, DesiredInterface, DesiredPeer
from .._model.keys import (
    PresharedKey,
    PrivateKey,
    PublicKey,
    decode_keys,
    parse_peer_key,
    parse_preshared_key,
    parse_public_key,
)
from .._model.names import parse_new_interface_name
from .._model.prefix import InterfaceAddress, Prefix, check_host_address, parse_interface_address, parse_prefix
from .arguments import OPTIONS
from .values import parse_number

# The kernel has no IPv6 on a link with a smaller one (RFC 8200, section 5).
_IPV6_MIN_MTU = 1280


def parse_peers(entries: Sequence[Mapping[str, Any]]) -> tuple[DesiredPeer, ...]:
    """The entries of ``peers``. Raises InputError with the path of the option, such as ``peers[2].endpoint``."""
    public = decode_keys([entry["public_key"] for entry in entries])
    preshared = decode_keys([entry.get("preshared_key") for entry in entries])
    peers: list[DesiredPeer] = []
    try:
        for index, entry in enumerate(entries):
            peers.append(
                DesiredPeer(
                    PublicKey(public[index]) if public else parse_peer_key(entry["public_key"]),
                    _parse_name(entry.get("name")),
                    PresharedKey(preshared[index]) if preshared else _parse_preshared_key(entry.get("preshared_key")),
                    _parse_endpoint(entry.get("endpoint")),
                    _parse_allowed_ips(entry.get("allowed_ips")),
                    _parse_keepalive(entry.get("persistent_keepalive")),
                )
            )
    except InputError as error:
        raise error.inside(f"peers[{len(peers)}]") from None
    return tuple(peers)


def parse_absent_peers(texts: Iterable[str]) -> frozenset[PublicKey]:
    """The public keys of ``absent_peers``. Raises InputError."""
    return frozenset(parse_public_key(text, "absent_peers") for text in texts)


def _parse_preshared_key(text: str | PresharedKey | None) -> PresharedKey | None:
    """One that came sealed is a key already."""
    return text if text is None or isinstance(text, PresharedKey) else parse_preshared_key(text)


def _parse_endpoint(text: str | None) -> Endpoint | None:
    return parse_endpoint(text) if text else None


def _parse_allowed_ips(texts: Iterable[str] | None) -> frozenset[Prefix] | None:
    return None if texts is None else frozenset(map(parse_prefix, texts))


@lru_cache(maxsize=64)
def _parse_keepalive(value: object) -> int | None:
    return parse_number(value, "persistent_keepalive", 0, 65535, off=True)


def _parse_name(name: str | None) -> str | None:
    if name is None:
        return None
    if not name.isprintable():
        raise InputError("name", name, "not printable on one line", "use a plain name, such as the host's")
    return name.strip() or None


def check_peers(peers: Sequence[DesiredPeer]) -> None:
    """Refuse what the kernel would take silently and wrongly.

    One prefix on two peers moves to the last, a repeated key is merged (drivers/net/wireguard/netlink.c, set_peer).
    """
    keys = [peer.public_key for peer in peers]
    unique = set(keys)
    if len(unique) < len(keys):
        key = next(key for key in unique if keys.count(key) > 1)
        raise InputError("peers", str(key), "two peers have this public_key", "list each peer once")
    allowed = [peer.allowed_ips for peer in peers if peer.allowed_ips]
    if len(allowed) > 1 and len(frozenset().union(*allowed)) < sum(map(len, allowed)):
        _refuse_shared_prefix(peers)


def _refuse_absent(desired: DesiredInterface) -> None:
    for peer in desired.peers or () if desired.absent_peers else ():
        if peer.public_key in desired.absent_peers:
            remedy = "remove the key from one of the two lists"
            raise InputError("absent_peers", peer.label, "peers lists this public_key too", remedy)


def refuse_own_key(peers: Sequence[DesiredPeer], own: PublicKey | None) -> None:
    """The kernel ignores the interface's own key as a peer, silently (drivers/net/wireguard/netlink.c, set_peer)."""
    if own and own in map(KEY_OF, peers):
        label = next(peer.label for peer in peers if peer.public_key == own)
        raise InputError(
            "peers", label, "this is the interface's own public_key", "give the peer's key, not the host's"
        )


def _refuse_shared_prefix(peers: Iterable[DesiredPeer]) -> None:
    owners: dict[Prefix, DesiredPeer] = {}
    for peer in peers:
        for prefix in peer.allowed_ips or ():
            other = owners.setdefault(prefix, peer)
            if other is not peer:
                raise InputError(
                    "peers",
                    str(prefix),
                    f"in allowed_ips of both {other.label} and {peer.label}",
                    "give it to one peer only",
                )


def check_mtu(mtu: int | None, wanted: Iterable[Prefix | InterfaceAddress]) -> None:
    """Refuse addresses and routes, or prefixes that need one, of IPv6 on a link that is too small for it."""
    if mtu is not None and mtu < _IPV6_MIN_MTU and any(len(each.packed) == 16 for each in wanted):
        remedy = f"give {_IPV6_MIN_MTU} or more, or leave IPv6 out"
        raise InputError("mtu", mtu, f"IPv6 needs an MTU of at least {_IPV6_MIN_MTU}", remedy)


def _find_conflicts(desired: DesiredInterface) -> Iterator[InputError]:
    """Problems of the options of an interface together, where each one by itself is right."""
    yield from _refusal(check_peers, desired.peers or ())
    yield from _refusal(_refuse_absent, desired)
    if desired.dns is not None:
        yield from _refusal(check_dns, desired.dns, desired.dns_search, NO_DNS)
    if desired.netns and desired.dns:
        remedy = f"leave dns out and write /etc/netns/{desired.netns}/resolv.conf, which 'ip netns exec' reads"
        yield InputError("dns", ", ".join(desired.dns), "a network namespace has no name servers of its own", remedy)
    if desired.dns and "." in desired.interface:
        # systemd's resolvconf takes what is after the dot for a protocol, and then knows no such interface.
        problem = "with systemd-resolved, wg-quick cannot set name servers for a name with a dot"
        yield InputError("interface", desired.interface, problem, "use a name without a dot, or leave dns out")
    for address in desired.addresses or ():
        yield from _refusal(check_host_address, address, address.network)
    routed = () if desired.table == "off" else (peer.allowed_ips or () for peer in desired.peers or ())
    yield from _refusal(check_mtu, desired.mtu, chain(desired.addresses or (), chain.from_iterable(routed)))


def _refusal(check: Callable[..., None], *arguments: object) -> Iterator[InputError]:
    try:
        check(*arguments)
    except InputError as error:
        yield error


def parse_interface(options: Mapping[str, Any], private_key: PrivateKey | None = None) -> DesiredInterface:
    """The options that ``interface`` and ``config`` share, to the model. Raises InputError."""
    peers = options.get("peers")
    desired = _read_interface(options, private_key, None if peers is None else parse_peers(peers))
    for error in _find_conflicts(desired):
        raise error
    return desired


def find_problems(options: Mapping[str, Any], peers: tuple[DesiredPeer, ...]) -> Iterator[InputError]:
    """All that ``parse_interface`` would refuse on a host, whose options the controller has as a whole.

    What is not given there is not expected to be there either: name servers, for one. ``peers`` are those of the
    options, parsed, as many hosts share them.
    """
    try:
        desired = _read_interface({"dns": (), **options}, None, peers)
    except InputError as error:
        yield error
    else:
        yield from _find_conflicts(desired)


def _read_interface(
    options: Mapping[str, Any], private_key: PrivateKey | None, peers: tuple[DesiredPeer, ...] | None
) -> DesiredInterface:
    """Each option by itself. Raises InputError."""
    addresses = options.get("addresses")
    given = {name: options[name] for name in OPTIONS if options.get(name) is not None}
    return DesiredInterface(
        interface=parse_new_interface_name(options["interface"]),
        private_key=private_key,
        addresses=None if addresses is None else tuple(dict.fromkeys(map(parse_interface_address, addresses))),
        peers=peers,
        peers_mode=options.get("peers_mode") or EXACT,
        absent_peers=parse_absent_peers(options.get("absent_peers") or ()),
        **{name: OPTIONS[name].parse(value, name) for name, value in given.items()},
    )
