# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listing of nft back to rules, as Debian 12's nft 1.0.6 prints it."""

from __future__ import annotations

import socket

from ansible_collections.cryptokey.wireguard.plugins.module_utils._kernel.netfilter import parse_listing
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.full_tunnel import netfilter_rules
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.prefix import parse_interface_address

LISTING = """table ip wg-quick-wg0 {
    chain preraw {
        type filter hook prerouting priority raw; policy accept;
        iifname != "wg0" ip daddr 10.9.0.2 fib saddr type != local drop
    }

    chain premangle {
        type filter hook prerouting priority mangle; policy accept;
        meta l4proto udp meta mark set ct mark
    }

    chain postmangle {
        type filter hook postrouting priority mangle; policy accept;
        meta l4proto udp meta mark 0x0000ca6c ct mark set meta mark
    }
}
"""


def test_what_nft_lists_is_what_was_asked_for() -> None:
    addresses = [parse_interface_address("10.9.0.2/24"), parse_interface_address("fd00::2/64")]
    wanted = netfilter_rules("wg0", socket.AF_INET, 51820, addresses, outside_replies=False)
    assert parse_listing(LISTING) == wanted


def test_an_empty_table_has_no_rules() -> None:
    assert parse_listing("table ip wg-quick-wg0 {\n}\n") == frozenset()
