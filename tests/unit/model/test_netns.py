# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of network namespaces: they end up in paths, units and shell commands."""

from __future__ import annotations

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.names import parse_netns
from ansible_collections.cryptokey.wireguard.plugins.module_utils._options.parser import parse_interface


@pytest.mark.parametrize("name", ["vpn", "a", "_", "my-vpn.2", "9lives", "cni-3f2b4c1e", "A=b+c", "v" * 128])
def test_a_name_is_taken_as_it_is(name: str) -> None:
    assert parse_netns(name, "netns") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/run/netns/vpn", "-vpn", ".vpn", "a b", "vpn\n", "1", "0123", "a;b", "$(a)", "é", "%i",
     "v" * 129, 7, True, ["vpn"]],
)  # fmt: skip
def test_any_other_is_refused(name: object) -> None:
    for option in ("netns", "birth_netns"):
        with pytest.raises(InputError, match="not the name of a network namespace; use letters") as caught:
            parse_interface({"interface": "wg0", option: name})
        assert (caught.value.option, caught.value.value) == (option, name)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("", "", False)),
        ({"netns": None, "birth_netns": None}, ("", "", False)),
        ({"netns": "vpn"}, ("vpn", "", True)),
        ({"netns": "vpn", "birth_netns": "vpn"}, ("vpn", "vpn", False)),
        ({"netns": "vpn", "birth_netns": "physical"}, ("vpn", "physical", True)),
        ({"birth_netns": "physical"}, ("", "physical", True)),
    ],
)
def test_what_is_not_given_is_the_hosts_own(options: dict[str, str], expected: tuple[str, str, bool]) -> None:
    desired = parse_interface({"interface": "wg0", **options})
    assert (desired.netns, desired.birth_netns, desired.is_apart) == expected
