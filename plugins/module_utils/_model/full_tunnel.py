# Copyright: (c) 2026, the cryptokey.wireguard authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A default route through the tunnel, the way wg-quick(8) does it.

The tunnel's own UDP packets carry the fwmark; a rule sends everything without it to a table of the same
number, and a rule before that lets the main table's more specific routes win. A netfilter table keeps
strangers from spoofing the tunnel's addresses and restores the mark on the tunnel's incoming packets, so
that the reverse path filter looks them up where they are sent.

One thing is added: a connection that came in from outside is answered outside. Without it, the first
default route through the tunnel would cut the SSH session that set it up.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from .interface import DesiredInterface
from .prefix import InterfaceAddress, Prefix, format_ip

FIRST_TABLE = 51820

NFT_FAMILY = {int(socket.AF_INET): "ip", int(socket.AF_INET6): "ip6"}
DEFAULT_ROUTE = {int(socket.AF_INET): Prefix(bytes(4), 0), int(socket.AF_INET6): Prefix(bytes(16), 0)}

CHAINS = {
    "preraw": "type filter hook prerouting priority -300",
    "premangle": "type filter hook prerouting priority -150",
    "postmangle": "type filter hook postrouting priority -150",
}
OUTSIDE_CHAINS = {
    "inbound": "type filter hook prerouting priority -149",
    "outbound": "type route hook output priority -150",
}


def full_tunnel_families(table: str, allowed_ips: Iterable[frozenset[Prefix]]) -> tuple[int, ...]:
    """The families whose default route goes through the tunnel: those with a /0 in some peer's allowed_ips."""
    if table != "auto":
        return ()
    every = list(allowed_ips)
    return tuple(family for family, default in DEFAULT_ROUTE.items() if any(default in prefixes for prefixes in every))


def netfilter_table(interface: str) -> str:
    """wg-quick's own name for it, so that ``wg-quick down`` removes what we made and the other way round."""
    return f"wg-quick-{interface}"


def netfilter_rules(
    interface: str, family: int, fwmark: int, addresses: Iterable[InterfaceAddress], outside_replies: bool
) -> frozenset[str]:
    """The rules of the interface's own table as ``CHAIN EXPRESSION``, each as ``nft list`` prints it."""
    ip = NFT_FAMILY[family]
    own = (format_ip(address.packed) for address in addresses if address.family == family)
    return frozenset(
        (
            *(f'preraw iifname != "{interface}" {ip} daddr {address} fib saddr type != local drop' for address in own),
            f"postmangle meta l4proto udp meta mark {fwmark} ct mark set meta mark",
            "premangle meta l4proto udp meta mark set ct mark",
            *(_outside_rules(interface, str(fwmark)) if outside_replies else ()),
        )
    )


def _outside_rules(interface: str, fwmark: str) -> tuple[str, ...]:
    """Whatever arrives for this host from another interface marks its connection, and what the host sends on a
    connection so marked is routed like the tunnel's own packets. Only TCP: the tunnel's own UDP is wg-quick's."""
    return (
        f'inbound iifname != "{interface}" meta l4proto tcp ct mark 0 fib daddr type local ct mark set {fwmark}',
        f"outbound meta l4proto tcp ct mark {fwmark} meta mark set ct mark",
    )


def answers_outside(rules: Iterable[str]) -> bool:
    """Whether these rules of a table have connections from outside answered there."""
    return any(rule.startswith("outbound ") for rule in rules)


def netfilter_script(interface: str, family: int, rules: Iterable[str]) -> str:
    """Render one ``nft -f`` transaction that replaces the table, whatever is in it."""
    table = f"{NFT_FAMILY[family]} {netfilter_table(interface)}"
    lines = [f"add table {table}", f"delete table {table}", f"add table {table}"]
    lines += [f"add chain {table} {name} {{ {hook}; }}" for name, hook in {**CHAINS, **OUTSIDE_CHAINS}.items()]
    lines += [f"add rule {table} {rule}" for rule in sorted(rules)]
    return "\n".join(lines) + "\n"


def post_up_commands(desired: DesiredInterface) -> tuple[str, ...]:
    """What ``PostUp`` has to add to wg-quick's own doing; ``wg-quick down`` deletes the table with it all.

    wg-quick chooses the mark when it brings the interface up, so it is asked for then.
    """
    if not desired.outside_replies:
        return ()
    allowed = [peer.allowed_ips for peer in desired.peers or () if peer.allowed_ips]
    commands = []
    for family in full_tunnel_families(desired.table, allowed):
        table = f"{NFT_FAMILY[family]} {netfilter_table('%i')}"
        statements = [f"add chain {table} {name} {{ {hook}; }}" for name, hook in OUTSIDE_CHAINS.items()]
        statements += [f"add rule {table} {rule}" for rule in _outside_rules("%i", "'$(wg show %i fwmark)'")]
        commands.append("nft '" + "; ".join(statements) + "'")
    return tuple(commands)
