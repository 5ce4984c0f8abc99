# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all hosts must agree on, as old and new versions of ansible-core hand it over."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import FleetError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.inventory import Inventory

NETWORKS = "wireguard_networks"
TEMPLATE = {"home": {"preshared_secret": "{{ secret }}"}}
RESOLVED = {"home": {"preshared_secret": "abc"}}


class HostVars(dict[str, dict[str, Any]]):
    """Hosts to their templated variables; ``raw`` are those before. ``asked`` counts what was templated."""

    def __init__(self, raw: dict[str, dict[str, Any]], templated: dict[str, dict[str, Any]]) -> None:
        super().__init__({host: Variables(values, self) for host, values in templated.items()})
        self.raw = raw
        self.asked = 0

    def raw_get(self, host: str) -> dict[str, Any]:
        return self.raw[host]


class Variables(dict[str, Any]):
    def __init__(self, values: dict[str, Any], owner: HostVars) -> None:
        super().__init__(values)
        self._owner = owner

    def __getitem__(self, name: str) -> Any:
        self._owner.asked += 1
        return super().__getitem__(name)


def inventory(hostvars: HostVars) -> Inventory:
    variables = {"hostvars": hostvars, "groups": {"all": [*hostvars]}, "ansible_play_hosts_all": [*hostvars]}
    return Inventory(variables, (), lambda _name: pytest.fail("no cache"), KeyError)


def test_one_host_is_templated_for_all_whose_template_uses_the_same() -> None:
    names = [f"host{number}" for number in range(100)]
    raw = {name: {NETWORKS: TEMPLATE, "secret": "abc", "other": name} for name in names}
    hostvars = HostVars(raw, {name: {NETWORKS: RESOLVED} for name in names})
    assert inventory(hostvars).agreed(NETWORKS) == RESOLVED
    assert hostvars.asked == 1


@pytest.mark.parametrize("first", ["a", "z"])
def test_a_host_that_lacks_what_the_template_uses_does_not_count(first: str) -> None:
    """ansible-core before 2.19 then leaves the template as it is."""
    raw = {name: {NETWORKS: TEMPLATE, **({} if name == first else {"secret": "abc"})} for name in "abz"}
    templated = {name: {NETWORKS: TEMPLATE if name == first else RESOLVED} for name in raw}
    assert inventory(HostVars(raw, templated)).agreed(NETWORKS) == RESOLVED


def test_another_value_of_one_template_is_refused_without_being_shown() -> None:
    raw = {name: {NETWORKS: TEMPLATE, "secret": name} for name in "ab"}
    templated = {name: {NETWORKS: {"home": {"preshared_secret": name * 20}}} for name in raw}
    with pytest.raises(FleetError) as caught:
        inventory(HostVars(raw, templated)).agreed(NETWORKS)
    assert str(caught.value).startswith(
        "wireguard_networks.home.preshared_secret: a and b define it differently; define it once, for all hosts"
    )
    assert "aaa" not in str(caught.value)
