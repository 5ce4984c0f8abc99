# Copyright: (c) 2026, the cryptokey.wireguard authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What managed hosts return is read with its type and range, and can be printed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.cryptokey.wireguard.plugins.module_utils._model.errors import InputError
from ansible_collections.cryptokey.wireguard.plugins.plugin_utils._hosts import results
from ansible_collections.cryptokey.wireguard.tests.unit.fleet.hostile import ESCAPE, VALUES, is_clean

Read = Callable[[Any, str], Any]

# Each reader, and which of the hostile values are right for it.
READERS: dict[str, tuple[Read, set[str]]] = {
    "mapping": (results.read_mapping, {"dictionary"}),
    "list": (results.read_list, {"list", "list of numbers", "list of dictionaries"}),
    "mappings": (lambda value, where: list(results.read_mappings(value, where)), {"list of dictionaries"}),
    "text": (results.read_text, {"text", "path", "template"}),
    "texts": (results.read_texts, set()),
    "number": (results.read_number, {"number"}),
    "integer": (results.read_integer, {"number"}),
    "flag": (results.read_flag, {"flag"}),
    "choice": (lambda value, where: results.read_choice(value, where, ["x", "y"]), {"text"}),
    "loop": (
        lambda value, where: list(results.loop_results(value, where)),
        {"none", "dictionary"},
    ),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("reader", READERS)
def test_a_value_is_read_or_refused_with_a_text_that_can_be_printed(reader: str, kind: str) -> None:
    read, right = READERS[reader]
    if kind in right:
        read(VALUES[kind], "places[3]")
        return
    with pytest.raises(InputError) as raised:
        read(VALUES[kind], "places[3]")
    text = str(raised.value)
    assert text.startswith("places[3]")
    assert "the host's answer is invalid: " in text
    assert is_clean(text)
    assert len(text) < 300


def test_ranges() -> None:
    assert results.read_integer(5, "a", 5, 5) == 5
    for value in (4, 6):
        with pytest.raises(InputError, match="out of the range 5 to 5"):
            results.read_integer(value, "a", 5, 5)
    with pytest.raises(InputError, match="longer than 3 characters"):
        results.read_text("abcd", "a", 3)


def test_the_text_of_a_choice_is_the_controllers() -> None:
    class Text(str):
        __slots__ = ()

    assert not isinstance(results.read_choice(Text("wg0"), "a", ["wg0"]), Text)


def test_what_is_printed_has_no_control_characters_and_an_end() -> None:
    assert results.one_line(f"a\n{ESCAPE}b") == "a ?]0;owned??[2Jb"
    assert results.one_line("x" * 500) == "x" * 300 + "..."
    assert results.one_line(["\x1b"]) == "['\\x1b']"
    assert results.one_line("right\u202eleft") == "right?left"
