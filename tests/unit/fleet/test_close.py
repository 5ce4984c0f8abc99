# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which name was meant: close ones are suggested, far-fetched ones are not."""

from __future__ import annotations

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.close import closest, nearest
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.option_parsers import HOST_OPTIONS


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("address", "addresses"),
        ("adress", "addresses"),
        ("endpont", "endpoint"),
        ("endpoints", "endpoint"),
        ("listenport", "listen_port"),
        ("mut", "mtu"),
        ("tabel", "table"),
        ("hubs", "hub"),
        ("dns1", "dns"),
        ("keep_route", "keep_routes"),
        ("exporter_port", None),
        ("postup", None),
        ("port", None),
        ("config", None),
        ("private_key", None),
        ("allowed_ips", None),
        ("state", None),
        ("version", None),
    ],
)
def test_a_close_name(written: str, meant: str | None) -> None:
    assert closest(written, HOST_OPTIONS) == meant


def test_without_a_close_one_the_valid_names_are_listed() -> None:
    assert nearest("allowed", ("allowed_ips", "endpoint")) == "did you mean allowed_ips?"
    assert nearest("x", ("b", "a", "hub")) == "write one of a, b, hub"
    assert nearest("bob", ("hub",)) == "write hub"
    assert nearest("bob", ("hub", "dns")) == "write one of dns, hub"
    assert nearest("bob", ()) == "there are no valid names"
