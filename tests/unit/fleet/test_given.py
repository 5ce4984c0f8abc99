# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not given, in every way that people and Ansible write it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.errors import Problems
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._inventory.given import normalise

PLACEHOLDER = "__omit_place_holder__" + "0123456789" * 4
OMITTED = type("_OmitType", (), {"__str__": lambda _self: "<<Omit>>"})()


@pytest.mark.parametrize("value", [None, "", PLACEHOLDER, OMITTED])
def test_a_list_of_nothing_but_what_is_not_given_is_not_given(value: Any) -> None:
    problems = Problems()
    assert normalise(value, "a", problems) is None
    assert normalise([value, value], "a", problems) is None
    assert normalise(["10.8.0.1", value], "a", problems) == ["10.8.0.1"]
    assert normalise({"b": value, "c": [value]}, "a", problems) == {"b": None, "c": None}
    assert not problems


def test_a_list_that_is_written_empty_clears() -> None:
    assert normalise([], "a", Problems()) == []
